"""What an error says to whoever reads a log: its fields, so that nobody has to guess which order it was."""

import re
from collections.abc import Callable
from uuid import UUID

import pytest

from paywall_core.errors import (
    CodeRequestedTooSoon,
    ConcurrentUpdate,
    DeliveryFailed,
    IllegalTransition,
    InvalidInput,
    InvalidPayload,
    OrderNotFound,
    PaymentProviderUnavailable,
    PaywallError,
    PlanModeMismatch,
    ReferencesDisagree,
    SessionNotFound,
    SweepHalted,
)

ORDER = UUID(int=0x1234567890)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: InvalidInput("email", "must be short"), "email short"),
        (lambda: PlanModeMismatch(plan="basic", mode="barter"), "basic barter"),
        (lambda: InvalidPayload("no JSON"), "JSON"),
        (lambda: SessionNotFound("cs_test_1"), "cs_test_1"),
        (lambda: OrderNotFound(ORDER), "1234567890"),
        (lambda: CodeRequestedTooSoon(retry_after_seconds=17.4), "17"),
        (lambda: IllegalTransition(state="pending", event="token_redeemed"), "pending token_redeemed anything"),
        (
            lambda: IllegalTransition(state="active", event="link_resent", target="expired"),
            "active link_resent expired",
        ),
        (lambda: SweepHalted(lapsed=42, live=99), "42 99"),
        (lambda: ConcurrentUpdate(ORDER), "1234567890"),
        (lambda: ReferencesDisagree("refund_made", [ORDER, UUID(int=1)]), "refund_made 2"),
        (lambda: PaymentProviderUnavailable("rate limited"), "limited"),
        (lambda: DeliveryFailed("mailbox full"), "mailbox full"),
    ],
)
def test_error_says_its_fields(make: Callable[[], PaywallError], words: str) -> None:
    """In its sentence, which is what a log holds."""
    said = {word.lstrip("0") for word in re.findall(r"\w+", str(make()))}
    assert set(words.split()) <= said


def test_illegal_move_names_no_other_target_than_the_one_asked_for() -> None:
    """`anything` stands only where no target would do."""
    assert "anything" not in str(IllegalTransition(state="active", event="link_resent", target="expired"))
