"""One-time codes and the challenge that they answer."""

from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paywall_core.errors import CodeRequestedTooSoon
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.restore_challenge import CODE_LIFETIME, MAX_TRIES, RestoreChallenge, next_challenge

from .strategies import START

OLD, NEW = b"an older secret of the tests", b"a newer secret of the tests"
SECOND = timedelta(seconds=1)


@given(st.uuids())
def test_code_is_six_digits_and_matches_itself_only(challenge_id: UUID) -> None:
    """Another challenge, another answer, another secret: no match."""
    codes = OneTimeCodes([NEW])
    code = codes.derive(challenge_id)
    assert len(code) == 6
    assert code.isascii()
    assert code.isdigit()
    assert codes.matches(challenge_id, code)
    other = str((int(code) + 1) % 10**6).zfill(6)
    for wrong in (other, "", code[:-1], code + "0", "１２３４５６", "\ud800"):
        assert not codes.matches(challenge_id, wrong)


def test_code_of_an_older_secret_stays_good_while_it_is_listed() -> None:
    """A secret can be replaced while a mail is on its way."""
    code = OneTimeCodes([OLD]).derive(UUID(int=1))
    assert OneTimeCodes([NEW, OLD]).matches(UUID(int=1), code)
    assert OneTimeCodes([NEW, OLD]).derive(UUID(int=1)) == OneTimeCodes([NEW]).derive(UUID(int=1))
    assert not OneTimeCodes([NEW]).matches(UUID(int=1), code)


@pytest.mark.parametrize("secrets", [[], [b"short"], [NEW, b"short"]])
def test_weak_secret_is_refused(secrets: list[bytes]) -> None:
    """Six digits under a guessable secret prove nothing."""
    with pytest.raises(ValueError, match="secret"):
        OneTimeCodes(secrets)


def test_secret_of_sixteen_bytes_is_long_enough() -> None:
    """The bound itself is allowed; a byte less is not."""
    sixteen = b"sixteen bytes ok"
    OneTimeCodes([sixteen])
    with pytest.raises(ValueError, match="secret"):
        OneTimeCodes([sixteen[:-1]])


def test_codes_are_drawn_from_all_six_digits() -> None:
    """By the documented formula, worked out elsewhere: another machine, or another release, derives the same code."""
    codes = OneTimeCodes([NEW])
    assert [codes.derive(UUID(int=number)) for number in (1, 2, 3)] == ["686914", "518911", "907841"]


def ask(previous: RestoreChallenge | None, after: timedelta, number: int = 1) -> RestoreChallenge:
    """A challenge asked for at a time after the start."""
    return next_challenge(previous, address="anna@example.com", challenge_id=UUID(int=number), now=START + after)


def test_challenge_is_open_for_ten_minutes_and_five_tries() -> None:
    """Not a moment, not a try longer."""
    challenge = ask(None, timedelta(0))
    assert challenge.is_open(START + CODE_LIFETIME - SECOND)
    assert not challenge.is_open(START + CODE_LIFETIME)
    for _ in range(MAX_TRIES):
        assert challenge.is_open(START)
        challenge = challenge.tried()
    assert not challenge.is_open(START)
    assert not ask(None, timedelta(0)).solved().is_open(START)


def test_code_is_given_once_a_minute_and_five_times_an_hour() -> None:
    """The error says when to come back."""
    challenge = ask(None, timedelta(0))
    with pytest.raises(CodeRequestedTooSoon) as too_soon:
        ask(challenge, timedelta(seconds=59))
    assert too_soon.value.retry_after_seconds == 1
    for minute in range(1, 5):
        challenge = ask(challenge.tried(), timedelta(minutes=minute), number=minute)
        assert (challenge.tries, challenge.id) == (0, UUID(int=minute))
    with pytest.raises(CodeRequestedTooSoon) as too_many:
        ask(challenge, timedelta(minutes=10))
    assert too_many.value.retry_after_seconds == 50 * 60
    later = ask(challenge, timedelta(hours=1))
    assert len(later.issued) == 5


def test_code_of_a_clock_that_ran_ahead_holds_nobody_up_and_opens_nothing() -> None:
    """It was a day ahead and is set right: another code may be asked for, and the old one is as good as old."""
    ahead = ask(None, timedelta(days=1))
    assert not ahead.is_open(START)
    assert ask(ahead, timedelta(0), number=2).issued == (START,)


def test_code_of_a_machine_some_seconds_ahead_counts_like_any_other() -> None:
    """Clocks of two machines always differ a little."""
    challenge = ask(None, timedelta(seconds=60))
    assert challenge.is_open(START)
    with pytest.raises(CodeRequestedTooSoon) as too_soon:
        ask(challenge, timedelta(0))
    assert too_soon.value.retry_after_seconds == 120
    assert ask(challenge, -SECOND, number=2).issued == (START - SECOND,)


@given(st.lists(st.integers(min_value=0, max_value=4000), max_size=60))
def test_no_hour_holds_more_than_five_codes(steps: list[int]) -> None:
    """Whatever the rhythm in which somebody asks."""
    given_at, challenge, at = [], None, timedelta(0)
    for step in steps:
        at += timedelta(seconds=step)
        try:
            challenge = ask(challenge, at)
        except CodeRequestedTooSoon:
            continue
        given_at.append(at)
    for i, first in enumerate(given_at):
        assert sum(first <= other < first + timedelta(hours=1) for other in given_at[i:]) <= 5
        assert all(other - first >= timedelta(seconds=60) for other in given_at[i + 1 :])
