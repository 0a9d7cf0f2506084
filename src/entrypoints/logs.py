"""Structured logs, for people (`console`) or for machines (`json`); secrets and addresses are masked on the way out.

The code does not log secrets in the first place. The masking here is the second wall: it catches what a library or an
exception's text might carry.
"""

import logging
import re
import sys
from typing import Any, Final
from uuid import UUID

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


def configure_logs(log_format: str, *, level: int = logging.INFO) -> None:
    """Send all logging (the standard library's and structlog's) to standard error in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.format_exc_info,
        _mask_all,  # what comes after it is ours
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
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


def _mask_all(_logger: Any, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: _shown(value) for key, value in event.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)  # as it stands everywhere else: neither renderer would write it so
    return mask(value) if isinstance(value, str) else value
