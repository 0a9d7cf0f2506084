"""The layouts: what is started, and what is measured against what."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Final

from benchmarks import burst as bursts
from benchmarks import scaled as surroundings
from benchmarks import settings
from benchmarks import soak as soaks
from benchmarks.databases import Database, new_postgresql, new_sqlite, postgresql_server
from benchmarks.fill import Filled, fill
from benchmarks.options import Options
from benchmarks.report import Report, ServerFigures, Table, lines_of, show
from benchmarks.rounds import Rounds, Subject, check_agreement
from benchmarks.servers import BARE, NAMES, OURS, USUAL, Server, process, running, start_up_seconds

_WORKERS: Final = 2
_GROWTH: Final = (
    "The same calls beside more orders. Not measured: orders whose rows are not in the system's memory, which a cold "
    "or smaller machine reads from its disk; provider's events and outbox rows of all but the newest million orders."
)
_PROCESSES: Final = (
    "The load itself spreads its connections evenly over the processes, as a balancer would. Not measured: a balancer; "
    "PgBouncer; more cores than the machine has, on which the load and PostgreSQL run too."
)


async def calls(options: Options, report: Report) -> None:
    """Ours, the bare limit and the usual stack on each database, with each number of orders."""
    async with _databases(options, options.databases) as opened:
        for database, orders in opened:
            filled = await fill(database, orders)
            starts = {name: await _start_up(options, name, database.url) for name in NAMES}
            async with AsyncExitStack() as stack:
                subjects = [await _subject(stack, options, name, filled) for name in NAMES]
                check_agreement(subjects)
                title = f"{database.kind}, {orders:,} orders, references on {options.server}"
                await _compare(options, report, title, subjects, bases=(BARE, USUAL), starts=starts)


async def growth(options: Options, report: Report) -> None:
    """Ours on PostgreSQL, a process for each number of orders, in turn."""
    report.notes["growth"] = _GROWTH
    async with _databases(options, ("postgresql",)) as opened, AsyncExitStack() as stack:
        subjects = []
        for database, orders in opened:
            filled = await fill(database, orders)
            subjects.append(await _subject(stack, options, OURS, filled, called=f"{orders:,} orders"))
        smallest = subjects[0].name
        await _compare(options, report, "postgresql, growing", subjects, bases=(smallest,), starts={})


async def processes(options: Options, report: Report, count: int) -> None:
    """One API process against several on one PostgreSQL; wrk itself spreads its connections over them."""
    report.notes["processes"] = _PROCESSES
    async with _databases(options, ("postgresql",)) as opened, AsyncExitStack() as stack:
        database, orders = opened[0]
        filled = await fill(database, orders)
        one = await _subject(stack, options, OURS, filled, called="1 process")
        others = [await _subject(stack, options, OURS, filled) for _ in range(count)]
        several = Subject(
            name=f"{count} processes", filled=filled, servers=[server for other in others for server in other.servers]
        )
        title = f"postgresql, {orders:,} orders, {count} processes against one"
        await _compare(options, report, title, [one, several], bases=(one.name,), starts={})


async def scaled(options: Options, report: Report, count: int) -> None:
    """One API process on PostgreSQL against several as in production, by their own ports and behind a balancer."""
    report.notes["scaled"] = surroundings.NOTE
    async with _databases(options, ("postgresql",)) as opened, AsyncExitStack() as stack:
        database, orders = opened[0]
        filled = await fill(database, orders)
        one = await _subject(stack, options, OURS, filled, called="1 process")
        bouncer, url = await stack.enter_async_context(surroundings.pgbouncer(database.url, options.directory))
        redis_url = await stack.enter_async_context(surroundings.redis())
        around = {"REDIS_URL": redis_url, "TRUSTED_PROXIES": "127.0.0.1", **options.ours}
        apis = [await stack.enter_async_context(_running(options, OURS, url, around)) for _ in range(count)]
        balancer = await stack.enter_async_context(surroundings.balancer(apis, options.directory))
        for number in range(_WORKERS):
            command, log = (options.service, "worker"), options.directory / f"worker-{number}.log"
            await stack.enter_async_context(process(command, {**settings.environment(url, 0), **around}, log))
        subjects = [
            one,
            Subject(name=f"{count} pooled", filled=filled, servers=[*apis, bouncer]),
            Subject(name=f"{count} balanced", filled=filled, servers=[*apis, bouncer, balancer], doors=[balancer]),
        ]
        title = (
            f"postgresql, {orders:,} orders, {count} processes with PgBouncer, Redis and a balancer against one alone"
        )
        await _compare(options, report, title, subjects, bases=(one.name,), starts={})


async def burst(options: Options, report: Report, purchases: int) -> None:
    """Very many purchases at once, with a worker that mails."""
    async with _databases(options, options.databases) as opened:
        for database, orders in opened:
            filled = await fill(database, orders)
            found = await bursts.measure(options, filled, purchases)
            report.findings[f"{database.kind}, {orders:,} orders"] = found
    report.notes["burst"] = bursts.NOTE


async def soak(options: Options, report: Report, seconds: int) -> None:
    """Lasting load on PostgreSQL, and the API process's memory meanwhile."""
    async with _databases(options, ("postgresql",)) as opened, AsyncExitStack() as stack:
        database, orders = opened[0]
        filled = await fill(database, orders)
        subject = await _subject(stack, options, OURS, filled)
        report.findings["soak"] = await soaks.measure(options, subject, seconds)
    report.notes["soak"] = soaks.NOTE


@asynccontextmanager
async def _databases(options: Options, kinds: Sequence[str]) -> AsyncIterator[list[tuple[Database, int]]]:
    """A new database for each kind and number of orders; PostgreSQL's are on one server."""
    async with AsyncExitStack() as stack:
        made: list[tuple[Database, int]] = []
        for kind in kinds:
            server = None
            if kind == "postgresql":
                server = await stack.enter_async_context(postgresql_server(options.directory, options.postgresql))
            for orders in options.orders:
                name = f"paywall_{orders}"
                new = new_sqlite(options.directory, name) if server is None else new_postgresql(server, name)
                made.append((await new, orders))
        yield made


async def _subject(
    stack: AsyncExitStack, options: Options, name: str, filled: Filled, *, called: str | None = None
) -> Subject:
    server = await stack.enter_async_context(_running(options, name, filled.database.url, options.ours))
    return Subject(name=called or name, filled=filled, servers=[server])


def _running(
    options: Options, name: str, database_url: str, further: Mapping[str, str]
) -> AbstractAsyncContextManager[Server]:
    return running(
        name,
        database_url,
        options.directory,
        server=options.server,
        service=options.service,
        limits=options.limits,
        further=further,
    )


async def _start_up(options: Options, name: str, database_url: str) -> float:
    return await start_up_seconds(lambda: _running(options, name, database_url, options.ours), options.starts)


async def _compare(
    options: Options,
    report: Report,
    title: str,
    subjects: Sequence[Subject],
    *,
    bases: Sequence[str],
    starts: Mapping[str, float],
) -> None:
    """Run the rounds, and tell."""
    rounds = Rounds(subjects, options.wrk(), seconds=options.seconds)
    await rounds.warm_up()
    await rounds.run(options.rounds)
    database = subjects[0].filled.database
    table = Table(
        title=title,
        database=database.kind,
        database_settings=await database.settings(),
        lines=lines_of(rounds.figures, bases),
        servers={
            subject.name: ServerFigures(
                peak_megabytes=max(server.peak_megabytes() for server in subject.servers),
                start_up_seconds=starts.get(subject.name),
            )
            for subject in subjects
        },
    )
    report.tables.append(table)
    show(table)
