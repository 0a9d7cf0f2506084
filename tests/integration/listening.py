"""A small server of a test's own, which leaves no connection open behind it, however crowded the machine is."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

_TURNS = 3


@asynccontextmanager
async def listening(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], host: str
) -> AsyncIterator[str]:
    """Listen on a free port while the block runs, and serve each connection by a task; gives the origin.

    A connection is closed when its task is over. At the end the tasks are cancelled and all that is open is closed at
    once: those too that were taken in the last moment and never served, for which asyncio has no task to cancel yet.
    """
    served: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
    is_closing = False

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await serve(reader, writer)

    def over(task: asyncio.Task[None]) -> None:
        writer = served.pop(task)
        if is_closing:
            writer.transport.abort()
        else:
            writer.close()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if is_closing:
            writer.transport.abort()
            return
        task = asyncio.create_task(talk(reader, writer))
        served[task] = writer
        task.add_done_callback(over)

    server = await asyncio.start_server(take, host, 0)
    try:
        yield f"http://{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        is_closing = True
        server.close()
        for _ in range(_TURNS):  # whoever is just being taken is taken, and what is let go of is closed, a turn later
            tasks = list(served)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0)
        await server.wait_closed()
