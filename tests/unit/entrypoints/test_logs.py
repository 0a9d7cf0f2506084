"""How a line of the log reads."""

import json
import logging
from collections.abc import Iterator
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from entrypoints.logs import _MASKS, configure_logs, mask

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


@given(st.lists(st.sampled_from(_PIECES), max_size=8).map("".join) | st.text())
def test_nothing_to_be_masked_is_passed_over(text: str) -> None:
    """The look that spares the masks their work spares none that has some."""
    masked = text
    for pattern, replacement in _MASKS:
        masked = pattern.sub(replacement, masked)
    assert mask(text) == masked
