"""The languages that a customer may be written to in."""

from typing import Final

LOCALES: Final = ("ru", "en")
"""Language codes; a third language is one more here and a catalogue beside the others."""


def choose_locale(wanted: str | None, *, default: str) -> str:
    """The language for a browser's, Telegram's or Stripe's tag: `ru-RU` is `ru`; what we do not speak is `default`."""
    tag = (wanted or "").strip().lower().replace("_", "-").split("-")[0]
    return tag if tag in LOCALES else default
