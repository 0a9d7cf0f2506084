"""What is known about an order, as a value that only grows.

Webhooks come twice, late, in any order, or not at all. So an order does not react to them: it collects facts, and
`merge` is commutative, associative and idempotent (a join-semilattice whose least element is `Facts()`). Whatever the
order of arrival, the same facts are known at the end.

Everything that is remembered about payments is here. Nothing here decides anything (that is `policy.py` and
`lifecycle.py`), and nothing here knows Stripe, SQL, HTTP or the clock.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import wraps
from typing import Self, TypeVar

from msgspec import Struct, field

from paywall_core.money import Money

_T = TypeVar("_T")


class RankedWord(StrEnum):
    """An enumeration whose members are listed from the first word to the last; the later word wins a merge."""

    rank: int
    """Position in the order of declaration."""

    def __init__(self, _word: str) -> None:
        self.rank = len(type(self).__members__)

    def later(self, other: Self) -> Self:
        """The later of two words."""
        return self if self.rank >= other.rank else other


class CheckoutStatus(RankedWord):
    """How far the checkout session has come. A completed one was not expired, whatever came first."""

    UNKNOWN = "unknown"
    OPEN = "open"
    EXPIRED = "expired"
    COMPLETE = "complete"


class PaymentStatus(RankedWord):
    """How far one payment has come. A failed attempt may be followed by one that succeeds, never the reverse.

    An abandoned one (its invoice was voided or written off) is not collected any more; should it be paid after all, it
    is paid.
    """

    UNPAID = "unpaid"
    FAILED = "failed"
    ABANDONED = "abandoned"
    PAID = "paid"


class SubscriptionStatus(RankedWord):
    """How a subscription stands, in the order in which two words of one second are believed: the later one wins."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    PAUSED = "paused"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    ENDED = "ended"


class RefundStatus(RankedWord):
    """How far one refund has come. A bank may return a succeeded refund: then it failed.

    Source: https://docs.stripe.com/api/refunds/object#refund_object-status
    """

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class DisputeStatus(RankedWord):
    """How far one dispute has come.

    An inquiry that was closed can no longer become a dispute at Stripe, but an open dispute never becomes a closed
    inquiry: so `inquiry_closed` stands before `open`. A lost dispute is, rarely, won after all: so `won` stands last.

    Source: https://docs.stripe.com/api/disputes/object#dispute_object-status
    """

    INQUIRY = "inquiry"
    INQUIRY_CLOSED = "inquiry_closed"
    OPEN = "open"
    PREVENTED = "prevented"
    LOST = "lost"
    WON = "won"


class SubscriptionOutlook(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the provider said last of a subscription's future. Access never depends on it: it may be undone any time.

    Attributes:
        as_of: when, by the provider's clock; whole seconds, so that two may tie.
        status: how it stood.
        cancels_at: when it is planned to end; None: it renews.
    """

    as_of: datetime
    status: SubscriptionStatus
    cancels_at: datetime | None = None

    def join(self, other: Self) -> Self:
        """The newer of the two; of one second, the one that lets the customer go sooner."""
        return max(self, other, key=lambda o: (o.as_of, o.status.rank, o.cancels_at is not None, _sooner(o.cancels_at)))


class OperatorAction(RankedWord):
    """What an operator said about access. Should two say something under one number, the stricter word wins."""

    REINSTATE = "reinstate"
    REVOKE = "revoke"


class Mode(StrEnum):
    """How a plan is paid for: once (Stripe's checkout mode `payment`), or by a subscription that renews itself."""

    ONE_TIME = "one_time"
    SUBSCRIPTION = "subscription"


class Terms(Struct, frozen=True, kw_only=True, order=True):
    """What was bought: set when the order is placed, so that a later change of settings touches no old order.

    Attributes:
        mode: paid once, or by a subscription.
        duration_days: days that one payment buys (one-time only); None: for life.
        grace_seconds: how long access outlives a paid period while its renewal is late (subscription only).
    """

    mode: Mode
    duration_days: int | None = None
    grace_seconds: int = 0


class Period(Struct, frozen=True, kw_only=True, order=True):
    """The stretch of time that an invoice pays for, `start` included and `end` not; both aware, in UTC.

    Source: the `period` of an invoice's line (https://docs.stripe.com/api/invoice-line-item/object).
    """

    end: datetime
    start: datetime


class Payment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One payment, by the id of its payment intent (one-time) or invoice (subscription).

    Attributes:
        status: unpaid, failed or paid.
        paid_at: when it was paid; known for every paid payment.
        amount: what was paid.
        period: what an invoice pays for; None while unknown, and for one-time payments (their terms say it).
        provisional: a paid checkout told us of it before its invoice was known; it stops counting once a real one is.
    """

    status: PaymentStatus = PaymentStatus.UNPAID
    paid_at: datetime | None = None
    amount: Money | None = None
    period: Period | None = None
    provisional: bool = False

    def __post_init__(self) -> None:
        if (self.status is PaymentStatus.PAID) != (self.paid_at is not None):
            raise ValueError("a payment has paid_at exactly when it is paid")

    def join(self, other: Self) -> Self:
        """What both know together: the earliest moment of payment, and the known over the unknown."""
        return type(self)(
            status=self.status.later(other.status),
            paid_at=_known(min, self.paid_at, other.paid_at),
            amount=_known(min, self.amount, other.amount),
            period=_known(max, self.period, other.period),
            provisional=self.provisional and other.provisional,
        )


class Charge(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One charge, by its id: the money that moved for a payment.

    Attributes:
        payment: the payment's id, or an id that `Facts.links` leads from.
        amount: what was charged.
        refunded_minor: the largest refunded amount that was ever seen on it, in minor units.
    """

    payment: str | None = None
    amount: Money | None = None
    refunded_minor: int = 0

    def join(self, other: Self) -> Self:
        """What both know together: the largest refunded amount."""
        return type(self)(
            payment=_known(max, self.payment, other.payment),
            amount=_known(min, self.amount, other.amount),
            refunded_minor=max(self.refunded_minor, other.refunded_minor),
        )


class Refund(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One refund, by its id.

    Attributes:
        payment: the payment's id, or an id that `Facts.links` leads from; None when only the charge is named.
        charge: the charge's id.
        amount: what goes back.
        status: pending, succeeded, failed or cancelled.
    """

    payment: str | None = None
    charge: str | None = None
    amount: Money | None = None
    status: RefundStatus = RefundStatus.PENDING

    def join(self, other: Self) -> Self:
        """What both know together: the later status."""
        return type(self)(
            payment=_known(max, self.payment, other.payment),
            charge=_known(max, self.charge, other.charge),
            amount=_known(max, self.amount, other.amount),
            status=self.status.later(other.status),
        )


class Dispute(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One dispute, by its id; `payment` and `charge` as in `Refund`."""

    payment: str | None = None
    charge: str | None = None
    status: DisputeStatus = DisputeStatus.INQUIRY

    def join(self, other: Self) -> Self:
        """What both know together: the later status."""
        return type(self)(
            payment=_known(max, self.payment, other.payment),
            charge=_known(max, self.charge, other.charge),
            status=self.status.later(other.status),
        )


class Redemption(Struct, frozen=True, kw_only=True, order=True):
    """Who redeemed which version of the token. The newest version that was redeemed is the one that counts."""

    token_version: int
    telegram_user_id: int


class OperatorWord(Struct, frozen=True, kw_only=True):
    """What an operator said last. Numbered, so that the latest word is the same wherever it is read.

    Attributes:
        number: 1 for the first word on this order.
        action: revoke or reinstate.
        by: who said it.
        why: the reason given.
        at: when.
    """

    number: int
    action: OperatorAction
    by: str
    why: str
    at: datetime

    def join(self, other: Self) -> Self:
        """The later word."""
        return max(self, other, key=lambda w: (w.number, w.action.rank, w.at, w.by, w.why))


class Facts(Struct, frozen=True, kw_only=True, omit_defaults=True, dict=True):
    """All that is known about one order. `Facts()` is to know nothing.

    What follows from them is remembered (`follows`).

    Attributes:
        terms: what was bought.
        checkout: how far the checkout has come.
        checkout_session_id: the provider's id of the checkout.
        subscription_id: the provider's id of the subscription.
        subscription_ended_at: when the subscription ended for good.
        subscription: what is known of the subscription's future.
        payments, charges, refunds, disputes: each by its id.
        links: from a payment intent's id to the id of the invoice that it paid.
        token_version: version of the token that is valid now; the first is 1.
        redemption: who redeemed, and which version.
        operator: the operator's last word.
        links_resent: how often an operator had the activation link sent again.
    """

    terms: Terms | None = None
    checkout: CheckoutStatus = CheckoutStatus.UNKNOWN
    checkout_session_id: str | None = None
    subscription_id: str | None = None
    subscription_ended_at: datetime | None = None
    subscription: SubscriptionOutlook | None = None
    payments: Mapping[str, Payment] = field(default_factory=dict)
    charges: Mapping[str, Charge] = field(default_factory=dict)
    refunds: Mapping[str, Refund] = field(default_factory=dict)
    disputes: Mapping[str, Dispute] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    token_version: int = 1
    redemption: Redemption | None = None
    operator: OperatorWord | None = None
    links_resent: int = 0


def follows(conclusion: Callable[[Facts], _T]) -> Callable[[Facts], _T]:
    """Make a function of facts that never change draw its conclusion once: a move asks for some of them five times."""
    name = conclusion.__name__

    @wraps(conclusion)
    def remembered(facts: Facts) -> _T:
        drawn = facts.__dict__
        if name not in drawn:
            drawn[name] = conclusion(facts)
        found: _T = drawn[name]
        return found

    return remembered


def merge(a: Facts, b: Facts) -> Facts:
    """What `a` and `b` know together.

    Commutative, associative, idempotent, and `Facts()` is its neutral element: that is what makes the order of
    arrival and the number of repeats irrelevant.
    """
    return Facts(
        terms=_known(max, a.terms, b.terms),
        checkout=a.checkout.later(b.checkout),
        checkout_session_id=_known(max, a.checkout_session_id, b.checkout_session_id),
        subscription_id=_known(max, a.subscription_id, b.subscription_id),
        subscription_ended_at=_known(min, a.subscription_ended_at, b.subscription_ended_at),
        subscription=_known(SubscriptionOutlook.join, a.subscription, b.subscription),
        payments=_union(Payment.join, a.payments, b.payments),
        charges=_union(Charge.join, a.charges, b.charges),
        refunds=_union(Refund.join, a.refunds, b.refunds),
        disputes=_union(Dispute.join, a.disputes, b.disputes),
        links=_union(max, a.links, b.links),
        token_version=max(a.token_version, b.token_version),
        redemption=_known(max, a.redemption, b.redemption),
        operator=_known(OperatorWord.join, a.operator, b.operator),
        links_resent=max(a.links_resent, b.links_resent),
    )


def _sooner(moment: datetime | None) -> float:
    """Larger for an earlier moment."""
    return 0.0 if moment is None else -moment.timestamp()


def _known(join: Callable[[_T, _T], _T], a: _T | None, b: _T | None) -> _T | None:
    """The known over the unknown, and the join of two that are known."""
    if a is None or b is None:
        return b if a is None else a
    return join(a, b)


def _union(join: Callable[[_T, _T], _T], a: Mapping[str, _T], b: Mapping[str, _T]) -> Mapping[str, _T]:
    """All keys of both; where both have one, the join of the two."""
    if not b:
        return a
    return {**a, **{key: join(a[key], item) if key in a else item for key, item in b.items()}}
