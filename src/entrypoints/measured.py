"""The page of metrics of a process that has no HTTP of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.http.guards import one_of
from entrypoints.container import Container
from entrypoints.lifetime import log_ready
from entrypoints.server import serving
from entrypoints.settings import Settings


@asynccontextmanager
async def measured(container: Container) -> AsyncIterator[None]:
    """Show what the process counts, where `METRICS_ADDRESS` says, while the block runs; without it, nowhere.

    Raises:
        OSError: the address is taken or is not ours.
    """
    settings: Settings = container.settings()
    if settings.metrics_address is None:
        yield
        return
    from adapters.metrics.endpoint import MetricsEndpoint  # noqa: PLC0415  - whom nobody looks at does not load it

    host, port = settings.metrics_address
    endpoint = MetricsEndpoint(container.measures(), one_of(settings.internal_tokens))
    async with serving(endpoint, host=host, port=port) as origin:
        log_ready(f"metrics on {origin}")
        yield
