"""A payment's later life: renewals, refunds that fail, disputes."""

from collections.abc import Callable

import pytest

from entrypoints.sandbox.stripe import StripeRefusal, StripeSandbox
from tests.integration.sandbox.stripe.conftest import event_types, sdk, session_params

# The SDK hands its body to httpx by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")


async def _bought(sandbox: StripeSandbox, mode: str) -> dict[str, str]:
    async with sdk(sandbox) as client:
        session = await client.v1.checkout.sessions.create_async(session_params(mode))
    return sandbox.engine.pay(session.id)


async def test_renewal_bills_the_next_period(sandbox: StripeSandbox) -> None:
    """The new invoice's line begins where the first one's ended."""
    session = await _bought(sandbox, "subscription")
    sandbox.engine.renew(session["subscription"])
    first, second = sandbox.engine.world.all("invoice")
    assert second["lines"]["data"][0]["period"]["start"] == first["lines"]["data"][0]["period"]["end"]
    assert (second["billing_reason"], second["status"]) == ("subscription_cycle", "paid")
    assert event_types(sandbox)[-1] == "invoice_payment.paid"


async def test_failed_renewal_is_past_due_until_paid(sandbox: StripeSandbox) -> None:
    """A retry with a good card mends it."""
    session = await _bought(sandbox, "subscription")
    subscription = sandbox.engine.renew(session["subscription"], succeeds=False)
    assert subscription["status"] == "past_due"
    assert event_types(sandbox)[-2:] == ["invoice.payment_failed", "customer.subscription.updated"]
    sandbox.engine.pay_invoice(subscription["latest_invoice"])
    assert subscription["status"] == "active"
    assert sandbox.engine.world.all("invoice")[-1]["status"] == "paid"


async def test_planned_cancellation_comes_true_at_the_periods_end(sandbox: StripeSandbox) -> None:
    """Nothing more is billed."""
    session = await _bought(sandbox, "subscription")
    sandbox.engine.plan_cancellation(session["subscription"], planned=True, metadata={})
    subscription = sandbox.engine.renew(session["subscription"])
    assert subscription["status"] == "canceled"
    assert len(sandbox.engine.world.all("invoice")) == 1
    with pytest.raises(StripeRefusal):
        sandbox.engine.renew(session["subscription"])


async def test_refund_that_fails_gives_the_charge_back(sandbox: StripeSandbox) -> None:
    """The amount refunded goes down again."""
    session = await _bought(sandbox, "payment")
    refund = sandbox.engine.refund(session["payment_intent"])
    charge = sandbox.engine.world.all("charge")[0]
    assert charge["refunded"] is True
    sandbox.engine.finish_refund(refund["id"], succeeds=False)
    assert (charge["refunded"], charge["amount_refunded"], refund["status"]) == (False, 0, "failed")
    assert event_types(sandbox)[-1] == "refund.failed"


@pytest.mark.parametrize(
    ("story", "status", "last_event"),
    [
        (lambda e, p: e.close_dispute(e.open_dispute(p)["id"], won=True), "won", "charge.dispute.closed"),
        (lambda e, p: e.close_dispute(e.open_dispute(p)["id"], won=False), "lost", "charge.dispute.closed"),
        (
            lambda e, p: e.close_dispute(e.open_dispute(p, inquiry=True)["id"], won=True),
            "warning_closed",
            "charge.dispute.closed",
        ),
        (lambda e, p: e.open_dispute(p, inquiry=True), "warning_needs_response", "charge.dispute.created"),
        (
            lambda e, p: e.escalate_dispute(e.open_dispute(p, inquiry=True)["id"]),
            "needs_response",
            "charge.dispute.funds_withdrawn",
        ),
    ],
)
async def test_dispute_goes_its_way(
    sandbox: StripeSandbox, story: Callable[[object, str], dict[str, str]], status: str, last_event: str
) -> None:
    """Each ending in its own status and event."""
    session = await _bought(sandbox, "payment")
    dispute = story(sandbox.engine, session["payment_intent"])
    assert dispute["status"] == status
    assert event_types(sandbox)[-1] == last_event
