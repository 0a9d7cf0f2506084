"""Spans go to a collector by OTLP over HTTP, from a thread of their own: nobody waits for it.

A queue that is full, or a collector that does not answer, loses spans and nothing else; the log says so.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from threading import Thread
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from adapters.otel.ids import Ids
from adapters.otel.spans import Spans
from adapters.otel.traces import OrderTraces
from paywall_core.ports.clock import Clock

_log = structlog.stdlib.get_logger("paywall.traces")
_PATH: Final = "/v1/traces"
_HEADERS_LOG: Final = logging.getLogger("opentelemetry.util.re")


class ExportedTraces(OrderTraces):
    """An order's traces, at a collector.

    Every span is sent, whatever `OTEL_TRACES_SAMPLER` says: purchases are few, and the trace that is missing is the one
    that is asked for. A collector may throw away what it likes.

    Args:
        endpoint: the collector's base URL, such as http://127.0.0.1:4318.
        headers: sent along, for a collector that wants a key.
        service: the name of this process among others (`service.name`).
        clock: the one by which deliveries are due.
        send_seconds: how long one try to send may take.
        close_seconds: how long the end of the process is put off for what was not sent yet.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        headers: Mapping[str, str],
        service: str,
        clock: Clock,
        send_seconds: float = 5.0,
        close_seconds: float = 5.0,
    ) -> None:
        ids = Ids()
        _HEADERS_LOG.addFilter(_without_what_it_read)
        exporter = OTLPSpanExporter(f"{endpoint}{_PATH}", headers=dict(headers), timeout=send_seconds)
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource.create({"service.name": service}),
            shutdown_on_exit=False,  # `close` does it, and does not wait for ever
            id_generator=ids,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._close_seconds = close_seconds
        super().__init__(Spans(self._provider, ids), clock)

    async def close(self) -> None:
        """Send what was not sent yet, as far as that is done in time; the rest is lost, and the log says so."""
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def send() -> None:
            self._provider.shutdown()
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(sent.set)

        # A daemon, not one of the loop's own threads: for those the process would wait. The SDK tries each batch of a
        # full queue by itself.
        Thread(target=send, name="paywall-traces-close", daemon=True).start()
        try:
            async with asyncio.timeout(self._close_seconds):
                await sent.wait()
        except TimeoutError:
            _log.warning("traces.not_sent", reason="the collector did not take them in time")


def _without_what_it_read(record: logging.LogRecord) -> bool:
    """The SDK reads headers from the environment, too, and repeats one that it cannot read: it may be a secret."""
    record.msg, record.args = str(record.msg).replace("%s", "***"), None
    return True
