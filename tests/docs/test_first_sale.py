"""What the guide to the first sale says of Stripe is what the code asks of it."""

import re

import pytest

from adapters.stripe.checkup import _SAID_TWICE
from adapters.stripe.translate import USED_EVENT_TYPES
from entrypoints.settings import Role, load_settings
from tests.docs.pages import DOCS, ROOT, read

GUIDE = read(DOCS / "first-sale.md")
CALL = re.compile(
    r"\bv1\.([a-z_]+(?:\.[a-z_]+)?)(?:\.(?:create|list|retrieve|retrieve_current|update)_async|$)", re.MULTILINE
)


def test_the_events_to_subscribe_to_are_those_that_are_used() -> None:
    """Older names that Stripe still sends beside newer ones are left out, as the doctor does."""
    (listed,) = [block.text.split() for block in GUIDE.blocks if block.mark == "events"]
    assert listed == [event for event in USED_EVENT_TYPES if event not in _SAID_TWICE]


def test_the_rights_of_the_key_are_for_the_calls_that_are_made() -> None:
    """Every resource of Stripe's that the adapter names has its row, and no other has one."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "src" / "adapters" / "stripe").glob("*.py")]
    called = {name for text in sources for name in CALL.findall(text)}
    told = {
        name
        for cells in GUIDE.rows
        if len(cells) == 3 and cells[1] in ("read", "write")
        for name in re.findall(r"`([a-z_.]+)`", cells[2])
    }
    assert called - {"accounts"} == told


@pytest.mark.parametrize("role", [Role.SERVE, Role.DOCTOR])
def test_whoever_does_what_the_guide_says_has_all_settings(role: Role) -> None:
    """What its blocks collect, and the secrets that it makes, are enough to start."""
    lines = [line for block in GUIDE.blocks if block.language == "ini" for line in block.text.splitlines()]
    collected = dict(line.replace("...", "FilledIn").split("=", 1) for line in lines)
    (loop,) = [block.text for block in GUIDE.blocks if "for name in" in block.text]
    made = dict.fromkeys(re.findall(r"\b[A-Z_]{5,}\b", loop), "s" * 32)
    settings = load_settings({**collected, **made}, role)
    assert settings.smtp is not None
    assert settings.bot.token is not None
