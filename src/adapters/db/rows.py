"""Rows to the core's values and back. Pure: no SQL is executed here."""

from typing import Any, Final

import msgspec
from sqlalchemy import Row

from paywall_core.effects import Effect
from paywall_core.email_address import email_key
from paywall_core.events import Event, PaymentNotification
from paywall_core.facts import Facts
from paywall_core.lifecycle import State
from paywall_core.order import HistoryEntry, Order

_encode: Final = msgspec.json.Encoder().encode
_facts: Final = msgspec.json.Decoder(Facts)
_event: Final = msgspec.json.Decoder(Event)
_effect: Final = msgspec.json.Decoder(Effect)
_notification: Final = msgspec.json.Decoder(PaymentNotification)


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
    """The columns that a change may touch."""
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
    }


def order_of_row(row: Row[Any]) -> Order:
    """The order in a row of `orders`."""
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


def history_of_row(row: Row[Any]) -> HistoryEntry:
    """The line in a row of `order_history`."""
    return HistoryEntry(
        sequence=row.sequence,
        at=row.at,
        event=_event.decode(row.event),
        from_state=State(row.from_state),
        to_state=State(row.to_state),
        cause=row.cause,
    )


def encode_effect(effect: Effect) -> str:
    """An effect as it is stored."""
    return _encode(effect).decode()


def decode_effect(text: str) -> Effect:
    """An effect as it was stored."""
    effect: Effect = _effect.decode(text)
    return effect


def encode_notification(notification: PaymentNotification) -> str:
    """A notification as it is stored; its payload has a column of its own."""
    return _encode(msgspec.structs.replace(notification, payload=b"")).decode()


def decode_notification(row: Row[Any, Any]) -> PaymentNotification:
    """A notification as it was stored."""
    return msgspec.structs.replace(_notification.decode(row.notification), payload=row.payload)
