"""Spans go to a collector by OTLP over HTTP, from a thread of their own: nobody waits for it.

A queue that is full, or a collector that does not answer, loses spans and nothing else; the log says so.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from adapters.otel.ids import Ids
from adapters.otel.spans import Spans
from adapters.otel.traces import OrderTraces
from paywall_core.ports.clock import Clock

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
        send_seconds: how long one try to send may take; at the end of the process it is the last one.
    """

    def __init__(
        self, *, endpoint: str, headers: Mapping[str, str], service: str, clock: Clock, send_seconds: float = 5.0
    ) -> None:
        ids = Ids()
        _HEADERS_LOG.addFilter(_without_what_it_read)
        exporter = OTLPSpanExporter(f"{endpoint}{_PATH}", headers=dict(headers), timeout=send_seconds)
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,
            resource=Resource.create({"service.name": service}),
            shutdown_on_exit=False,  # `close` does it, and waits for no more than one try
            id_generator=ids,
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        super().__init__(Spans(self._provider, ids), clock)

    async def close(self) -> None:
        """Send what was not sent yet; a collector that does not answer is waited for some seconds."""
        await asyncio.to_thread(self._provider.shutdown)


def _without_what_it_read(record: logging.LogRecord) -> bool:
    """The SDK reads headers from the environment, too, and repeats one that it cannot read: it may be a secret."""
    record.msg, record.args = str(record.msg).replace("%s", "***"), None
    return True
