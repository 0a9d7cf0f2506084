"""Single values out of a decoded JSON document of Stripe's: ids, texts, amounts, times; each is checked here, once.

Knows nothing of events or orders. What does not fit is `InvalidPayload` whose reason begins with the value's path.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from paywall_core.errors import InvalidPayload
from paywall_core.events import PaymentEvent

StripeDocument: TypeAlias = Mapping[str, Any]
"""A decoded object of Stripe's."""

Events: TypeAlias = tuple[PaymentEvent, ...]
"""What an object means to us, in the order to apply."""

Translation: TypeAlias = Callable[[StripeDocument, datetime], Events]
"""From an object, and the moment at which it was as it is, to what it means."""

_MAX_TEXT_CHARACTERS: Final = 255
_MAX_AMOUNT: Final = 10**15
_MAX_SECONDS: Final = 4_102_444_800  # 2100: room to add a plan's days to


def id_of(value: object) -> str | None:
    """An id, or the id of an expanded object; None for anything else."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) and _is_short_text(value) else None


def text(document: StripeDocument, name: str) -> str:
    """A field that holds a short text.

    Raises:
        InvalidPayload: it holds something else.
    """
    value = document.get(name)
    if not isinstance(value, str) or not _is_short_text(value):
        raise InvalidPayload(f"{name}: must be a text of 1 to {_MAX_TEXT_CHARACTERS} printable characters")
    return value


def whole(document: StripeDocument, name: str) -> int:
    """A field that holds an amount in minor units.

    Raises:
        InvalidPayload: it is no whole number, negative, or absurdly large.
    """
    value = document.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MAX_AMOUNT:
        raise InvalidPayload(f"{name}: must be a whole number that is not negative")
    return value


def moment(value: object, path: str) -> datetime:
    """Seconds since 1970, as Stripe writes every time; `path` is for the error only.

    Raises:
        InvalidPayload: it is no such time, or lies beyond 2100.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _MAX_SECONDS:
        raise InvalidPayload(f"{path}: must be a time in seconds")
    return datetime.fromtimestamp(value, UTC)


def below(path: str, translate: Translation, subject: StripeDocument, at: datetime) -> Events:
    """Translate what lies at `path`; an error's path begins with it.

    Raises:
        InvalidPayload: as `translate` does.
    """
    try:
        return translate(subject, at)
    except InvalidPayload as error:
        raise InvalidPayload(f"{path}.{error.reason}") from None


def _is_short_text(value: str) -> bool:
    """PostgreSQL stores no NUL and no lone surrogate; neither is printable, and no id or type of Stripe's has one."""
    return 0 < len(value) <= _MAX_TEXT_CHARACTERS and value.isprintable()
