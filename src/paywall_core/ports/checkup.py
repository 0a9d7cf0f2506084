"""What an operator's doctor asks each outside service: is what the settings say true?"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct


class Verdict(StrEnum):
    """How a check ended."""

    OK = "ok"
    OFF = "off"  # not configured; nothing is wrong with that
    WARNING = "warning"  # it works, but somebody should look
    FAILED = "failed"


class Finding(Struct, frozen=True, kw_only=True):
    """One line of a checkup.

    Attributes:
        subject: the setting, or settings, that this is about (`STRIPE_SECRET_KEY`), or what is watched.
        verdict: how it ended.
        detail: what was found, and what to do about it; no secret, no token, no customer's address.
    """

    subject: str
    verdict: Verdict
    detail: str


class Checkup(Protocol):
    """Asks one outside service for real."""

    async def check(self) -> Sequence[Finding]:
        """Ask. What goes wrong is a finding, never an exception; it takes seconds at most and changes nothing."""
        ...
