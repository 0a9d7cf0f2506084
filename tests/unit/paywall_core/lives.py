"""Lives of orders in a few words: what may happen to one, and how a story of such steps is gone through."""

from datetime import timedelta
from uuid import UUID

from msgspec import Struct

from paywall_core.effects import NoticeKind, SendNotice
from paywall_core.events import (
    AccessReinstated,
    AccessRevoked,
    CheckoutCompleted,
    CheckoutExpired,
    CheckoutOpened,
    DisputeUpdated,
    Event,
    PaymentEvent,
    PaymentFailed,
    PaymentLinked,
    PaymentSucceeded,
    RefundUpdated,
    SubscriptionEnded,
    SubscriptionUpdated,
    TimePassed,
    TokenRedeemed,
)
from paywall_core.facts import DisputeStatus, RefundStatus, SubscriptionStatus, Terms
from paywall_core.order import Order, apply

from .strategies import DAY, START, eur, invoice_period

ORDER_ID = UUID(int=7)


class Life(Struct, frozen=True, kw_only=True):
    """What happened to one order.

    Attributes:
        name: for people.
        terms: what was bought on day 0.
        story: what happened on which day; time passes before each step.
        told: every notice that is owed on the way, as `kind:cause`.
        wanted: those of them that are still true at the end.
    """

    name: str
    terms: Terms
    story: tuple[tuple[int, Event], ...]
    told: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()


def place(terms: Terms) -> Order:
    """A fresh order."""
    return Order.place(
        order_id=ORDER_ID,
        email="anna@example.com",
        plan="plan",
        terms=terms,
        clickid="",
        locale="ru",
        telegram_chat_id="42",
        now=START,
    )


def live(life: Life, *, times: int = 1) -> tuple[Order, list[SendNotice]]:
    """Go through a life, what the provider says as often as that; the order at its end, and all that was owed."""
    order, owed = place(life.terms), list[SendNotice]()
    for day, event in life.story:
        for _ in range(times if isinstance(event, PaymentEvent) else 1):
            change = apply(order, event, now=START + day * DAY, cause="test")
            owed += [effect for effect in change.effects if isinstance(effect, SendNotice)]
            order = change.order
    return order, owed


def paid(number: int = 1, amount_minor: int = 1500) -> PaymentSucceeded:
    """A one-time payment, on day 0."""
    return PaymentSucceeded(payment_id=f"pi_{number}", paid_at=START, amount=eur(amount_minor), session_id="cs_1")


def invoice(number: int) -> PaymentSucceeded:
    """The n-th month is paid, at its start; the first is number 0."""
    return PaymentSucceeded(
        payment_id=f"in_{number}",
        paid_at=invoice_period(number).start,
        amount=eur(900),
        period=invoice_period(number),
        subscription_id="sub_1",
    )


def failed(number: int, *, abandoned: bool = False) -> PaymentFailed:
    """The n-th month was not paid."""
    return PaymentFailed(payment_id=f"in_{number}", subscription_id="sub_1", abandoned=abandoned)


def refund(status: RefundStatus, amount_minor: int = 1500, payment: str = "pi_1") -> RefundUpdated:
    """The refund `re_1`."""
    return RefundUpdated(refund_id="re_1", amount=eur(amount_minor), status=status, payment=payment, charge="ch_1")


def dispute(status: DisputeStatus, payment: str = "pi_1", name: str = "dp_1") -> DisputeUpdated:
    """A dispute."""
    return DisputeUpdated(dispute_id=name, status=status, payment=payment, charge="ch_1")


def outlook(
    day: int, cancels_on: int | None, status: SubscriptionStatus = SubscriptionStatus.ACTIVE
) -> SubscriptionUpdated:
    """What the subscription's future looks like on that day."""
    cancels_at = None if cancels_on is None else START + cancels_on * DAY
    return SubscriptionUpdated(subscription_id="sub_1", as_of=START + day * DAY, status=status, cancels_at=cancels_at)


def ended(day: int) -> SubscriptionEnded:
    """The subscription is over."""
    return SubscriptionEnded(subscription_id="sub_1", ended_at=START + day * DAY)


def on(day: int, hours: int = 0) -> str:
    """A moment, as a cause."""
    return (START + day * DAY + timedelta(hours=hours)).isoformat()


REVOKE = AccessRevoked(number=1, by="anna", why="abuse", at=START + DAY)
REINSTATE = AccessReinstated(number=2, by="bob", why="a mistake", at=START + 2 * DAY)
REDEEM = TokenRedeemed(token_version=1, telegram_user_id=5)
OPENED = CheckoutOpened(session_id="cs_1")
COMPLETED = CheckoutCompleted(session_id="cs_1", subscription_id="sub_1")
EXPIRED = CheckoutExpired(session_id="cs_1")
LINK = PaymentLinked(payment_intent_id="pi_1", payment_id="in_0")
TIME = TimePassed()


def name_of(notice: SendNotice) -> str:
    """As `Life.told` spells it."""
    return f"{NoticeKind(notice.kind)}:{notice.cause}"
