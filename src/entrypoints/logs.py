"""Structured logs, for people (`console`) or for machines (`json`); secrets and addresses are masked on the way out.

The code does not log secrets in the first place. The masking here is the second wall: it catches what a library or an
exception's text might carry.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, TextIO
from uuid import UUID

import msgspec
import structlog

_MASKS: Final = (
    (re.compile(r"\bbot\d+:[A-Za-z0-9_-]+"), "bot***"),
    (re.compile(r"\b\d{5,}:[A-Za-z0-9_-]{20,}"), "***"),  # a bot's token
    (re.compile(r"\b(sk|rk|whsec)_[A-Za-z0-9_]+"), r"\1_***"),
    (re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{62}(?![A-Za-z0-9_-])"), "***"),  # an activation token
    (re.compile(r"/tg/webhook/[A-Za-z0-9_-]+"), "/tg/webhook/***"),
    (re.compile(r"://[^\s:/@]+:[^\s/@]+@"), "://***@"),  # a DSN's user and password
    (re.compile(r"([^\s@<>\"'(=:/])[^\s@<>\"'(=:/]*@([\w-]+(\.[\w-]+)+)"), r"\1***@\2"),
)

# What each of those has in it: a short name or a number has none of it, and is looked at once instead of seven times.
_SUSPICIOUS: Final = re.compile(r"[:@]|/tg/webhook/|(?:sk|rk|whsec)_|[A-Za-z0-9_-]{62}")


def mask(text: str) -> str:
    """The text with everything that looks like a secret or an e-mail address made unreadable."""
    if _SUSPICIOUS.search(text) is None:
        return text
    for pattern, replacement in _MASKS:
        text = pattern.sub(replacement, text)
    return text


class _Writer:
    """Where the lines of one of our loggers go: past the standard library, which takes as long as all the rest.

    Attributes:
        name: the logger's.
    """

    def __init__(self, name: str, stream: TextIO) -> None:
        self.name = name
        self._stream = stream

    def msg(self, line: str) -> None:
        """Write it. A log that cannot be written stops nobody's work, as with the standard library's handlers."""
        with suppress(OSError, ValueError):  # the disk is full, or the stream closed
            self._stream.write(f"{line}\n")
            self._stream.flush()

    debug = info = warning = error = critical = msg


def configure_logs(log_format: str, *, level: int = logging.INFO, traced: bool = False) -> None:
    """Send all logging (the standard library's and structlog's) to standard error in one form.

    With `traced`, whatever names an order names its trace, too.
    """
    stream = sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.format_exc_info,
        _mask_all,  # what comes after it is ours
        *([_name_trace] if traced else []),
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(serializer=_json)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)
    )
    structlog.configure(
        processors=[*shared, renderer],
        logger_factory=lambda name="paywall": _Writer(name, stream),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    # Nothing of what these find out for each line is shown (https://docs.python.org/3/howto/logging.html#optimization).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for chatty in ("httpx", "httpcore", "stripe", "aiosqlite", "asyncio", "uvicorn.error", "mail.log", "alembic"):
        logging.getLogger(chatty).setLevel(logging.WARNING)  # they log whole URLs, or every step


_encode: Final = msgspec.json.Encoder().encode
_PLAIN: Final = (int, float, datetime)
_STRUCTLOGS_OWN: Final = frozenset(("_record", "_from_structlog"))  # of a line of the standard library's


def _json(event: structlog.typing.EventDict, **_kwargs: Any) -> str:
    """One line."""
    try:
        return _encode(event).decode()
    except UnicodeEncodeError:  # half a character: the library is not so strict
        return json.dumps(event, default=str)


def _mask_all(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: value if key in _STRUCTLOGS_OWN else _shown(value) for key, value in event.items()}


def _name_trace(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """An order's trace has the order's id (`adapters/otel/ids.py`), written as OpenTelemetry writes it."""
    order_id = event.get("order_id")
    if isinstance(order_id, str):
        event["trace_id"] = order_id.replace("-", "")
    return event


def _shown(value: Any) -> Any:
    """A value as it is told: an object only by its own words (its `repr`), which a renderer must not go behind."""
    if isinstance(value, str):
        return mask(value)
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, UUID):
        return str(value)  # as it stands everywhere else: neither renderer would write it so
    if isinstance(value, Mapping):
        return {mask(str(key)): _shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown(item) for item in value]
    return mask(repr(value))
