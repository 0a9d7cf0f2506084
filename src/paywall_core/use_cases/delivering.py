"""What a delivery becomes when its turn comes: something to send, or something that is not wanted any more."""

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct


class Unwanted(Struct, frozen=True, kw_only=True):
    """Nothing is to be sent any more, and why."""

    reason: str


Send: TypeAlias = Callable[[], Awaitable[None]]
"""Does the delivery, outside of any transaction; raises `DeliveryFailed`."""
