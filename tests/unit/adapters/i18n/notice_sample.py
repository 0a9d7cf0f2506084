"""A notice, and the words that it must have in both languages."""

from typing import Any, Final
from uuid import UUID

from msgspec import Struct, structs

from paywall_core.effects import NoticeKind
from paywall_core.ports.delivery import NoticeMessage

PORTAL: Final = "https://billing.example.com/p/login/test_1?prefilled_email=anna%40example.com&locale=auto"
ACTIVATION: Final = "https://t.me/paywall_bot?start=" + "aB3_" * 15 + "-x"
LOCALES: Final = ("en", "ru")


class Said(Struct, frozen=True, kw_only=True):
    """The words of a notice in one language."""

    title: str
    sentences: tuple[str, ...]
    button: str | None = None


class Sample(Struct, frozen=True, kw_only=True):
    """A notice, without its language, and what it says in each."""

    name: str
    message: NoticeMessage
    en: Said
    ru: Said

    def said(self, locale: str) -> Said:
        """In this language."""
        return self.ru if locale == "ru" else self.en

    def to(self, address: str, locale: str) -> NoticeMessage:
        """The message itself."""
        return structs.replace(self.message, to=address, locale=locale, key=f"notice:{self.name}:{locale}")


def notice_of(kind: NoticeKind, *, has_access: bool = False, **more: Any) -> NoticeMessage:
    """A notice of one kind, to nobody yet."""
    message = NoticeMessage(
        key="", order_id=UUID(int=1), plan="sub_monthly", locale="en", to="", kind=kind, has_access=has_access
    )
    return structs.replace(message, **more)


def plain_spaces(text: str) -> str:
    """The text with the spaces that languages put into amounts written as ordinary ones."""
    return text.replace("\xa0", " ").replace("\u202f", " ")
