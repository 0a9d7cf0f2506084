"""How a line of the log reads."""

import json
import logging
from collections.abc import Iterator
from uuid import UUID

import pytest
import structlog

from entrypoints.logs import configure_logs

ORDER = UUID("0b9a3f5e-6c0e-4d55-9a56-6f1f4b1f2f10")


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
