"""What happened to an order, and what it owes, each in a sentence for an operator. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from entrypoints.cli.output import moment
from paywall_core.effects import (
    Effect,
    ForwardTrackedEvent,
    LookUpEvent,
    NoticeChannel,
    ReportSale,
    SendAccessEmail,
    SendActivationMessage,
    SendNotice,
    SendRestoreCode,
    due_at,
)
from paywall_core.events import (
    AccessReinstated,
    AccessRevoked,
    ChargeRefunded,
    CheckoutCompleted,
    CheckoutExpired,
    CheckoutOpened,
    DisputeUpdated,
    Event,
    LinkResent,
    PaymentFailed,
    PaymentLinked,
    PaymentSucceeded,
    RefundUpdated,
    SubscriptionEnded,
    SubscriptionUpdated,
    TimePassed,
    TokenRedeemed,
    TokenRotated,
)
from paywall_core.money import Money
from paywall_core.ports.operations import OutboxLine
from paywall_core.ports.unit_of_work import DeliveryStatus

_EFFECTS: Final[Mapping[type[Effect], str]] = {
    SendAccessEmail: "the e-mail with the link",
    SendActivationMessage: "the Telegram message with the button",
    ReportSale: "the sale's report to MobiSлон",
    SendRestoreCode: "the e-mail with a one-time code",
    ForwardTrackedEvent: "an event for a tracker",
}


def event_words(event: Event) -> str:
    """What happened, with Stripe's ids; an operator's act with who and why."""
    match event:
        case CheckoutOpened() | CheckoutCompleted() | CheckoutExpired():
            return _checkout(event)
        case PaymentSucceeded() | PaymentFailed() | PaymentLinked():
            return _payment(event)
        case RefundUpdated() | ChargeRefunded() | DisputeUpdated():
            return _money_back(event)
        case SubscriptionUpdated() | SubscriptionEnded():
            return _subscription(event)
        case TokenRedeemed() | TokenRotated() | AccessRevoked() | AccessReinstated() | LinkResent():
            return _access(event)
        case TimePassed():
            return "time passed"


def effect_words(effect: Effect) -> str:
    """What is owed."""
    if isinstance(effect, SendNotice):
        way = "by e-mail" if effect.channel is NoticeChannel.EMAIL else "in Telegram"
        return f"the notice '{effect.kind}' {way}"
    if isinstance(effect, LookUpEvent):
        return f"the search for the order of {effect.event_id}"
    return _EFFECTS[type(effect)]


def delivery_words(line: OutboxLine, now: datetime) -> str:
    """How far a delivery is."""
    tries = f"{line.attempts} {'try' if line.attempts == 1 else 'tries'}"
    match line.status:
        case DeliveryStatus.DELIVERED:
            return f"delivered {moment(line.settled_at)}"
        case DeliveryStatus.SKIPPED:
            return f"not sent, because {line.error or 'it was no longer wanted'}"
        case DeliveryStatus.DEAD:
            return f"given up after {tries}: {line.error or 'nobody knows why'}"
        case _:
            why = f": {line.error}" if line.error else ""
            if line.due_at > now:
                when = f"next {moment(line.due_at)}" if line.attempts else f"planned for {moment(line.due_at)}"
                return f"{when}{f', after {tries}' if line.attempts else ''}{why}"
            return f"due since {moment(line.due_at)}, after {tries}{why}"


def owed_since(line: OutboxLine) -> datetime:
    """When it could have gone out at the earliest."""
    return due_at(line.effect, line.created_at)


def _checkout(event: CheckoutOpened | CheckoutCompleted | CheckoutExpired) -> str:
    match event:
        case CheckoutOpened():
            return f"the checkout {event.session_id} was opened"
        case CheckoutCompleted():
            return f"the checkout {event.session_id} is complete, its money not there yet"
        case CheckoutExpired():
            return f"the checkout {event.session_id} ran out"


def _payment(event: PaymentSucceeded | PaymentFailed | PaymentLinked) -> str:
    match event:
        case PaymentSucceeded():
            money = "" if event.amount is None else f" of {_money(event.amount)}"
            until = "" if event.period is None else f", for the time until {moment(event.period.end)}"
            return f"the payment {event.payment_id}{money} came{until}"
        case PaymentFailed():
            fate = "was given up: nobody tries any more" if event.abandoned else "failed"
            return f"the payment {event.payment_id} {fate}"
        case PaymentLinked():
            return f"the payment intent {event.payment_intent_id} turned out to pay the invoice {event.payment_id}"


def _subscription(event: SubscriptionUpdated | SubscriptionEnded) -> str:
    if isinstance(event, SubscriptionEnded):
        return f"the subscription {event.subscription_id} ended on {moment(event.ended_at)}"
    end = "renews" if event.cancels_at is None else f"is to end on {moment(event.cancels_at)}"
    return f"the subscription {event.subscription_id} is {event.status} and {end}"


def _access(event: TokenRedeemed | TokenRotated | AccessRevoked | AccessReinstated | LinkResent) -> str:
    match event:
        case TokenRedeemed():
            return f"Telegram user {event.telegram_user_id} redeemed the link (version {event.token_version})"
        case TokenRotated():
            return f"the link has a new version, {event.token_version}; older ones are worthless"
        case AccessRevoked():
            return f"{event.by} revoked access: {event.why}"
        case AccessReinstated():
            return f"{event.by} took the revocation back: {event.why}"
        case LinkResent():
            return f"{event.by} had the link sent again: {event.why}"


def _money_back(event: RefundUpdated | ChargeRefunded | DisputeUpdated) -> str:
    match event:
        case RefundUpdated():
            about = event.payment or event.charge
            return f"the refund {event.refund_id} of {_money(event.amount)} for {about} is {event.status}"
        case ChargeRefunded():
            whole = _money(event.amount)
            return f"the charge {event.charge_id} of {whole} shows {event.refunded_minor} as refunded"
        case DisputeUpdated():
            about = event.payment or event.charge
            return f"the dispute {event.dispute_id} about {about} is {event.status}"


def _money(money: Money) -> str:
    """Minor units, so that nobody has to guess the currency's decimal places."""
    return f"{money.amount_minor} {money.currency} (minor units)"
