"""Rows to the core's values and back. Pure: no SQL is executed here."""

from datetime import datetime
from typing import Any, Final

import msgspec

from adapters.db.statements import Row
from paywall_core.effects import Effect, due_at
from paywall_core.email_address import email_key
from paywall_core.events import Event
from paywall_core.facts import Facts
from paywall_core.lifecycle import State
from paywall_core.notification import PaymentNotification
from paywall_core.order import HistoryEntry, Order
from paywall_core.policy import renewing_subscription_of
from paywall_core.ports.operations import OutboxLine, ProviderEvent
from paywall_core.ports.unit_of_work import DeliveryStatus, OperatorAct
from paywall_core.restore_challenge import RestoreChallenge
from paywall_core.tracking import AdEvent, TrackedEvent, TrackingAttempt, TrackingOutcome

_encode: Final = msgspec.json.Encoder().encode
_facts: Final = msgspec.json.Decoder(Facts)
_event: Final = msgspec.json.Decoder(Event)
_effect: Final = msgspec.json.Decoder(Effect)
_issued: Final = msgspec.json.Decoder(tuple[datetime, ...])
_tracked: Final = msgspec.json.Decoder(TrackedEvent)
_notification: Final = msgspec.json.Decoder(PaymentNotification)


ORDER_COLUMNS: Final = (
    "id",
    "version",
    "email",
    "plan",
    "clickid",
    "locale",
    "telegram_chat_id",
    "created_at",
    "facts",
    "state",
)
"""The columns of which an order is made anew; the others follow from them."""

CHANGING_COLUMNS: Final = (
    "version",
    "facts",
    "state",
    "token_version",
    "telegram_user_id",
    "first_paid_at",
    "access_until",
    "payment_status",
    "fulfillment_status",
    "checkout_session_id",
    "live_subscription_id",
)
"""The columns of an order that a change may touch."""

OUTBOX_COLUMNS: Final = (
    "key",
    "order_id",
    "effect",
    "status",
    "attempts",
    "due_at",
    "created_at",
    "first_due_at",
    "lane",
)
"""The columns of a row that is new in the outbox."""


def order_row(order: Order) -> dict[str, Any]:
    """All columns of an order: itself, and what follows from its facts."""
    return {
        "id": order.id,
        "email": order.email,
        "email_key": email_key(order.email),
        "plan": order.plan,
        "clickid": order.clickid,
        "locale": order.locale,
        "telegram_chat_id": order.telegram_chat_id,
        "created_at": order.created_at,
        **changing_columns(order),
    }


def changing_columns(order: Order) -> dict[str, Any]:
    """The values of `CHANGING_COLUMNS`."""
    entitlement = order.entitlement
    return {
        "version": order.version,
        "facts": _encode(order.facts).decode(),
        "state": str(order.state),
        "token_version": order.facts.token_version,
        "telegram_user_id": order.telegram_user_id,
        "first_paid_at": entitlement.first_paid_at,
        "access_until": entitlement.access_until,
        "payment_status": order.payment_status,
        "fulfillment_status": str(order.fulfillment_status),
        "checkout_session_id": order.facts.checkout_session_id,
        "live_subscription_id": renewing_subscription_of(order.facts),
    }


def order_of_row(row: Row) -> Order:
    """The order in a row that has `ORDER_COLUMNS`."""
    return Order(
        id=row.id,
        version=row.version,
        email=row.email,
        plan=row.plan,
        clickid=row.clickid,
        locale=row.locale,
        telegram_chat_id=row.telegram_chat_id,
        created_at=row.created_at,
        facts=_facts.decode(row.facts),
        state=State(row.state),
    )


def history_row(order: Order, entry: HistoryEntry) -> dict[str, Any]:
    """One line of an order's history."""
    return {
        "order_id": order.id,
        "sequence": entry.sequence,
        "at": entry.at,
        "event_type": str(entry.event.type),
        "event": _encode(entry.event).decode(),
        "from_state": str(entry.from_state),
        "to_state": str(entry.to_state),
        "cause": entry.cause,
    }


def history_of_row(row: Row) -> HistoryEntry:
    """The line in a row of `order_history`."""
    return HistoryEntry(
        sequence=row.sequence,
        at=row.at,
        event=_event.decode(row.event),
        from_state=State(row.from_state),
        to_state=State(row.to_state),
        cause=row.cause,
    )


def outbox_row(effect: Effect, *, now: datetime) -> dict[str, Any]:
    """The values of `OUTBOX_COLUMNS`: owed since `now`; effects that no order owes have no order."""
    first_due_at = due_at(effect, now)
    return {
        "key": effect.key,
        "order_id": getattr(effect, "order_id", None),
        "effect": _encode(effect).decode(),
        "status": str(DeliveryStatus.PENDING),
        "attempts": 0,
        "due_at": first_due_at,
        "created_at": now,
        "first_due_at": first_due_at,
        "lane": str(effect.lane),
    }


def outbox_line_of_row(row: Row) -> OutboxLine:
    """A row of `outbox`, to look at."""
    return OutboxLine(
        key=row.key,
        effect=decode_effect(row.effect),
        status=DeliveryStatus(row.status),
        attempts=row.attempts,
        created_at=row.created_at,
        due_at=row.due_at,
        settled_at=row.settled_at,
        error=row.last_error,
        order_id=row.order_id,
    )


def decode_effect(text: str) -> Effect:
    """An effect as it was stored."""
    effect: Effect = _effect.decode(text)
    return effect


def encode_notification(notification: PaymentNotification) -> str:
    """A notification as it is stored; its payload has a column of its own."""
    return _encode(msgspec.structs.replace(notification, payload=b"")).decode()


def decode_notification(row: Row) -> PaymentNotification:
    """A notification as it was stored."""
    return msgspec.structs.replace(_notification.decode(row.notification), payload=row.payload)


def provider_event_of_row(row: Row) -> ProviderEvent:
    """A row of `payment_events`, to look at; its payload is not needed."""
    return ProviderEvent(
        event_id=row.stripe_event_id,
        event_type=row.event_type,
        occurred_at=row.occurred_at,
        received_at=row.received_at,
        references=_notification.decode(row.notification).references,
        order_id=row.order_id,
        set_aside=row.set_aside_at is not None,
    )


def act_row(act: OperatorAct) -> dict[str, Any]:
    """All columns of an operator's act; the database numbers it."""
    return msgspec.structs.asdict(act)


def act_of_row(row: Row) -> OperatorAct:
    """The act in a row of `operator_acts`."""
    return OperatorAct(at=row.at, by=row.by, why=row.why, act=row.act, subject=row.subject, order_id=row.order_id)


def challenge_row(challenge: RestoreChallenge) -> dict[str, Any]:
    """All columns of a challenge."""
    return {
        "address": challenge.address,
        "id": challenge.id,
        "issued": _encode(challenge.issued).decode(),
        "issued_at": challenge.issued_at,
        "tries": challenge.tries,
        "spent": challenge.spent,
    }


def challenge_of_row(row: Row) -> RestoreChallenge:
    """The challenge in a row of `restore_challenges`."""
    return RestoreChallenge(
        address=row.address, id=row.id, issued=_issued.decode(row.issued), tries=row.tries, spent=row.spent
    )


def attempt_row(attempt: TrackingAttempt) -> dict[str, Any]:
    """All columns of a tracked event."""
    event = attempt.event
    return {
        "id": attempt.id,
        "kind": "ad" if isinstance(event, AdEvent) else "funnel",
        "name": event.name,
        "clickid": None if isinstance(event, AdEvent) else event.clickid,
        "received_at": attempt.received_at,
        "event": _encode(event).decode(),
        "outcome": str(attempt.outcome),
        "reason": attempt.reason,
        "settled_at": None if attempt.outcome is TrackingOutcome.QUEUED else attempt.received_at,
    }


def attempt_of_row(row: Row) -> TrackingAttempt:
    """The attempt in a row of `tracking_events`."""
    event: TrackedEvent = _tracked.decode(row.event)
    return TrackingAttempt(
        id=row.id,
        received_at=row.received_at,
        event=event,
        outcome=TrackingOutcome(row.outcome),
        reason=row.reason,
    )
