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
        begins: bool = False,
    ) -> None:
        """Tell of one.

        Args:
            name: what was done.
            order_id: for which order.
            since: nanoseconds since 1970.
            until: likewise; None: now.
            kind: OpenTelemetry's kind of span.
            about: its attributes.
            error: the error's type, where it failed.
            begins: it is the one that the order's others hang on.
        """
        beginning = beginning_of(order_id)
        attributes = {"paywall.order_id": str(order_id), **about}
        if begins:
            with self._ids.of(beginning):
                span = self._tracer.start_span(name, Context(), kind, attributes, start_time=since)
        else:
            context = set_span_in_context(NonRecordingSpan(beginning))
            span = self._tracer.start_span(name, context, kind, attributes, start_time=since)
        if error is not None:
            span.set_status(Status(StatusCode.ERROR, error))
        span.end(time_ns() if until is None else until)
