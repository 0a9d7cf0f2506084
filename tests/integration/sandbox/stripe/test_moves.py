"""Every move of a payment's later life: its events, in Stripe's order and shapes, and how things stand then."""

from collections.abc import Callable
from typing import Any

import pytest

from entrypoints.sandbox.stripe import StripeSandbox
from entrypoints.sandbox.stripe.engine import Engine
from tests.integration.sandbox.stripe.conftest import event_types, sdk, session_params
from tests.integration.sandbox.stripe.spec import problems

# The SDK hands its body to httpx by an old name.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

Story = Callable[[Engine, str], dict[str, Any]]

_DRAFTED = ["customer.subscription.updated", "invoice.created"]
_PAID = [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
    "invoice.paid",
    "invoice.payment_succeeded",
    "invoice_payment.paid",
]
_DECLINED = ["charge.failed", "payment_intent.payment_failed", "invoice.payment_failed"]
_REFUND_MOVED = ["refund.updated", "charge.refund.updated"]


def past_due(engine: Engine, subscription_id: str) -> str:
    """The invoice of a renewal that failed."""
    return str(engine.renew(subscription_id, succeeds=False)["latest_invoice"])


def _retried(engine: Engine, subscription_id: str) -> dict[str, Any]:
    """The renewal, and all of its retries but the last, have failed."""
    engine.renew(subscription_id, succeeds=False)
    engine.retry(subscription_id, succeeds=False)
    return engine.retry(subscription_id, succeeds=False)


def _to_the_end(engine: Engine, subscription_id: str) -> dict[str, Any]:
    _retried(engine, subscription_id)
    return engine.retry(subscription_id, succeeds=False)


def _to_unpaid(engine: Engine, subscription_id: str) -> dict[str, Any]:
    engine.billing.dunning.last_resort = "mark_unpaid"
    return _to_the_end(engine, subscription_id)


def _set_aside(engine: Engine, subscription_id: str, behavior: Any) -> dict[str, Any]:
    """A renewal while nobody collects; the invoice."""
    engine.pause_collection(subscription_id, behavior=behavior)
    return engine.world.get("invoice", engine.renew(subscription_id)["latest_invoice"])


PAYMENTS: dict[str, tuple[Story, str, list[str]]] = {
    "refund on its way": (
        lambda e, p: e.refund(p, pending=True),
        "pending",
        ["charge.refunded", "refund.created"],
    ),
    "refund that arrived": (
        lambda e, p: e.finish_refund(e.refund(p, pending=True)["id"], succeeds=True),
        "succeeded",
        _REFUND_MOVED,
    ),
    "refund that did not arrive": (
        lambda e, p: e.finish_refund(e.refund(p, pending=True)["id"], succeeds=False),
        "failed",
        [*_REFUND_MOVED, "refund.failed"],
    ),
    "refund that came back": (
        lambda e, p: e.finish_refund(e.refund(p)["id"], succeeds=False),
        "failed",
        [*_REFUND_MOVED, "refund.failed"],
    ),
    "refund taken back": (
        lambda e, p: e.cancel_refund(e.refund(p, pending=True)["id"]),
        "canceled",
        _REFUND_MOVED,
    ),
    "inquiry closed": (
        lambda e, p: e.close_dispute(e.answer_dispute(e.open_dispute(p, inquiry=True)["id"])["id"], won=True),
        "warning_closed",
        ["charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed"],
    ),
    "inquiry escalated after evidence": (
        lambda e, p: e.escalate_dispute(e.answer_dispute(e.open_dispute(p, inquiry=True)["id"])["id"]),
        "needs_response",
        ["charge.dispute.updated", "charge.dispute.updated", "charge.dispute.funds_withdrawn"],
    ),
    "inquiry prevented": (
        lambda e, p: e.prevent_dispute(e.open_dispute(p, inquiry=True)["id"]),
        "prevented",
        ["charge.dispute.created", "charge.dispute.closed"],
    ),
    "dispute prevented": (
        lambda e, p: e.prevent_dispute(e.open_dispute(p)["id"]),
        "prevented",
        ["charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated", "charge.dispute.closed"],
    ),
    "dispute answered": (
        lambda e, p: e.answer_dispute(e.open_dispute(p)["id"]),
        "under_review",
        ["charge.dispute.updated"],
    ),
    "dispute won": (
        lambda e, p: e.close_dispute(e.open_dispute(p)["id"], won=True),
        "won",
        ["charge.dispute.funds_reinstated", "charge.dispute.closed"],
    ),
    "dispute lost": (
        lambda e, p: e.close_dispute(e.open_dispute(p)["id"], won=False),
        "lost",
        ["charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"],
    ),
}
"""What happens to a payment, how the refund or dispute stands then, and the last events."""

SUBSCRIPTIONS: dict[str, tuple[Story, str, list[str]]] = {
    "renewed": (lambda e, s: e.renew(s), "active", [*_DRAFTED, "invoice.finalized", *_PAID]),
    "renewal failed": (
        lambda e, s: e.renew(s, succeeds=False),
        "past_due",
        [*_DRAFTED, "invoice.finalized", "payment_intent.created", *_DECLINED, "customer.subscription.updated"],
    ),
    "renewal asks the customer": (
        lambda e, s: e.renew(s, needs_action=True),
        "past_due",
        [
            "payment_intent.requires_action",
            "invoice.payment_action_required",
            "invoice.payment_failed",
            "customer.subscription.updated",
        ],
    ),
    "customer answered": (
        lambda e, s: e.pay_invoice(e.renew(s, needs_action=True)["latest_invoice"]),
        "paid",
        [*_PAID[1:], "customer.subscription.updated"],
    ),
    "retry failed": (_retried, "past_due", _DECLINED),
    "retry paid": (
        lambda e, s: e.retry(_retried(e, s)["id"]),
        "active",
        [*_PAID[1:], "customer.subscription.updated"],
    ),
    "last retry failed, cancelled": (
        _to_the_end,
        "canceled",
        [*_DECLINED, "customer.subscription.deleted", "invoice.updated"],
    ),
    "last retry failed, unpaid": (_to_unpaid, "unpaid", [*_DECLINED, "customer.subscription.updated"]),
    "marked unpaid": (
        lambda e, s: e.mark_unpaid(past_due(e, s) and s),
        "unpaid",
        ["invoice.updated", "customer.subscription.updated"],
    ),
    "unpaid, and paid after all": (
        lambda e, s: e.pay_invoice(_to_unpaid(e, s)["latest_invoice"]),
        "paid",
        [*_PAID[1:], "customer.subscription.updated"],
    ),
    "unpaid, and a further period": (
        lambda e, s: e.world.get("invoice", e.renew(_to_unpaid(e, s)["id"])["latest_invoice"]),
        "draft",
        _DRAFTED,
    ),
    "cancelled, and paid after all": (
        lambda e, s: e.pay_invoice(_to_the_end(e, s)["latest_invoice"]),
        "paid",
        _PAID[1:],
    ),
    "invoice voided": (
        lambda e, s: e.void_invoice(past_due(e, s)),
        "void",
        ["invoice.voided", "customer.subscription.updated"],
    ),
    "invoice uncollectible": (
        lambda e, s: e.mark_uncollectible(past_due(e, s)),
        "uncollectible",
        ["invoice.marked_uncollectible", "customer.subscription.updated"],
    ),
    "uncollectible, and paid after all": (
        lambda e, s: e.pay_invoice(e.mark_uncollectible(past_due(e, s))["id"]),
        "paid",
        _PAID[1:],
    ),
    "paused": (lambda e, s: e.pause(s), "paused", ["customer.subscription.updated", "customer.subscription.paused"]),
    "resumed": (
        lambda e, s: e.resume(e.pause(s)["id"]),
        "active",
        [*_PAID, "customer.subscription.updated", "customer.subscription.resumed"],
    ),
    "not resumed": (lambda e, s: e.resume(e.pause(s)["id"], succeeds=False), "paused", _DECLINED),
    "resumed later": (
        lambda e, s: e.pay_invoice(e.resume(e.pause(s)["id"], succeeds=False)["latest_invoice"]),
        "paid",
        ["customer.subscription.updated", "customer.subscription.resumed"],
    ),
    "collection paused": (lambda e, s: e.pause_collection(s), "active", ["customer.subscription.updated"]),
    "not collected, voided": (
        lambda e, s: _set_aside(e, s, "void"),
        "void",
        [*_DRAFTED, "invoice.finalized", "invoice.voided"],
    ),
    "not collected, given up": (
        lambda e, s: _set_aside(e, s, "mark_uncollectible"),
        "uncollectible",
        [*_DRAFTED, "invoice.finalized", "invoice.marked_uncollectible"],
    ),
    "not collected, a draft": (
        lambda e, s: _set_aside(e, s, "keep_as_draft"),
        "draft",
        [*_DRAFTED, "invoice.updated"],
    ),
    "collected again": (
        lambda e, s: e.renew(e.resume_collection(e.pause_collection(s)["id"])["id"]),
        "active",
        [*_DRAFTED, "invoice.finalized", *_PAID],
    ),
    "cancelled now": (lambda e, s: e.cancel(s), "canceled", ["customer.subscription.deleted"]),
    "cancellation planned": (
        lambda e, s: e.plan_cancellation(s, planned=True, metadata={}),
        "active",
        ["customer.subscription.updated"],
    ),
    "cancellation undone": (
        lambda e, s: e.plan_cancellation(
            e.plan_cancellation(s, planned=True, metadata={})["id"], planned=False, metadata={}
        ),
        "active",
        ["customer.subscription.updated", "customer.subscription.updated"],
    ),
    "cancellation come true": (
        lambda e, s: e.renew(e.plan_cancellation(s, planned=True, metadata={})["id"]),
        "canceled",
        ["customer.subscription.updated", "customer.subscription.deleted"],
    ),
}
"""What happens to a subscription, how it (or its invoice) stands then, and the last events."""


async def bought(sandbox: StripeSandbox, mode: str, **more: Any) -> dict[str, Any]:
    """A session that is paid by card."""
    async with sdk(sandbox) as client:
        session = await client.v1.checkout.sessions.create_async(session_params(mode, **more))
    return sandbox.engine.pay(session.id)


def _check(sandbox: StripeSandbox, last: list[str]) -> None:
    assert event_types(sandbox)[-len(last) :] == last
    everything = [one for kind in sandbox.engine.world.kinds() for one in sandbox.engine.world.all(kind)]
    assert [problem for one in everything for problem in problems(one)] == []


@pytest.mark.parametrize("name", PAYMENTS)
async def test_payment_goes_its_way(sandbox: StripeSandbox, name: str) -> None:
    """Each with its events, all of them in Stripe's own shape."""
    story, status, last = PAYMENTS[name]
    session = await bought(sandbox, "payment")
    assert story(sandbox.engine, session["payment_intent"])["status"] == status
    _check(sandbox, last)


@pytest.mark.parametrize("name", SUBSCRIPTIONS)
async def test_subscription_goes_its_way(sandbox: StripeSandbox, name: str) -> None:
    """Each with its events, all of them in Stripe's own shape."""
    story, status, last = SUBSCRIPTIONS[name]
    session = await bought(sandbox, "subscription")
    assert story(sandbox.engine, session["subscription"])["status"] == status
    _check(sandbox, last)


@pytest.mark.parametrize(
    ("status", "left"),
    [("succeeded", 0), ("failed", 1900), ("canceled", 1900)],
    ids=["arrived", "failed", "taken back"],
)
async def test_refund_to_a_bank_account_is_on_its_way_by_itself(sandbox: StripeSandbox, status: str, left: int) -> None:
    """A debit's refund is pending until the bank has spoken, or the seller takes it back."""
    engine = sandbox.engine
    async with sdk(sandbox) as client:
        session = await client.v1.checkout.sessions.create_async(session_params("payment"))
    engine.pay_delayed(session.id)
    intent = engine.settle_delayed(session.id, succeeds=True)["payment_intent"]
    refund = engine.refund(intent)
    assert (refund["status"], refund["pending_reason"]) == ("pending", "processing")
    if status == "canceled":
        engine.cancel_refund(refund["id"])
    else:
        engine.finish_refund(refund["id"], succeeds=status == "succeeded")
    charge = engine.aftermath.charge_of(intent)
    assert (refund["status"], charge["amount"] - charge["amount_refunded"]) == (status, left)
    _check(sandbox, _REFUND_MOVED if status != "failed" else ["refund.failed"])


async def test_two_subscriptions_of_one_address_are_two(sandbox: StripeSandbox) -> None:
    """Each checkout makes a subscription of its own; one ends, the other stays."""
    first, second = [await bought(sandbox, "subscription") for _ in range(2)]
    assert first["customer_details"]["email"] == second["customer_details"]["email"]
    assert first["subscription"] != second["subscription"]
    sandbox.engine.cancel(first["subscription"])
    assert [one["status"] for one in sandbox.engine.world.all("subscription")] == ["canceled", "active"]


async def test_subscription_that_never_begins_expires_and_its_invoice_is_void(sandbox: StripeSandbox) -> None:
    """The debit failed; nobody tried again."""
    engine = sandbox.engine
    async with sdk(sandbox) as client:
        session = await client.v1.checkout.sessions.create_async(session_params("subscription"))
    sub_id = engine.pay_delayed(session.id)["subscription"]
    engine.settle_delayed(session.id, succeeds=False)
    assert engine.expire_incomplete(sub_id)["status"] == "incomplete_expired"
    assert engine.world.all("invoice")[-1]["status"] == "void"
    _check(sandbox, ["customer.subscription.updated", "invoice.voided"])


async def test_trial_of_the_seller_is_free_and_then_paid(sandbox: StripeSandbox) -> None:
    """The checkout costs nothing; the first real invoice is that of the trial's end."""
    engine = sandbox.engine
    async with sdk(sandbox) as client:
        session = await client.v1.checkout.sessions.create_async(session_params("subscription"))
    engine.offer_trial(session.id, days=7)
    paid = engine.pay(session.id)
    sub = engine.world.get("subscription", paid["subscription"])
    assert (paid["payment_status"], paid["amount_total"], sub["status"]) == ("no_payment_required", 0, "trialing")
    assert sub["trial_end"] - sub["trial_start"] == 7 * 86_400
    engine.renew(sub["id"])
    assert [bill["amount_paid"] for bill in engine.world.all("invoice")] == [0, 900]
    _check(sandbox, [*_DRAFTED, "invoice.finalized", *_PAID])


@pytest.mark.parametrize(
    ("ending", "status", "last"),
    [
        ("pause", "paused", ["customer.subscription.updated", "customer.subscription.paused"]),
        ("cancel", "canceled", ["customer.subscription.deleted"]),
        ("create_invoice", "past_due", [*_DECLINED, "customer.subscription.updated"]),
    ],
)
async def test_trial_without_a_card_ends_as_the_seller_said(
    sandbox: StripeSandbox, ending: str, status: str, last: list[str]
) -> None:
    """Nobody can be charged."""
    data = {"trial_period_days": 7, "trial_settings": {"end_behavior": {"missing_payment_method": ending}}}
    session = await bought(sandbox, "subscription", payment_method_collection="if_required", subscription_data=data)
    assert sandbox.engine.renew(session["subscription"])["status"] == status
    _check(sandbox, last)
