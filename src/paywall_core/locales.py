"""The languages that a customer may be written to in."""

from msgspec import Struct


class Locales(Struct, frozen=True, kw_only=True):
    """Which languages are spoken, and which one where nobody said.

    Attributes:
        supported: language codes such as `ru`.
        default: one of them.
    """

    supported: tuple[str, ...]
    default: str

    def __post_init__(self) -> None:
        if self.default not in self.supported:
            raise ValueError("the default language is not spoken")

    def choose(self, *wanted: str | None) -> str:
        """The first of a browser's, Telegram's or Stripe's tags that is spoken (`ru-RU` is `ru`), else the default."""
        spoken = (tag for tag in map(_language, wanted) if tag in self.supported)
        return next(spoken, self.default)


def _language(tag: str | None) -> str:
    return (tag or "").strip().lower().replace("_", "-").split("-")[0]
