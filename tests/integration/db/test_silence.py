"""A network that swallows everything, and says nothing: as when a server's machine is gone, or a firewall forgets.

Nothing is refused and nothing is closed: TCP alone would wait for a quarter of an hour, and with it whoever asks.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import func, make_url, select
from structlog.testing import capture_logs

from adapters.db import bell
from adapters.db.database import Database
from adapters.db.pool import Pool
from adapters.db.statements import Statement
from paywall_core.testing.contract.samples import add, place

from .test_bell import listening, owe

pytestmark = pytest.mark.parametrize("engine_name", ["postgresql"])

SECONDS = 0.4


class Network:
    """Between us and the server's socket.

    Attributes:
        port: where it listens.
        left: connections that we closed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._swallowed: set[asyncio.StreamReader] = set()
        self._open: set[asyncio.StreamReader] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.port = 0
        self.left = 0

    def swallow(self) -> None:
        """All that is open now stays open, and no byte comes through any more."""
        self._swallowed |= self._open

    async def serve(self) -> asyncio.Server:
        """Begin."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def url(self, of: str) -> str:
        """A database's, by this way."""
        url = make_url(of).set(host="127.0.0.1", port=self.port, query={"ssl": "disable"})
        return url.render_as_string(hide_password=False)

    async def end(self) -> None:
        """Close what is open."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(self._path)
        self._writers += (writer, far_writer)
        self._open |= {reader, far_reader}
        self._tasks.add(asyncio.create_task(self._pass_on_ours(reader, far_writer)))
        self._tasks.add(asyncio.create_task(self._pass_on(far_reader, writer)))

    async def _pass_on_ours(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        await self._pass_on(source, sink)
        self.left += 1

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while part := await source.read(65536):
                if source not in self._swallowed:
                    sink.write(part)
        if source not in self._swallowed:
            sink.close()


@pytest.fixture
async def network(database_url: str) -> AsyncIterator[Network]:
    """To the test's PostgreSQL."""
    url = make_url(database_url)
    network = Network(Path(str(url.query["host"])) / ".s.PGSQL.5432")
    server = await network.serve()
    yield network
    server.close()
    await network.end()


@pytest.fixture
async def far(database_url: str, network: Network, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Database]:
    """The database at the other end of it, for those with little patience."""
    monkeypatch.setattr(Pool, "read_seconds", SECONDS)
    monkeypatch.setattr(Pool, "write_seconds", SECONDS)
    monkeypatch.setattr("adapters.db.pool.CLOSE_SECONDS", SECONDS)
    database = Database(network.url(database_url))
    yield database
    await database.close()


async def test_gate_is_asked_again_on_another_connection(far: Database, network: Network) -> None:
    """Whoever waits is told after the time that a read may take; whoever comes next meets none of the dead ones."""
    await add(far, place())
    async with asyncio.timeout(10):
        held = [await far.pool.acquire() for _ in range(5)]
        for connection in held:
            await far.pool.release(connection)
        network.swallow()
        with capture_logs() as lines:
            asked = await asyncio.gather(*(far.directory.access_of(user) for user in range(9)), return_exceptions=True)
        assert all(isinstance(answer, TimeoutError) for answer in asked)
        assert {line["event"] for line in lines} == {"database.silent"}
        for user in range(9):
            assert await far.directory.access_of(user) is None
        while network.left < 5:  # nothing is kept of the dead ones, not even to be closed in good order
            await asyncio.sleep(0.01)


async def test_transaction_that_was_swallowed_is_over(far: Database, network: Network) -> None:
    """Nothing of it is stored, and its connection is nobody's any more."""
    order = place()

    async def write() -> None:
        async with far.unit_of_work() as uow:
            await uow.orders.add(order)
            network.swallow()
            await uow.commit()

    async with asyncio.timeout(10):
        with pytest.raises(TimeoutError):
            await write()
        async with far.unit_of_work() as uow:
            assert await uow.orders.get(order.id) is None
        await add(far, place())


async def test_statement_that_takes_too_long_is_given_up(far: Database) -> None:
    """A server that is there, but stuck, is as good as silent; one that is asked patiently has its time."""
    async with asyncio.timeout(20):
        with pytest.raises(TimeoutError, match=r"^the database has not answered for 0\.4 s$"):
            async with far.pool.reading() as connection:
                await connection.all(Statement(select(func.pg_sleep(5))))
        async with far.pool.reading(patiently=True) as connection:
            assert len(await connection.all(Statement(select(func.pg_sleep(2 * SECONDS))))) == 1
        await add(far, place())


async def test_readiness_is_told_in_time(far: Database, network: Network) -> None:
    """A probe is not kept waiting for what will never come."""
    async with asyncio.timeout(10):
        assert await far.is_ready()
        network.swallow()
        assert not await far.is_ready()
        assert await far.is_ready()


async def test_bell_is_heard_again(
    database: Database, database_url: str, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection on which nothing happens says nothing for hours: it is asked whether it is still there."""
    for name, seconds in (("_CHECK_SECONDS", 0.05), ("_CONNECT_SECONDS", SECONDS), ("_PAUSE_SECONDS", 0.05)):
        monkeypatch.setattr(bell, name, seconds)
    async with listening(network.url(database_url)) as awake, asyncio.timeout(10):
        await asyncio.sleep(0.3)  # it is asked some times, and answers
        assert not awake.is_set()
        network.swallow()
        await awake.wait()  # it listens again
        awake.clear()
        await owe(database)
        await awake.wait()
