"""Which trace an order has, and which span begins it: both can be worked out by whoever knows the order.

So nothing has to be carried from the click to the webhook, which the payment provider sends, and to the outbox, which
another process reads days later: each finds the same trace by itself, and so does whoever has an order's id from a log.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from uuid import UUID

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import SpanContext, TraceFlags


def beginning_of(order_id: UUID) -> SpanContext:
    """The span that all the others of the order hang on: its checkout."""
    return SpanContext(
        trace_id=order_id.int,
        span_id=int.from_bytes(blake2b(order_id.bytes, digest_size=8, person=b"paywall.checkout").digest()) or 1,
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


class Ids(RandomIdGenerator):
    """Random ids, but for the spans that begin an order's trace."""

    def __init__(self) -> None:
        self._fixed: SpanContext | None = None

    @contextmanager
    def of(self, context: SpanContext) -> Iterator[None]:
        """The next span, begun within the block and without waiting in it, has these ids."""
        self._fixed = context
        try:
            yield
        finally:
            self._fixed = None

    def generate_trace_id(self) -> int:
        """One of 128 bits."""
        return super().generate_trace_id() if self._fixed is None else self._fixed.trace_id

    def generate_span_id(self) -> int:
        """One of 64 bits."""
        return super().generate_span_id() if self._fixed is None else self._fixed.span_id
