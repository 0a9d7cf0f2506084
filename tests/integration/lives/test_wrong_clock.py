"""This machine's clock runs wrong, and no webhook has come yet: what was bought lasts as long as it was bought for."""

from datetime import timedelta
from typing import Final

import pytest

from paywall_core.testing import FakeClock
from tests.integration.lives.world import BEGIN, product_running, stripe_running

_HALF_AN_HOUR: Final = timedelta(minutes=30)
_BOUGHT: Final = timedelta(days=30)


@pytest.mark.parametrize("wrong_by", [-_HALF_AN_HOUR, timedelta(), _HALF_AN_HOUR], ids=["behind", "right", "ahead"])
async def test_purchase_that_we_asked_about_ends_by_stripes_clock(sqlite_url: str, wrong_by: timedelta) -> None:
    """The success page asks Stripe before the event arrives; thirty days from Stripe's moment, before it and after."""
    theirs, ours = FakeClock(BEGIN), FakeClock(BEGIN + wrong_by)
    async with (
        stripe_running(theirs) as stripe,
        product_running(sqlite_url, stripe, ours, ONE_TIME_BASIC_DAYS=str(_BOUGHT.days)) as world,
    ):
        started = await world.checkout("one_time", "customer@mail.example", chat="1000")
        stripe.engine.pay(started.session_id)
        answer = await world.client.get("/api/payment/session-status", params={"session_id": started.session_id})
        assert (answer.status_code, answer.json()["payment_status"]) == (200, "paid")
        assert (await world.order(started.order_id)).entitlement.access_until == BEGIN + _BOUGHT
        (event,) = [one for one in stripe.engine.world.all("event") if one["type"] == "checkout.session.completed"]
        await world.webhook(event)
        assert (await world.order(started.order_id)).entitlement.access_until == BEGIN + _BOUGHT
