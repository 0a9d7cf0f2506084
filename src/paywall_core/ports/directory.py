"""The two questions that are asked all the time, answered without loading an order.

Their cost must not grow with the number of orders: one statement on one index each.
"""

from datetime import datetime
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from paywall_core.lifecycle import FulfillmentStatus, State


class AccessRecord(Struct, frozen=True, kw_only=True):
    """What is stored about the order that serves a Telegram user best.

    Attributes:
        order_id, plan: the order.
        state: as recorded last; the clock may have gone past it.
        access_until: until when its payments give access, grace included; None: they give none.
        locale: the order's language.
        redeemed: this user redeemed its token; False: the order only named the user's private chat at checkout.
    """

    order_id: UUID
    plan: str
    state: State
    access_until: datetime | None
    locale: str
    redeemed: bool


class SessionRecord(Struct, frozen=True, kw_only=True):
    """What is stored about the order of a checkout session; fields as in `Order` and `Entitlement`."""

    order_id: UUID
    clickid: str
    state: State
    payment_status: str
    fulfillment_status: FulfillmentStatus
    token_version: int
    first_paid_at: datetime | None
    access_until: datetime | None


class OrderDirectory(Protocol):
    """Reads for the hot paths, outside of a transaction: of what is committed."""

    async def access_of(self, telegram_user_id: int) -> AccessRecord | None:
        """The order that serves this user best: the one whose access reaches furthest, then the newest.

        Orders that the user redeemed come before those that only named the user's chat at checkout.
        """
        ...

    async def session(self, session_id: str) -> SessionRecord | None:
        """The order of this checkout session, or None."""
        ...

    async def claim_provider_read(self, session_id: str, *, now: datetime, min_interval_seconds: float) -> bool:
        """Whether the caller may ask the provider about this session now.

        True for one caller in `min_interval_seconds`, whichever process it runs in. A claim of more than an interval
        ahead was made by a wrong clock, and holds nobody up.
        """
        ...
