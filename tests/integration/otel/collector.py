"""A collector: takes OTLP over HTTP, as the real ones do, and shows what it was told."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

from litestar import Litestar, Request, Response, post
from litestar.status_codes import HTTP_200_OK
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from entrypoints.server import serving


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A span that came; times in nanoseconds since 1970."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    begun: int
    ended: int
    about: Mapping[str, Any]
    error: str


@dataclass
class Collector:
    """What came, in the order in which it came.

    Attributes:
        origin: what `OTEL_EXPORTER_OTLP_ENDPOINT` should be; set while it runs.
        headers: of each request.
        raw: all that came, as it came.
    """

    origin: str = ""
    spans: list[Seen] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: bytes = b""

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        """One that listens while the block runs."""
        collector = cls()

        @post("/v1/traces", status_code=HTTP_200_OK)
        async def take(request: Request[Any, Any, Any]) -> Response[bytes]:
            collector.take(await request.body(), dict(request.headers))
            return Response(b"", media_type="application/x-protobuf")

        async with serving(Litestar([take], openapi_config=None), host="127.0.0.1", port=0) as origin:
            collector.origin = origin
            yield collector

    def take(self, body: bytes, headers: dict[str, str]) -> None:
        """One request."""
        self.raw += body
        self.headers.append(headers)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = _attributes(resource.resource.attributes)["service.name"]
            self.spans += [
                Seen(
                    service=service,
                    name=span.name,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    begun=span.start_time_unix_nano,
                    ended=span.end_time_unix_nano,
                    about=_attributes(span.attributes),
                    error=span.status.message,
                )
                for scope in resource.scope_spans
                for span in scope.spans
            ]

    def named(self, name: str, **about: object) -> list[Seen]:
        """The spans of this name with these attributes of ours."""
        return [
            span
            for span in self.spans
            if span.name == name and all(span.about.get(f"paywall.{key}") == value for key, value in about.items())
        ]

    async def until(self, *names: str) -> None:
        """Until one of each name has come."""
        async with asyncio.timeout(60):
            while not {span.name for span in self.spans} >= set(names):
                await asyncio.sleep(0.05)


def _attributes(pairs: Sequence[Any]) -> dict[str, Any]:
    def plain(value: AnyValue) -> Any:
        return getattr(value, value.WhichOneof("value") or "string_value")

    return {pair.key: plain(pair.value) for pair in pairs}
