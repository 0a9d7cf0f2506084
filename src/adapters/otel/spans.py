"""A span, told when it is over: nothing is held open that a killed process could leave behind."""

from collections.abc import Mapping
from time import time_ns
from typing import TypeAlias
from uuid import UUID

from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import NonRecordingSpan, SpanKind, Status, StatusCode, set_span_in_context

from adapters.otel.ids import Ids, beginning_of

About: TypeAlias = Mapping[str, str | int | bool]
"""A span's attributes."""


class Spans:
    """Writes an order's spans into its trace.

    Args:
        provider: where they go.
        ids: what makes the provider's ids.
    """

    def __init__(self, provider: TracerProvider, ids: Ids) -> None:
        self._tracer = provider.get_tracer("paywall")
        self._ids = ids

    def tell(
        self,
        name: str,
        order_id: UUID,
        *,
        since: int,
        until: int | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        about: About,
        error: str | None = None,
    ) -> None:
        """One that hangs on the beginning."""
        context = set_span_in_context(NonRecordingSpan(beginning_of(order_id)))
        self._write(name, context, order_id, since=since, until=until, kind=kind, about=about, error=error)

    def begin(
        self,
        name: str,
        order_id: UUID,
        *,
        since: int,
        until: int | None = None,
        kind: SpanKind = SpanKind.SERVER,
        about: About,
        error: str | None = None,
    ) -> None:
        """The one that the others hang on."""
        with self._ids.of(beginning_of(order_id)):
            self._write(name, Context(), order_id, since=since, until=until, kind=kind, about=about, error=error)

    def _write(
        self,
        name: str,
        context: Context,
        order_id: UUID,
        *,
        since: int,
        until: int | None,
        kind: SpanKind,
        about: About,
        error: str | None,
    ) -> None:
        attributes = {"paywall.order_id": str(order_id), **about}
        span = self._tracer.start_span(name, context, kind, attributes, start_time=since)
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(time_ns() if until is None else until)
