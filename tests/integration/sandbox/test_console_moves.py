"""The console's buttons for what comes after a payment: each does what it says, and is gone when it cannot."""

from datetime import UTC, datetime

import httpx
import pytest

from entrypoints.sandbox.console.moves import MOVES
from tests.integration.sandbox.conftest import Console


async def test_nothing_bought_has_no_buttons(console: Console) -> None:
    """There is nothing that they could act on."""
    assert await console.buttons() == []


async def test_renewal_is_a_paid_invoice_whose_period_follows_the_last_one(console: Console) -> None:
    """Press after press, each a month further."""
    await console.buy(subscription=True)
    for _ in range(2):
        html = await console.press("subscription-renew")
    periods = [bill["lines"]["data"][0]["period"] for bill in console.all("invoice")]
    assert [bill["status"] for bill in console.all("invoice")] == ["paid"] * 3
    assert [one["end"] for one in periods[:-1]] == [one["start"] for one in periods[1:]]
    assert f"{datetime.fromtimestamp(periods[-1]['end'], UTC):%-d %b %Y}" in html
    assert console.events().count("invoice.paid") == 3


async def test_failed_renewal_is_mended_by_a_retry(console: Console) -> None:
    """Past due, with a button that pays; then all is as before."""
    await console.buy(subscription=True)
    assert 'data-status="past_due"' in await console.press("subscription-renewal-fails")
    assert console.events()[-2:] == ["invoice.payment_failed", "customer.subscription.updated"]
    assert "subscription-renew" not in await console.buttons()
    assert 'data-status="active"' in await console.press("subscription-retry-pays")
    assert [bill["status"] for bill in console.all("invoice")] == ["paid", "paid"]


async def test_planned_cancellation_can_be_undone_or_come_true(console: Console) -> None:
    """Until the period ends it is only a plan."""
    await console.buy(subscription=True)
    await console.press("subscription-plan-cancel")
    (subscription,) = console.all("subscription")
    assert subscription["cancel_at_period_end"]
    await console.press("subscription-keep")
    assert not subscription["cancel_at_period_end"]
    await console.press("subscription-plan-cancel")
    await console.press("subscription-renew")
    assert (subscription["status"], console.events()[-1]) == ("canceled", "customer.subscription.deleted")
    assert len(console.all("invoice")) == 1
    assert not [name for name in await console.buttons() if name.startswith("subscription")]


async def test_cancel_now_ends_it(console: Console) -> None:
    """At once."""
    await console.buy(subscription=True)
    assert "Subscription, ended" in await console.press("subscription-cancel")
    assert console.events()[-1] == "customer.subscription.deleted"


@pytest.mark.parametrize("subscription", [False, True])
async def test_refund_in_two_halves_and_one_that_comes_back(console: Console, *, subscription: bool) -> None:
    """In part, then whole; no third one; the bank's return undoes its part."""
    await console.buy(subscription=subscription)
    (charge,) = console.all("charge")
    assert "refunded in part" in await console.press("payment-refund-part")
    assert charge["amount_refunded"] == charge["amount"] // 2
    assert 'data-status="refunded"' in await console.press("payment-refund")
    assert charge["refunded"] is True
    assert not [name for name in await console.buttons() if name.startswith("payment")]
    await console.press("refund-fail")
    assert (charge["refunded"], console.events()[-1]) == (False, "refund.failed")


@pytest.mark.parametrize(("button", "status"), [("dispute-won", "won"), ("dispute-lost", "lost")])
async def test_dispute_is_decided_by_a_button(console: Console, button: str, status: str) -> None:
    """And only once."""
    await console.buy(subscription=False)
    assert 'data-status="open"' in await console.press("payment-dispute")
    assert "payment-dispute" not in await console.buttons()
    assert f'data-status="{status}"' in await console.press(button)
    assert console.events()[-1] == "charge.dispute.closed"
    assert not [name for name in await console.buttons() if name.startswith("dispute")]


async def test_inquiry_becomes_a_dispute(console: Console) -> None:
    """Or is closed as what it is."""
    await console.buy(subscription=False)
    assert "Inquiry" in await console.press("payment-inquiry")
    await console.press("dispute-escalate")
    assert [one["status"] for one in console.all("dispute")] == ["needs_response"]
    await console.buy(subscription=False)
    await console.press("payment-inquiry")
    await console.press("dispute-won")
    assert [one["status"] for one in console.all("dispute")] == ["needs_response", "warning_closed"]


@pytest.mark.parametrize(("kind", "move"), [(kind, move) for kind, moves in MOVES.items() for move in moves])
async def test_button_on_what_does_not_exist_says_so(browser: httpx.AsyncClient, kind: str, move: str) -> None:
    """Stripe's own reason, on the page."""
    answer = await browser.post(f"/console/stripe/{kind}/none_such", data={"move": move})
    assert answer.status_code == 409
    assert 'data-testid="notice"' in answer.text


@pytest.mark.parametrize("path", ["payment/pi_1", "weather/w_1"])
async def test_unknown_button_is_refused(browser: httpx.AsyncClient, path: str) -> None:
    """There is no such move, or no such kind of object."""
    assert (await browser.post(f"/console/stripe/{path}", data={"move": "fly"})).status_code == 404
