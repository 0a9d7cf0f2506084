"""The site lets in who paid and redeemed, by Django's own test client; everybody else is sent to pay."""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path

import django
from django.conf import settings

sys.path.insert(0, str(Path(__file__).parent))

from paywall_core import (
    AccessTokens,
    Mode,
    Order,
    PaymentNotification,
    PaymentSucceeded,
    RecordPayment,
    Terms,
)
from paywall_core.testing import FakeClock, InMemoryStore, SeededRandomness

STORE, CLOCK, TOKENS = InMemoryStore(), FakeClock(), AccessTokens([b"a secret of this test"])


async def sell() -> str:
    """An order that is paid: its token."""
    order = Order.place(
        order_id=SeededRandomness().new_id(),
        email="anna@example.com",
        plan="a month of lessons",
        terms=Terms(mode=Mode.ONE_TIME, duration_days=30),
        clickid="",
        locale="en",
        telegram_chat_id=None,
        now=CLOCK.now(),
    )
    async with STORE.unit_of_work() as work:
        await work.orders.add(order)
        await work.commit()
    told = PaymentNotification(
        event_id="evt_1",
        event_type="paid",
        occurred_at=CLOCK.now(),
        payload=b"{}",
        order_id=order.id,
        events=(PaymentSucceeded(payment_id="p_1", paid_at=CLOCK.now()),),
    )
    await RecordPayment(unit_of_work=STORE.unit_of_work, clock=CLOCK)(told)
    return TOKENS.issue(order.id, 1)


def test_member_is_who_paid_and_redeemed() -> None:
    """Nobody before; the first account that presses the link then, and no second; and nobody when the month is over."""
    settings.configure(
        ROOT_URLCONF="members",
        SECRET_KEY="of this test",  # noqa: S106  - made up
        ALLOWED_HOSTS=["testserver"],
        PAYWALL=STORE,
        CLOCK=CLOCK,
        TOKENS=TOKENS,
    )
    django.setup()
    from django.core.signing import get_cookie_signer
    from django.test import Client

    def browser(account: int) -> Client:
        client = Client()
        client.cookies["account"] = get_cookie_signer(salt="account").sign(str(account))
        return client

    anna, bob = browser(5), browser(6)
    assert anna.get("/course").headers["Location"] == "/pay"
    token = asyncio.run(sell())
    assert anna.get("/course").status_code == 302
    assert anna.get("/enter/forged").status_code == 403
    assert anna.get(f"/enter/{token}").headers["Location"] == "/course"
    assert anna.get("/course").content == b"lesson one"
    refused = bob.get(f"/enter/{token}")
    assert (refused.status_code, refused.content) == (403, b"ActivationTokenUsed")
    assert bob.get("/course").headers["Location"] == "/pay"
    CLOCK.advance(timedelta(days=30))
    assert anna.get("/course").headers["Location"] == "/pay"
