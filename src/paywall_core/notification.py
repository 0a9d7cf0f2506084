"""What a payment provider said, as it is brought in: whose it is, what it means to us, and the provider's own bytes.

An adapter makes it; nothing here knows whose words they were, and nothing is decided.
"""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from paywall_core.events import PaymentEvent


class PaymentNotification(Struct, frozen=True, kw_only=True):
    """One word from a payment provider: an event it pushed, one from its list, or an object that we asked for.

    Attributes:
        event_id: the provider's id of its event, by which repeats are known; None when we asked for the object.
        event_type: the provider's own name of what happened, for people.
        occurred_at: when, by the provider's clock.
        payload: the provider's own bytes, kept as they came.
        order_id: the order, where the provider carries our metadata back; None: `references` must find it.
        references: the provider's ids of everything that this is about (session, payment intent, invoice,
            subscription, charge). They find the order, and later ones find it by them. Never a customer's id:
            one customer may have several orders.
        events: what it means to us, in the order to apply; empty: an event that we do not use.
    """

    event_id: str | None
    event_type: str
    occurred_at: datetime
    payload: bytes
    order_id: UUID | None = None
    references: tuple[str, ...] = ()
    events: tuple[PaymentEvent, ...] = ()
