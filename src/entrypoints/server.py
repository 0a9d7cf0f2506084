"""An ASGI application on a port, inside a running event loop; the process's own signal handling is left alone."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from litestar.types import ASGIApp

from entrypoints.one_write import OneWriteProtocol

GRACEFUL_SECONDS = 10
KEPT_SECONDS = 75
"""So long an idle connection is kept: longer than a balancer keeps its own (nginx, and the clouds', 60).

Whoever asks must be the one that closes: a question that is sent into a connection which is just being closed is lost.
"""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the entrypoint's."""
        yield


@asynccontextmanager
async def serving(app: ASGIApp, *, host: str, port: int, date_header: bool = True) -> AsyncIterator[str]:
    """Serve an application while the block runs; gives its origin (`http://host:port`), also for port 0.

    On leaving, no new request is taken, and those in flight have ten seconds to finish.

    Args:
        app: the application.
        host: the address to listen on.
        port: 0 is any free one.
        date_header: whether answers are dated by the machine's clock; not where the application dates them itself.

    Raises:
        OSError: the address is taken or is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, or asyncio would leave Nagle on: 40 ms lost on most answers of a kept connection.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    config = uvicorn.Config(
        app,
        http=OneWriteProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=date_header,
        proxy_headers=False,
        lifespan="on",
        ws="none",
        timeout_keep_alive=KEPT_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not server.started and not task.done():  # noqa: ASYNC110  - uvicorn has no event for it
            await asyncio.sleep(0.01)
        if task.done():
            await task
            raise OSError("the server did not start; the log says why")
        bound = listener.getsockname()[1]
        shown = f"[{host}]" if family == socket.AF_INET6 else host
        yield f"http://{shown}:{bound}"
    finally:
        server.should_exit = True
        await task
        listener.close()
