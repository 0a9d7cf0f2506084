"""The shop sells, over a webhook and a file; and its repository keeps every contract of the core's ports."""

import asyncio
import sys
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from file_store import FileStore
from shop import shop

from paywall_core import AccessTokens, PaymentNotification, PaymentSucceeded
from paywall_core.errors import InvalidSignature
from paywall_core.ports.payments import PaymentWebhook
from paywall_core.testing import FakeClock, FakeGateway, Ports, SeededRandomness
from paywall_core.testing.contract import DatabaseContract

TOKENS = AccessTokens([b"a secret of this test"])


class PlainWebhook(PaymentWebhook):
    """A provider that sends our own notification as JSON, and signs with a word."""

    def read(self, body: bytes, signature: str, *, now: datetime) -> PaymentNotification:  # noqa: ARG002  - it has no time
        """Check and decode."""
        if signature != "genuine":
            raise InvalidSignature
        return msgspec.json.decode(body, type=PaymentNotification)


class TestFileStore(DatabaseContract):
    """Every contract, over the file."""

    @pytest.fixture(autouse=True)
    def place(self, tmp_path: Path) -> None:
        """A file of the test's own."""
        self.path = tmp_path / "orders.pickle"

    async def open(self) -> Ports:
        """An empty one."""
        return Ports.of_store(FileStore(self.path))


@pytest.mark.parametrize(("plan", "days"), [("week", 7), ("lifetime", 9000)])
def test_who_paid_gets_in_also_after_a_restart(tmp_path: Path, plan: str, days: int) -> None:
    """Bought, paid, told of twice, redeemed; and out again when the time that was bought is over."""
    clock, path = FakeClock(), tmp_path / "orders.pickle"

    def client() -> httpx.AsyncClient:
        app = shop(
            store=FileStore(path),
            gateway=FakeGateway(clock),
            webhook=PlainWebhook(),
            tokens=TOKENS,
            clock=clock,
            randomness=SeededRandomness(1),
        )
        return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop.example")

    async def buy() -> None:
        async with client() as web:
            answer = await web.post("/buy", params={"plan": plan, "email": "anna@example.com"})
            session = answer.json().rpartition("/")[2]
            (order,) = FileStore(path).tables.orders.values()
            told = PaymentNotification(
                event_id="evt_1",
                event_type="paid",
                occurred_at=clock.now(),
                payload=b"{}",
                references=(session,),
                events=(PaymentSucceeded(payment_id="p_1", paid_at=clock.now(), session_id=session),),
            )
            body = msgspec.json.encode(told)
            with pytest.raises(InvalidSignature):
                await web.post("/webhook", content=body, headers={"x-signature": "forged"})
            for _ in range(2):
                assert (await web.post("/webhook", content=body, headers={"x-signature": "genuine"})).is_success
            assert (await web.get("/member", params={"user": 5})).json() is False
            token = TOKENS.issue(order.id, 1)
            assert (await web.post("/enter", params={"token": token, "user": 5})).json() == plan

    async def is_member(user: int) -> bool:
        async with client() as web:  # a process that has just started
            return bool((await web.get("/member", params={"user": user})).json())

    asyncio.run(buy())
    assert asyncio.run(is_member(5))
    assert not asyncio.run(is_member(6))
    clock.advance(timedelta(days=days) - timedelta(seconds=1))
    assert asyncio.run(is_member(5))
    clock.advance(timedelta(seconds=1))
    assert asyncio.run(is_member(5)) is (plan == "lifetime")
