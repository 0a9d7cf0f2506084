"""What happened, in our words. Each event carries what it teaches as `Facts`; applying it is merging them.

A provider's own words (`checkout.session.completed`, `charge.refunded`) stop at its adapter, which translates them into
these. Nothing here decides anything.
"""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar, TypeAlias

from msgspec import Struct

from paywall_core.facts import (
    Charge,
    CheckoutStatus,
    Dispute,
    DisputeStatus,
    Facts,
    OperatorAction,
    OperatorWord,
    Payment,
    PaymentStatus,
    Period,
    Redemption,
    Refund,
    RefundStatus,
    SubscriptionOutlook,
    SubscriptionStatus,
)
from paywall_core.money import Money


class EventType(StrEnum):
    """The kinds of events that the transition table knows."""

    CHECKOUT_OPENED = "checkout_opened"
    CHECKOUT_COMPLETED = "checkout_completed"
    CHECKOUT_EXPIRED = "checkout_expired"
    PAYMENT_SUCCEEDED = "payment_succeeded"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_LINKED = "payment_linked"
    REFUND_MADE = "refund_made"
    REFUND_FAILED = "refund_failed"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_LOST = "dispute_lost"
    DISPUTE_ENDED_WELL = "dispute_ended_well"
    SUBSCRIPTION_UPDATED = "subscription_updated"
    SUBSCRIPTION_ENDED = "subscription_ended"
    TOKEN_REDEEMED = "token_redeemed"  # noqa: S105  - the name of an event
    TOKEN_ROTATED = "token_rotated"  # noqa: S105  - the name of an event
    ACCESS_REVOKED = "access_revoked"
    ACCESS_REINSTATED = "access_reinstated"
    LINK_RESENT = "link_resent"
    TIME_PASSED = "time_passed"


class EventBase(Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True):
    """The shape of every event: it knows its type and what it teaches."""

    _type: ClassVar[EventType]

    @property
    def type(self) -> EventType:
        """Which column of the transition table this is."""
        return self._type

    def facts(self) -> Facts:
        """What is known after this that may not have been known before."""
        return Facts()


class CheckoutOpened(EventBase, frozen=True, kw_only=True, tag="checkout_opened"):
    """The provider opened a checkout session for the order."""

    _type = EventType.CHECKOUT_OPENED
    session_id: str

    def facts(self) -> Facts:
        """The session is open."""
        return Facts(checkout=CheckoutStatus.OPEN, checkout_session_id=self.session_id)


class CheckoutCompleted(EventBase, frozen=True, kw_only=True, tag="checkout_completed"):
    """The customer went through the checkout; the money (a delayed method's) is not there yet."""

    _type = EventType.CHECKOUT_COMPLETED
    session_id: str
    subscription_id: str | None = None

    def facts(self) -> Facts:
        """The session is complete."""
        return Facts(
            checkout=CheckoutStatus.COMPLETE,
            checkout_session_id=self.session_id,
            subscription_id=self.subscription_id,
        )


class CheckoutExpired(EventBase, frozen=True, kw_only=True, tag="checkout_expired"):
    """The checkout session ran out before the customer paid."""

    _type = EventType.CHECKOUT_EXPIRED
    session_id: str

    def facts(self) -> Facts:
        """The session is expired."""
        return Facts(checkout=CheckoutStatus.EXPIRED, checkout_session_id=self.session_id)


class PaymentSucceeded(EventBase, frozen=True, kw_only=True, tag="payment_succeeded"):
    """Money came: a paid checkout, a delayed method that went through, a paid invoice (a trial's zero too).

    Attributes:
        payment_id: id of the payment intent (one-time) or of the invoice (subscription).
        paid_at: when, by the provider's clock.
        amount: what was paid, or None when the provider did not say.
        period: what an invoice pays for; None for one-time payments, and while it is not known.
        provisional: a subscription's checkout is paid, but its invoice is not known yet.
        payment_intent_id: the payment intent that paid an invoice, where it is known.
        session_id: the checkout that this completes, if it was one.
        subscription_id: the subscription that this pays for.
    """

    _type = EventType.PAYMENT_SUCCEEDED
    payment_id: str
    paid_at: datetime
    amount: Money | None = None
    period: Period | None = None
    provisional: bool = False
    payment_intent_id: str | None = None
    session_id: str | None = None
    subscription_id: str | None = None

    def facts(self) -> Facts:
        """The payment is paid, and a checkout that led to it is complete."""
        return Facts(
            checkout=CheckoutStatus.COMPLETE if self.session_id else CheckoutStatus.UNKNOWN,
            checkout_session_id=self.session_id,
            subscription_id=self.subscription_id,
            payments={
                self.payment_id: Payment(
                    status=PaymentStatus.PAID,
                    paid_at=self.paid_at,
                    amount=self.amount,
                    period=self.period,
                    provisional=self.provisional,
                )
            },
            links={self.payment_intent_id: self.payment_id} if self.payment_intent_id else {},
        )


class PaymentFailed(EventBase, frozen=True, kw_only=True, tag="payment_failed"):
    """An attempt to pay failed; a later one may succeed.

    Attributes:
        payment_id: as in `PaymentSucceeded`.
        session_id: the completed checkout whose delayed payment this was, if it was one.
        subscription_id: the subscription whose invoice this is.
        abandoned: nobody tries any more: the invoice was voided or written off.
    """

    _type = EventType.PAYMENT_FAILED
    payment_id: str
    session_id: str | None = None
    subscription_id: str | None = None
    abandoned: bool = False

    def facts(self) -> Facts:
        """The payment was tried, and failed; or it is not asked for any more."""
        status = PaymentStatus.ABANDONED if self.abandoned else PaymentStatus.FAILED
        return Facts(
            checkout=CheckoutStatus.COMPLETE if self.session_id else CheckoutStatus.UNKNOWN,
            checkout_session_id=self.session_id,
            subscription_id=self.subscription_id,
            payments={self.payment_id: Payment(status=status)},
        )


class PaymentLinked(EventBase, frozen=True, kw_only=True, tag="payment_linked"):
    """A payment intent turned out to pay an invoice: refunds and disputes that name the one mean the other."""

    _type = EventType.PAYMENT_LINKED
    payment_intent_id: str
    payment_id: str

    def facts(self) -> Facts:
        """The link."""
        return Facts(links={self.payment_intent_id: self.payment_id})


class RefundUpdated(EventBase, frozen=True, kw_only=True, tag="refund_updated"):
    """A refund was made, went through, failed or was cancelled; fields as in `facts.Refund`.

    A full one voids the payment, a partial one changes nothing: the table in `policy.py` says why.
    """

    refund_id: str
    amount: Money
    status: RefundStatus
    payment: str | None = None
    charge: str | None = None

    @property
    def type(self) -> EventType:
        """A refund that failed may give access back; any other may take it."""
        if self.status in (RefundStatus.FAILED, RefundStatus.CANCELLED):
            return EventType.REFUND_FAILED
        return EventType.REFUND_MADE

    def facts(self) -> Facts:
        """The refund as it stands."""
        return Facts(
            refunds={
                self.refund_id: Refund(payment=self.payment, charge=self.charge, amount=self.amount, status=self.status)
            }
        )


class ChargeRefunded(EventBase, frozen=True, kw_only=True, tag="charge_refunded"):
    """A charge shows a refunded amount; fields as in `facts.Charge`."""

    _type = EventType.REFUND_MADE
    charge_id: str
    amount: Money
    refunded_minor: int
    payment: str | None = None

    def facts(self) -> Facts:
        """The charge as it stands."""
        return Facts(
            charges={
                self.charge_id: Charge(payment=self.payment, amount=self.amount, refunded_minor=self.refunded_minor)
            }
        )


class DisputeUpdated(EventBase, frozen=True, kw_only=True, tag="dispute_updated"):
    """A dispute was opened, moved on or was closed; fields as in `facts.Dispute`.

    While it is open, and when it is lost, the payment does not count: the table in `policy.py` says why.
    """

    dispute_id: str
    status: DisputeStatus
    payment: str | None = None
    charge: str | None = None

    @property
    def type(self) -> EventType:
        """Opened (an inquiry too), lost, or ended well."""
        if self.status in (DisputeStatus.INQUIRY, DisputeStatus.OPEN):
            return EventType.DISPUTE_OPENED
        if self.status is DisputeStatus.LOST:
            return EventType.DISPUTE_LOST
        return EventType.DISPUTE_ENDED_WELL

    def facts(self) -> Facts:
        """The dispute as it stands."""
        return Facts(disputes={self.dispute_id: Dispute(payment=self.payment, charge=self.charge, status=self.status)})


class SubscriptionUpdated(EventBase, frozen=True, kw_only=True, tag="subscription_updated"):
    """The provider told how a subscription stands and whether it is planned to end; see `facts.SubscriptionOutlook`."""

    _type = EventType.SUBSCRIPTION_UPDATED
    subscription_id: str
    as_of: datetime
    status: SubscriptionStatus
    cancels_at: datetime | None = None

    def facts(self) -> Facts:
        """The outlook."""
        return Facts(
            subscription_id=self.subscription_id,
            subscription=SubscriptionOutlook(as_of=self.as_of, status=self.status, cancels_at=self.cancels_at),
        )


class SubscriptionEnded(EventBase, frozen=True, kw_only=True, tag="subscription_ended"):
    """The subscription is over for good; a cancellation that is merely planned is not this.

    The paid time stays, the grace ends (`policy.py`). Source: Stripe's event `customer.subscription.deleted`.
    """

    _type = EventType.SUBSCRIPTION_ENDED
    subscription_id: str
    ended_at: datetime

    def facts(self) -> Facts:
        """The end."""
        return Facts(subscription_id=self.subscription_id, subscription_ended_at=self.ended_at)


class TokenRedeemed(EventBase, frozen=True, kw_only=True, tag="token_redeemed"):
    """A Telegram user redeemed a version of the token and is the one who has access from now on."""

    _type = EventType.TOKEN_REDEEMED
    token_version: int
    telegram_user_id: int

    def facts(self) -> Facts:
        """Who, and which version."""
        return Facts(redemption=Redemption(token_version=self.token_version, telegram_user_id=self.telegram_user_id))


class TokenRotated(EventBase, frozen=True, kw_only=True, tag="token_rotated"):
    """The token has a new version; older ones are worthless. Who redeemed stays until the new one is redeemed."""

    _type = EventType.TOKEN_ROTATED
    token_version: int

    def facts(self) -> Facts:
        """The new version."""
        return Facts(token_version=self.token_version)


class _OperatorSpoke(EventBase, frozen=True, kw_only=True):
    """An operator's word; fields as in `facts.OperatorWord`."""

    _action: ClassVar[OperatorAction]
    number: int
    by: str
    why: str
    at: datetime

    def facts(self) -> Facts:
        """The word."""
        return Facts(
            operator=OperatorWord(number=self.number, action=self._action, by=self.by, why=self.why, at=self.at)
        )


class AccessRevoked(_OperatorSpoke, frozen=True, kw_only=True, tag="access_revoked"):
    """The operator takes access away, whatever was paid."""

    _type = EventType.ACCESS_REVOKED
    _action = OperatorAction.REVOKE


class AccessReinstated(_OperatorSpoke, frozen=True, kw_only=True, tag="access_reinstated"):
    """The operator takes an earlier revocation back; what the payments grant holds again, no more than that."""

    _type = EventType.ACCESS_REINSTATED
    _action = OperatorAction.REINSTATE


class LinkResent(EventBase, frozen=True, kw_only=True, tag="link_resent"):
    """The operator has the activation link of a paid order sent once more.

    Attributes:
        number: 1 for the first time on this order.
        by, why, at: who asked for it, for what reason, and when.
    """

    _type = EventType.LINK_RESENT
    number: int
    by: str
    why: str
    at: datetime

    def facts(self) -> Facts:
        """How often it was sent again."""
        return Facts(links_resent=self.number)


class TimePassed(EventBase, frozen=True, kw_only=True, tag="time_passed"):
    """Nothing happened but time."""

    _type = EventType.TIME_PASSED


PaymentEvent: TypeAlias = (
    CheckoutOpened
    | CheckoutCompleted
    | CheckoutExpired
    | PaymentSucceeded
    | PaymentFailed
    | PaymentLinked
    | RefundUpdated
    | ChargeRefunded
    | DisputeUpdated
    | SubscriptionUpdated
    | SubscriptionEnded
)
"""What a payment provider may tell us."""

Event: TypeAlias = (
    PaymentEvent | TokenRedeemed | TokenRotated | AccessRevoked | AccessReinstated | LinkResent | TimePassed
)
"""Everything that may happen to an order."""
