"""What we promise, in one place, each with its reason. Pure functions of the facts; the clock is not read here.

| what happened | what follows | why |
| --- | --- | --- |
| full refund | the payment is void | the money went back |
| full refund on its way | as if it had gone through | the decision was made, and most arrive |
| partial refund | nothing | a gesture of goodwill is no cancellation |
| refund failed or cancelled | the payment stands again | the money stayed with us |
| inquiry (early warning) | nothing | no money was taken from us, and most inquiries end well |
| open dispute | the payment is void | the money was taken from us; letting in would pay twice |
| dispute won or prevented | the payment stands again | the money came back |
| dispute lost | the payment is void | the money is gone |
| payment after the checkout expired | lets the customer in | money is money |
| renewal failed | access for the declared grace | cards expire; people do not leave for it |
| renewal voided, or collection paused | access for the declared grace | nothing was paid, whatever it is called |
| subscription ended | no grace after it, but the paid time stays | what was paid for was paid for |
| cancellation planned | nothing but a word in time | it may be undone until the paid time is over |
| first payment known, period not yet | counts as 48 hours | nobody waits, and nobody stays for ever |
| operator revokes | no access, whatever was paid | a person decided; the history says who and why |
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from paywall_core.facts import (
    DisputeStatus,
    Facts,
    Mode,
    OperatorAction,
    Payment,
    PaymentStatus,
    Refund,
    RefundStatus,
    Terms,
    follows,
)

FOREVER: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""The end of a time that has no end. A real instant, so that it can be compared and indexed."""

UNKNOWN_PERIOD: Final = timedelta(hours=48)
"""How long a paid subscription payment counts while its period is not known yet."""

ACTIVATION_LINK_WINDOW: Final = timedelta(hours=1)
"""How long after the payment the success page still shows the activation link; after that: restore by e-mail."""

ENDS_SOON: Final = timedelta(days=3)
"""How long before the end of a paid time that nothing renews the customer is told; of a short one: its second half."""

_VOIDING_DISPUTES: Final = frozenset({DisputeStatus.OPEN, DisputeStatus.LOST})
_DEAD_REFUNDS: Final = frozenset({RefundStatus.FAILED, RefundStatus.CANCELLED})


class Entitlement(Struct, frozen=True, kw_only=True):
    """What the facts grant, before the clock is looked at.

    Attributes:
        first_paid_at: the earliest payment, void ones too; None: nothing was ever paid.
        paid_until: end of the paid time of the standing payments; `FOREVER` for life; None: no payment stands.
        access_until: until when they give access, grace included; None: no access whatever the clock says.
        withdrawn: once access is over, it was withdrawn (refund, dispute, operator) rather than used up.
    """

    first_paid_at: datetime | None = None
    paid_until: datetime | None = None
    access_until: datetime | None = None
    withdrawn: bool = False


@follows
def entitlement_of(facts: Facts) -> Entitlement:
    """Sum up what the payments grant.

    A start is not compared: a payment counts from the moment it is known, because a provider's clock that runs a
    second ahead of ours must not lock out a customer who has just paid.
    """
    paid = counting_payments(facts)
    if not paid:
        return Entitlement(withdrawn=is_revoked_by_operator(facts))
    standing = standing_payments(facts)
    void = [p for key, p in paid.items() if is_void(facts, key)]
    paid_until = max((paid_until_of(facts, p) for p in standing), default=None)
    void_until = max((paid_until_of(facts, p) for p in void), default=None)
    access_until = max((access_until_of(facts, p) for p in standing), default=None)
    revoked = is_revoked_by_operator(facts)
    return Entitlement(
        first_paid_at=min(p.paid_at for p in paid.values() if p.paid_at is not None),
        paid_until=paid_until,
        access_until=None if revoked else access_until,
        withdrawn=revoked or (void_until is not None and (paid_until is None or void_until > paid_until)),
    )


class ExpectedEnd(Struct, frozen=True, kw_only=True):
    """Access ends `at`, because nothing renews it; `tell_at` is the time to say so."""

    at: datetime
    tell_at: datetime


def expected_end_of(facts: Facts) -> ExpectedEnd | None:
    """When the paid time ends for good, as far as is known; None: it renews by itself, is for life, or nothing stands.

    A subscription ends where its cancellation is planned, or where it has ended already.
    """
    if is_revoked_by_operator(facts):
        return None
    standing = standing_payments(facts)
    if not standing:
        return None
    last = max(standing, key=lambda payment: paid_until_of(facts, payment))
    end = paid_until_of(facts, last)
    start = _paid_at(last)
    if _terms(facts).mode is Mode.SUBSCRIPTION:
        if last.period is None:
            return None
        start = last.period.start
        cancels_at = None if facts.subscription is None else facts.subscription.cancels_at
        # Planned for later, it renews before that; planned for earlier, it has been renewed since.
        planned = cancels_at is not None and start < cancels_at <= end
        if not planned and facts.subscription_ended_at is None:
            return None
    if end == FOREVER:
        return None
    return ExpectedEnd(at=end, tell_at=end - min(ENDS_SOON, (end - start) / 2))


def renewing_subscription_of(facts: Facts) -> str | None:
    """The subscription that goes on taking money, as far as is known: begun, not ended, and no end is planned."""
    begun = any(payment.status is PaymentStatus.PAID for payment in facts.payments.values())
    planned = facts.subscription is not None and facts.subscription.cancels_at is not None
    return facts.subscription_id if begun and facts.subscription_ended_at is None and not planned else None


def is_revoked_by_operator(facts: Facts) -> bool:
    """Whether the operator's last word is to revoke."""
    return facts.operator is not None and facts.operator.action is OperatorAction.REVOKE


def is_void(facts: Facts, payment_id: str) -> bool:
    """Whether a payment no longer counts: fully refunded, or under an open or lost dispute."""
    return is_fully_refunded(facts, payment_id) or bool(voiding_disputes(facts, payment_id))


def voiding_disputes(facts: Facts, payment_id: str) -> tuple[str, ...]:
    """Ids of the open and lost disputes about a payment."""
    return tuple(
        key
        for key, dispute in facts.disputes.items()
        if dispute.status in _VOIDING_DISPUTES and payment_of(facts, dispute.payment, dispute.charge) == payment_id
    )


def is_alive(refund: Refund) -> bool:
    """Whether a refund gives money back: it did not fail, and nobody cancelled it."""
    return refund.status not in _DEAD_REFUNDS


def paid_until_of(facts: Facts, payment: Payment) -> datetime:
    """End of the time that one paid payment buys, grace not counted; `FOREVER` for life."""
    paid_at = _paid_at(payment)
    terms = _terms(facts)
    if terms.mode is Mode.ONE_TIME:
        return FOREVER if terms.duration_days is None else paid_at + timedelta(terms.duration_days)
    return paid_at + UNKNOWN_PERIOD if payment.period is None else payment.period.end


def access_until_of(facts: Facts, payment: Payment) -> datetime:
    """End of the access that one paid payment gives: the paid time, and a subscription's grace after it.

    Once a subscription has ended there is no grace after its end; the paid time itself is never shortened.
    """
    paid_until = paid_until_of(facts, payment)
    terms = _terms(facts)
    if terms.mode is Mode.ONE_TIME or payment.period is None:
        return paid_until
    access_until = paid_until + timedelta(seconds=terms.grace_seconds)
    if facts.subscription_ended_at is None:
        return access_until
    return max(paid_until, min(access_until, facts.subscription_ended_at))


@follows
def counting_payments(facts: Facts) -> Mapping[str, Payment]:
    """All paid payments, less the provisional ones that a real payment has superseded."""
    paid = {k: p for k, p in facts.payments.items() if p.status is PaymentStatus.PAID}
    real = {k: p for k, p in paid.items() if not p.provisional}
    return real or paid


@follows
def standing_payments(facts: Facts) -> tuple[Payment, ...]:
    """Those of the counting payments that are not void."""
    return tuple(payment for key, payment in counting_payments(facts).items() if not is_void(facts, key))


def is_fully_refunded(facts: Facts, payment_id: str) -> bool:
    """Whether the refunded amount reaches what was paid, by the payment's own amount or by its charges'.

    What counts as refunded is the larger of the refunds that live, and of what Stripe ever showed as refunded on the
    charges less the refunds that failed since. Amounts of different currencies are never compared.
    """
    if not facts.refunds and not facts.charges:
        return False
    refunds = [r for r in facts.refunds.values() if payment_of(facts, r.payment, r.charge) == payment_id]
    charges = [c for c in facts.charges.values() if _linked(facts, c.payment) == payment_id]
    amounts = [r.amount for r in refunds if r.amount] + [c.amount for c in charges if c.amount]
    if not amounts or len({m.currency for m in amounts}) != 1:
        return False
    currency = amounts[0].currency
    alive = sum(r.amount.amount_minor for r in refunds if r.amount and is_alive(r))
    dead = sum(r.amount.amount_minor for r in refunds if r.amount and not is_alive(r))
    refunded_minor = max(alive, sum(c.refunded_minor for c in charges) - dead)
    whole: list[int] = []
    payment = facts.payments.get(payment_id)
    if payment is not None and payment.amount is not None and payment.amount.currency == currency:
        whole.append(payment.amount.amount_minor)
    if charges and all(c.amount is not None for c in charges):
        whole.append(sum(c.amount.amount_minor for c in charges if c.amount))
    return refunded_minor > 0 and any(refunded_minor >= amount_minor for amount_minor in whole)


def payment_of(facts: Facts, payment: str | None, charge: str | None) -> str | None:
    """The payment that a refund or dispute is about, by its own word or by its charge's."""
    if payment is None and charge is not None and charge in facts.charges:
        payment = facts.charges[charge].payment
    return _linked(facts, payment)


def _linked(facts: Facts, payment: str | None) -> str | None:
    """A payment intent that paid an invoice stands for that invoice.

    One that is a payment itself stands for itself: Stripe can write an invoice for a one-time purchase, too.
    """
    return payment if payment is None or payment in facts.payments else facts.links.get(payment, payment)


def _terms(facts: Facts) -> Terms:
    if facts.terms is None:
        raise ValueError("facts without terms: what was bought is set when the order is placed")
    return facts.terms


def _paid_at(payment: Payment) -> datetime:
    if payment.paid_at is None:
        raise ValueError("only a paid payment reaches anywhere")
    return payment.paid_at
