"""Tables that fit a terminal without cutting an id, rows that fit a script, and words that cannot steer a terminal."""

from datetime import UTC, datetime
from uuid import UUID

import click
import pytest

from entrypoints.cli import questions
from entrypoints.cli.options import Moment, login_name, operator_of
from entrypoints.cli.output import Column, Listing, clean, minute, moment, progress, say, show_fields, show_points
from entrypoints.cli.questions import Question, guess
from paywall_core.lifecycle import State
from paywall_core.policy import FOREVER
from paywall_core.ports.operations import OrderQuery

ID = UUID("5b3c1d7e-0000-4000-8000-000000000001")
KEY = f"notice:ends_soon:email:{ID}:2026-12-14T15:30:00+00:00"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is a terminal of 80 columns without colours."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")


def listing() -> Listing:
    """One row whose key alone is as wide as a terminal."""
    columns = [
        Column(name="order"),
        Column(name="tries", right=True),
        Column(name="key"),
        Column(name="error", wraps=True),
    ]
    table = Listing(columns, fold=[[0, 1], [2, 3]])
    table.add(str(ID), "3", f"key:{ID}", "the far side said that it would rather not, and said it at length")
    return table


def lines(out: str) -> list[str]:
    """Without the spaces at the end, and without what makes letters bold."""
    return [line.rstrip() for line in out.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()]


def test_row_of_a_script_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """As wide as it needs to be, under its headings."""
    table = listing()
    table.add("1", "12", "two\nlines", "")
    table.show()
    head, first, second = capsys.readouterr().out.splitlines()
    assert first == f"{ID}  3      key:{ID}  the far side said that it would rather not, and said it at length"
    assert [head.index(name) for name in ("order", "tries", "key", "error")] == [0, 38, 45, 87]
    assert second == f"1{' ' * 37}12     two lines"


def test_narrow_terminal_folds_and_cuts_nothing(terminal: None, capsys: pytest.CaptureFixture[str]) -> None:
    """Ids stay whole; sentences are wrapped."""
    listing().show()
    out = lines(capsys.readouterr().out)
    assert max(map(len, out)) <= 80
    assert any(line.startswith(str(ID)) for line in out)
    assert any(line.endswith(f"key:{ID}") for line in out)
    assert " ".join(" ".join(out).split()).count("rather not") == 1


def test_wide_terminal_has_one_line_for_a_row(
    terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is folded that fits."""
    monkeypatch.setenv("COLUMNS", "160")
    listing().show()
    (row,) = [line for line in lines(capsys.readouterr().out) if str(ID) in line]
    assert row.startswith(f"{ID}      3  key:{ID}  the far side")


def test_terminal_that_is_too_narrow_breaks_ids_but_cuts_none(
    terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every letter is there."""
    monkeypatch.setenv("COLUMNS", "40")
    table = Listing([Column(name="key")], fold=[[0]])
    table.add(KEY)
    table.show()
    assert KEY in "".join(lines(capsys.readouterr().out))


def test_words_from_outside_cannot_steer_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    """Neither by control characters, nor by letters that turn the direction; nor are they markup."""
    assert clean("a\x1b[2Jb\r\u202ec\x07").plain == "a�[2Jb��c�"
    say("[red]SMTP[/red] :smile: \x1b[31m")
    assert capsys.readouterr().out == "[red]SMTP[/red] :smile: �[31m\n"


def test_fields_and_points_stand_below_each_other(
    terminal: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a terminal what is long goes on under itself; elsewhere it is one line."""
    long = "word " * 20
    show_fields([("order", "1"), ("because", long)])
    show_points([(True, long), (False, "short")])
    out = lines(capsys.readouterr().out)
    assert out[0] == "order    1"
    assert out[2].startswith("         word")
    assert out[3].startswith("▸ word")
    assert out[4].startswith("  word")
    assert out[5] == "  short"
    monkeypatch.delenv("TTY_COMPATIBLE")
    show_fields([("order", "1"), ("because", long)])
    show_points([(True, long), (False, "short")])
    assert lines(capsys.readouterr().out) == ["order    1", f"because  {long.strip()}", f"▸ {long.strip()}", "  short"]


def test_progress_is_silent_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    """A log of a cron job holds no bars."""
    with progress("working", total=2) as told:
        told(1, "one")
        told(2, "two")
    assert capsys.readouterr() == ("", "")


def test_moments_are_in_utc() -> None:
    """For life, never, to the second and to the minute."""
    at = datetime(2026, 11, 1, 12, 30, 15, tzinfo=UTC)
    assert (moment(at), minute(at)) == ("2026-11-01 12:30:15", "2026-11-01 12:30")
    assert (moment(FOREVER), minute(FOREVER)) == ("for life", "for life")
    assert (moment(None), minute(None)) == ("-", "-")


@pytest.mark.parametrize(
    ("word", "question"),
    [
        (str(ID), Question(order_id=ID, about=f"the id {ID}")),
        (f" {ID.hex.upper()} ", Question(order_id=ID, about=f"the id {ID}")),
        ("1001", Question(query=OrderQuery(telegram_user_id=1001), about="the Telegram user 1001")),
        ("Anna@Example.COM", Question(query=OrderQuery(address="anna@example.com"), about="that e-mail address")),
        ("cs_test_a1", Question(query=OrderQuery(reference="cs_test_a1"), about="Stripe's cs_test_a1")),
        ("sub_1Abc", Question(query=OrderQuery(reference="sub_1Abc"), about="Stripe's sub_1Abc")),
    ],
)
def test_shape_of_a_word_says_what_it_is(word: str, question: Question) -> None:
    """An operator pastes what there is."""
    assert guess(word) == question


@pytest.mark.parametrize("word", ["", "anna", "5b3c1d7e", "@", "a@b", "evt_1", "9" * 30, "١٠", "cs_", "5b3c-1"])
def test_word_without_a_shape_is_refused(word: str) -> None:
    """Rather than to answer that there is no such order."""
    with pytest.raises(click.BadParameter):
        guess(word)


def test_questions_are_put_together() -> None:
    """All that is asked for must hold; what contradicts itself is refused."""
    asked = questions.both(questions.recorded(State.ACTIVE), guess("anna@example.com"))
    assert asked.query == OrderQuery(state=State.ACTIVE, address="anna@example.com")
    assert asked.about == "the state active and that e-mail address"
    assert questions.both(Question(), Question()) == Question()
    assert questions.both(asked, guess("anna@example.com")).query == asked.query
    for other in (guess("bob@example.com"), guess(str(ID))):
        with pytest.raises(click.UsageError):
            questions.both(asked, other)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T12:00Z", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("2026-11-01T12:00", datetime(2026, 11, 1, 12, tzinfo=UTC)),
        ("2026-11-01T12:00+03:00", datetime(2026, 11, 1, 9, tzinfo=UTC)),
    ],
)
def test_moment_is_utc_unless_it_says_otherwise(text: str, at: datetime) -> None:
    """A day begins at midnight in UTC."""
    assert Moment().convert(text, None, None) == at


def test_operator_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given, or the login; without a terminal, that of the process; where there is none, it is asked for."""
    assert operator_of("kate", " fraud ").cause == "operator:kate"
    monkeypatch.setattr("os.getlogin", lambda: "lena")
    assert operator_of(None, "fraud").by == "lena"

    def nobody() -> str:
        raise OSError

    monkeypatch.setattr("os.getlogin", nobody)
    monkeypatch.setattr("getpass.getuser", lambda: "cron")
    assert login_name() == "cron"
    monkeypatch.setattr("getpass.getuser", nobody)
    with pytest.raises(click.BadParameter, match="say who acts"):
        login_name()
