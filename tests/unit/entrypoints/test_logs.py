"""How a line of the log reads."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.logs import _MASKS, configure_logs, mask
from paywall_core.access_token import ParsedToken

ORDER = UUID("0b9a3f5e-6c0e-4d55-9a56-6f1f4b1f2f10")


_PIECES = (
    "a",
    "7" * 5,
    "bot",
    ":",
    "@",
    "://",
    "sk_",
    "whsec_",
    "rk_",
    "/tg/webhook/",
    "x" * 20,
    "B-_9" * 15,
    "b.c",
    " ",
)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Whatever a test configures is undone."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_order_is_named_by_its_id_alone(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    """So that it can be looked for as it stands in the database and in the answers."""
    configure_logs(log_format)
    structlog.stdlib.get_logger("paywall.test").info("webhook.recorded", order_id=ORDER, duplicate=False)
    line = capsys.readouterr().err
    assert str(ORDER) in line
    assert "UUID(" not in line
    if log_format == "json":
        said = json.loads(line)
        assert (said["event"], said["order_id"], said["duplicate"]) == ("webhook.recorded", str(ORDER), False)
        assert "trace_id" not in said


def test_line_of_an_order_names_its_trace_where_there_are_traces(capsys: pytest.CaptureFixture[str]) -> None:
    """As the collector shows it; a line of no order names none."""
    configure_logs("json", traced=True)
    log = structlog.stdlib.get_logger("paywall.test")
    log.info("webhook.recorded", order_id=ORDER)
    log.info("webhook.recorded", order_id=None)
    with structlog.contextvars.bound_contextvars(order_id=str(ORDER)):
        logging.getLogger("somebody.else").warning("in between")
    own, of_none, others = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert own["trace_id"] == others["trace_id"] == "0b9a3f5e6c0e4d559a566f1f4b1f2f10"
    assert "trace_id" not in of_none


@given(st.lists(st.sampled_from(_PIECES), max_size=8).map("".join) | st.text())
def test_nothing_to_be_masked_is_passed_over(text: str) -> None:
    """The look that spares the masks their work spares none that has some."""
    masked = text
    for pattern, replacement in _MASKS:
        masked = pattern.sub(replacement, masked)
    assert mask(text) == masked


class _Full:
    """A stream on a disk without room."""

    def write(self, _text: str) -> int:
        """Refuse."""
        raise OSError(28, "No space left on device")

    def isatty(self) -> bool:
        """It is none."""
        return False

    def flush(self) -> None:
        """Nothing to do."""


def test_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A payment is recorded, whether or not it can be told."""
    monkeypatch.setattr("sys.stderr", _Full())
    configure_logs("json")
    structlog.stdlib.get_logger("paywall.test").info("webhook.recorded")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("half \ud83d", "half \ud83d"),
        ({1: "a number for a key"}, {"1": "a number for a key"}),
        (ValueError("no words for it"), "ValueError('no words for it')"),
        ({("a", "b"): {1}}, {"('a', 'b')": [1]}),
        ({"half \ud83d": ValueError("no")}, {"half \ud83d": "ValueError('no')"}),
        (ParsedToken(order_id=ORDER, mac=b"secret"), f"ParsedToken(order_id={ORDER})"),
        ([ValueError("for anna@example.com")], ["ValueError('for a***@example.com')"]),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00Z"),
    ],
)
def test_whatever_is_told_is_one_line_of_json(value: object, shown: object, capsys: pytest.CaptureFixture[str]) -> None:
    """An object says what it says of itself, and no renderer looks into it: what it hides stays hidden."""
    configure_logs("json")
    structlog.stdlib.get_logger("paywall.test").info("odd", value=value)
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["value"] == shown


def test_both_kinds_of_logger_look_alike(capsys: pytest.CaptureFixture[str]) -> None:
    """Ours go past the standard library, and nobody can tell."""
    configure_logs("json")
    structlog.stdlib.get_logger("paywall.test").warning("told", order_id=str(ORDER))
    logging.getLogger("paywall.test").warning("told", extra={"order_id": str(ORDER)})
    ours, theirs = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert {**ours, "timestamp": None} == {**theirs, "timestamp": None}
    assert ours["level"] == "warning"
