"""The product lives at the sandbox's time: what a person sees of a subscription when the clock is moved."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from entrypoints.sandbox.passage import Passage
from entrypoints.sandbox.run import CLOCK, RunningSandbox, SandboxOptionError, SandboxOptions, running_sandbox
from entrypoints.sandbox.stripe import WebhookTiming
from tests.integration.sandbox.stripe.conftest import until

ANNA = 1001
EMAIL = "anna.petrova@example.com"
GRACE = timedelta(hours=72)


class Customer:
    """Somebody who buys a subscription, and what the bot is told of them."""

    def __init__(self, sandbox: RunningSandbox, client: httpx.AsyncClient) -> None:
        self._sandbox, self._client = sandbox, client

    async def subscribe(self) -> None:
        """Pay, and redeem the link."""
        form = {"plan": "sub_monthly", "email": EMAIL, "locale": "ru", "clickid": "click-1"}
        checkout = await self._client.post("/pay", data=form)
        await self._client.post(checkout.url, data={"choice": "card"})
        mails = self._sandbox.world.mailbox.messages
        await until(lambda: bool(mails()), seconds=20)
        link = re.search(r"/t\.me/\S+?start=([\w-]{20,})", str(mails()[0].text))
        assert link is not None
        body = {"activation_token": link[1], "telegram_user_id": ANNA}
        (await self._client.post("/api/access/activate", json=body)).raise_for_status()

    async def status(self) -> tuple[bool, str]:
        """Whether the bot lets them in, and why."""
        answer = await self._client.post(
            "/api/bot/access/status",
            json={"telegram_user_id": ANNA},
            headers={"X-Internal-Token": self._sandbox.world.keys.internal_api_token},
        )
        found: dict[str, Any] = answer.raise_for_status().json()
        return found["is_paid"], found["access_status"]


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[RunningSandbox]:
    """Product and outside world at one time."""
    timing = WebhookTiming(retry_after_seconds=(0.2, 0.5, 1, 2))
    options = SandboxOptions(port=0, product_port=0, data=tmp_path / "kept", webhook_timing=timing)
    async with running_sandbox(options) as running:
        yield running


@pytest.fixture
def passage(sandbox: RunningSandbox) -> Passage:
    """How its time is moved."""
    assert sandbox.world.passage is not None
    return sandbox.world.passage


@pytest.fixture
async def customer(sandbox: RunningSandbox) -> AsyncIterator[Customer]:
    """With a subscription."""
    async with httpx.AsyncClient(base_url=sandbox.product_url, follow_redirects=True, trust_env=False) as client:
        somebody = Customer(sandbox, client)
        await somebody.subscribe()
        yield somebody


async def test_renewals_keep_the_customer_in(customer: Customer, passage: Passage) -> None:
    """Three months in one step."""
    await passage.forward(timedelta(days=92))
    assert await customer.status() == (True, "active")


async def test_failed_renewal_is_grace_and_then_the_end(
    sandbox: RunningSandbox, customer: Customer, passage: Passage
) -> None:
    """Access is good until the grace is over; the last retry changes nothing more."""
    sandbox.world.troubles.renewals_fail = True
    end = passage.next_period_end()
    assert end is not None
    await passage.to(end)
    assert await customer.status() == (True, "active")
    await passage.to(end + GRACE)
    assert await customer.status() == (False, "expired")
    await passage.forward(timedelta(days=10))
    assert sandbox.world.stripe.engine.world.all("subscription")[0]["status"] == "canceled"
    assert await customer.status() == (False, "expired")


async def test_retry_that_pays_brings_the_customer_back(
    sandbox: RunningSandbox, customer: Customer, passage: Passage
) -> None:
    """Though the access had ended."""
    sandbox.world.troubles.renewals_fail = True
    await passage.forward(timedelta(days=35))
    assert await customer.status() == (False, "expired")
    sandbox.world.troubles.renewals_fail = False
    await passage.forward(timedelta(days=3))
    assert await customer.status() == (True, "active")


async def test_planned_cancellation_ends_access_with_the_paid_time(
    sandbox: RunningSandbox, customer: Customer, passage: Passage
) -> None:
    """Without any grace: nothing was late."""
    (sub,) = sandbox.world.stripe.engine.world.all("subscription")
    sandbox.world.stripe.engine.plan_cancellation(sub["id"], planned=True, metadata={})
    await passage.to(passage.clock.now() + timedelta(days=27))
    assert await customer.status() == (True, "active")
    end = passage.next_period_end()
    assert end is not None
    await passage.to(end)
    assert await customer.status() == (False, "expired")


async def test_kept_sandbox_does_not_fall_back_in_time(tmp_path: Path) -> None:
    """What is in its database would be in the future."""
    options = SandboxOptions(port=0, product_port=0, data=tmp_path)
    async with running_sandbox(options) as running:
        passage = running.world.passage
        assert passage is not None
        await passage.forward(timedelta(days=30))
        left = passage.clock.now()
    async with running_sandbox(options) as running:
        assert running.world.passage is not None
        assert running.world.passage.clock.now() >= left


@pytest.mark.parametrize("text", ["{}", '{"ahead_seconds": -1}', "soon"])
async def test_damaged_clock_is_one_line(tmp_path: Path, text: str) -> None:
    """That names the file."""
    (tmp_path / CLOCK).write_text(text)
    with pytest.raises(SandboxOptionError, match=CLOCK):
        async with running_sandbox(SandboxOptions(port=0, product_port=0, data=tmp_path)):
            pass
