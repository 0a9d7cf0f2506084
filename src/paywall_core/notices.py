"""What a customer is told after the payment, and for which cause. Pure functions of facts, states and events.

Most notices are owed because something *stands* in the facts (a payment has failed, a refund lives): from the moment on
at which it stands, in whatever order the facts came. Two are owed for a *move*: access that was there has ended, access
that was withdrawn is back. Each has a cause, by which it goes out once.

By the time a notice's turn comes the world may have moved on: `unwanted_because` says so.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from paywall_core.effects import NoticeChannel, NoticeKind, SendNotice
from paywall_core.events import AccessReinstated, DisputeUpdated, Event, RefundUpdated
from paywall_core.facts import CheckoutStatus, DisputeStatus, Facts, PaymentStatus
from paywall_core.lifecycle import State
from paywall_core.policy import (
    entitlement_of,
    expected_end_of,
    is_alive,
    is_revoked_by_operator,
    payment_of,
    voiding_disputes,
)

_Causes: TypeAlias = Mapping[tuple[NoticeKind, str], datetime | None]
_LIVE: Final = (State.TOKEN_ISSUED, State.ACTIVE)


def notices_owed(
    order_id: UUID, before: tuple[Facts, State], after: tuple[Facts, State], event: Event
) -> tuple[SendNotice, ...]:
    """What a step of the order's life owes its customer: each notice on both channels."""
    stood = _standing(*before)
    owed: dict[tuple[NoticeKind, str], datetime | None] = {
        cause: not_before for cause, not_before in _standing(*after).items() if cause not in stood
    }
    owed.update(_moved(before[1], after, event))
    return tuple(
        SendNotice(order_id=order_id, kind=kind, channel=channel, cause=cause, not_before=not_before)
        for (kind, cause), not_before in owed.items()
        for channel in NoticeChannel
    )


def unwanted_because(notice: SendNotice, facts: Facts, state: State) -> str | None:
    """Why a notice whose turn has come is not to be sent any more; None: it still says the truth."""
    if notice.kind is NoticeKind.ENDED:
        return None if state is State.EXPIRED else f"the order is {state}"
    if notice.kind is NoticeKind.RESTORED:
        return None if state in _LIVE else f"the order is {state}"
    if (notice.kind, notice.cause) not in _standing(facts, state):
        return _MOOT[notice.kind]
    return None


_MOOT: Final = {
    NoticeKind.PAYMENT_FAILED: "the payment came, or is not asked for any more",
    NoticeKind.ENDS_SOON: "it was renewed, or is over",
    NoticeKind.REFUNDED: "the refund failed or was cancelled",
    NoticeKind.SUSPENDED: "the dispute is decided, or access stands without that payment",
}


def _standing(facts: Facts, state: State) -> _Causes:
    """What stands in the facts that a customer is to be told, and since when it may be told."""
    owed: dict[tuple[NoticeKind, str], datetime | None] = {}
    paid = {key for key, payment in facts.payments.items() if payment.status is PaymentStatus.PAID}
    collects = facts.subscription_ended_at is None and not is_revoked_by_operator(facts)
    if collects and (paid or facts.checkout is CheckoutStatus.COMPLETE):
        failed = (key for key, payment in facts.payments.items() if payment.status is PaymentStatus.FAILED)
        owed.update({(NoticeKind.PAYMENT_FAILED, key): None for key in failed})
    for key, refund in facts.refunds.items():
        if is_alive(refund) and payment_of(facts, refund.payment, refund.charge) in paid:
            owed[NoticeKind.REFUNDED, key] = None
    if state is State.REVOKED and not is_revoked_by_operator(facts):
        disputes = (key for payment_id in paid for key in voiding_disputes(facts, payment_id))
        owed.update({(NoticeKind.SUSPENDED, key): None for key in disputes if _is_open(facts, key)})
    end = expected_end_of(facts)
    if end is not None and state in _LIVE:
        owed[NoticeKind.ENDS_SOON, end.at.isoformat()] = end.tell_at
    return owed


def _is_open(facts: Facts, dispute_id: str) -> bool:
    return facts.disputes[dispute_id].status is DisputeStatus.OPEN


def _moved(before: State, after: tuple[Facts, State], event: Event) -> _Causes:
    """What the move itself is to be told for."""
    facts, state = after
    if before in _LIVE and state is State.EXPIRED:
        access_until = entitlement_of(facts).access_until
        return {} if access_until is None else {(NoticeKind.ENDED, access_until.isoformat()): None}
    cause = _taken_back(event)
    if before is State.REVOKED and state in _LIVE and cause is not None:
        return {(NoticeKind.RESTORED, cause): None}
    return {}


def _taken_back(event: Event) -> str | None:
    """The id of what withdrew access and does so no more; None: a new payment, or the clock, gave it back."""
    if isinstance(event, DisputeUpdated):
        return event.dispute_id
    if isinstance(event, RefundUpdated):
        return event.refund_id
    if isinstance(event, AccessReinstated):
        return f"operator-{event.number}"
    return None
