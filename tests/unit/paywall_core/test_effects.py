"""Effects as data: their keys, when they are due, and the form in which they are stored."""

from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from paywall_core.effects import (
    MAX_KEY_CHARACTERS,
    Effect,
    ForwardTrackedEvent,
    Lane,
    LookUpEvent,
    NoticeChannel,
    NoticeKind,
    ReportSale,
    SendAccessEmail,
    SendActivationMessage,
    SendNotice,
    SendRestoreCode,
    due_at,
)

from .strategies import DAY, START

ORDER = UUID(int=7)


def notice(cause: str) -> SendNotice:
    """A mail about a refund."""
    return SendNotice(order_id=ORDER, kind=NoticeKind.REFUNDED, channel=NoticeChannel.EMAIL, cause=cause)


@pytest.mark.parametrize(
    ("effect", "key"),
    [
        (SendAccessEmail(order_id=ORDER, token_version=2), f"access_email:{ORDER}:2"),
        (SendAccessEmail(order_id=ORDER, token_version=2, resend=3), f"access_email:{ORDER}:2:resend-3"),
        (SendActivationMessage(order_id=ORDER, token_version=1), f"activation_message:{ORDER}:1"),
        (SendActivationMessage(order_id=ORDER, token_version=1, resend=1), f"activation_message:{ORDER}:1:resend-1"),
        (ReportSale(order_id=ORDER), f"mobi_slon:pay_success:{ORDER}"),
        (notice("re_1"), f"notice:refunded:email:{ORDER}:re_1"),
        (LookUpEvent(event_id="evt_1"), "look_up:evt_1"),
        (SendRestoreCode(challenge_id=ORDER), f"restore_code:{ORDER}"),
        (ForwardTrackedEvent(attempt_id=ORDER), f"tracked_event:{ORDER}"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_key_is_a_function_of_the_cause_and_the_stored_form_is_read_back(effect: Effect, key: str) -> None:
    """One cause, one key; and the row comes back from the database as what it was."""
    assert effect.key == key
    assert msgspec.json.decode(msgspec.json.encode(effect), type=Effect) == effect


def test_key_of_a_row_from_before_links_could_be_resent_is_the_same() -> None:
    """What an older version stored is still the same effect."""
    stored = b'{"effect":"access_email","order_id":"00000000-0000-0000-0000-000000000007","token_version":1}'
    assert msgspec.json.decode(stored, type=SendAccessEmail).key == f"access_email:{ORDER}:1"


@pytest.mark.parametrize(
    ("effect", "lane"),
    [
        (SendAccessEmail(order_id=ORDER, token_version=1), Lane.MAIL),
        (SendRestoreCode(challenge_id=ORDER), Lane.MAIL),
        (notice("re_1"), Lane.MAIL_NOTICE),
        (SendActivationMessage(order_id=ORDER, token_version=1), Lane.CHAT),
        (msgspec.structs.replace(notice("re_1"), channel=NoticeChannel.CHAT), Lane.CHAT_NOTICE),
        (ReportSale(order_id=ORDER), Lane.CLICK_TRACKER),
        (ForwardTrackedEvent(attempt_id=ORDER, lane=Lane.AD_PLATFORM), Lane.AD_PLATFORM),
        (LookUpEvent(event_id="evt_1"), Lane.PROVIDER),
    ],
    ids=lambda value: str(value) if isinstance(value, Lane) else "",
)
def test_what_somebody_waits_for_stands_behind_nothing_else(effect: Effect, lane: Lane) -> None:
    """The way in and codes have lanes of their own; each tracker has one, and the provider."""
    assert effect.lane is lane
    assert msgspec.json.decode(msgspec.json.encode(effect), type=Effect).lane is lane


def test_tracked_event_from_before_there_were_lanes_has_one() -> None:
    """What an older version stored does not say which tracker it is for."""
    stored = b'{"effect":"tracked_event","attempt_id":"00000000-0000-0000-0000-000000000007"}'
    assert msgspec.json.decode(stored, type=ForwardTrackedEvent).lane is Lane.CLICK_TRACKER


def test_long_id_of_the_provider_s_leaves_the_key_short_and_its_own() -> None:
    """Stripe's ids may have 255 characters: two that differ only in the last one still have two keys."""
    one, other = (notice("re_" + "x" * 251 + last) for last in "ab")
    assert len(one.key) == len(other.key) == MAX_KEY_CHARACTERS
    assert one.key != other.key
    assert one.key.startswith(f"notice:refunded:email:{ORDER}:re_xxx")
    longest = notice("x" * (MAX_KEY_CHARACTERS - len(notice("").key)))
    assert longest.key == notice("").key + longest.cause


@pytest.mark.parametrize(
    ("effect", "wait"),
    [
        (ReportSale(order_id=ORDER), timedelta()),
        (notice("re_1"), timedelta()),
        (msgspec.structs.replace(notice("x"), not_before=START + DAY), DAY),
        (msgspec.structs.replace(notice("x"), not_before=START - DAY), timedelta()),
        (LookUpEvent(event_id="evt_1", not_before=START + timedelta(seconds=20)), timedelta(seconds=20)),
    ],
    ids=["owed at once", "a notice at once", "a notice in a day", "the day is past", "a question later"],
)
def test_effect_is_due_at_once_or_at_its_time_never_in_the_past(effect: Effect, wait: timedelta) -> None:
    """What should have gone out yesterday is due now."""
    assert due_at(effect, START) == START + wait
