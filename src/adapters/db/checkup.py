"""Is the database what the settings promise: there, ours to write, durable, of our schema, of our time and alphabet?

Opened as the product opens it; nothing is changed in it, and a SQLite file that is not there is not made.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
from sqlalchemy import Row, event, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from adapters.db.engine import create_engine, for_writing
from adapters.db.migrate import not_served, schema_on
from adapters.db.opening import parse_url
from adapters.db.partitions import MONTHS_END
from adapters.db.reasons import what_went_wrong
from adapters.db.schema import metadata
from adapters.db.schema_version import head_revision, revisions
from paywall_core.ports.checkup import Checkup, Finding, Verdict
from paywall_core.ports.clock import Clock

_TIMEOUT_SECONDS: Final = 10.0
_LOCK_WAIT_MS: Final = 2_000  # the product waits longer; a doctor says what is in the way
_OLDEST_POSTGRESQL: Final = (
    15  # still mended; 14 ended in November 2026: https://www.postgresql.org/support/versioning/
)
_SQLITE_PRIMARY_CODE: Final = 0xFF
_BY_BYTES: Final = frozenset(("C", "POSIX", "C.UTF-8", "C.UTF8", "C.utf8", "PG_UNICODE_FAST"))
_MONTHS_LEFT: Final = timedelta(days=45)
_CLOCKS_DIFFER: Final = timedelta(seconds=5)
_CLOCK_IS_WRONG: Final = timedelta(minutes=5)  # from here on Stripe's signatures are refused

_URL, _DURABILITY, _TEXTS, _WRITING, _SCHEMA, _TIME, _EVENTS = (
    "DATABASE_URL",
    "database durability",
    "database texts",
    "database writing",
    "database schema",
    "database clock",
    "payment events",
)
_ERRORS: Final = (SQLAlchemyError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

_SERVER: Final = text("""
    SELECT current_setting('server_version') AS version,
           current_setting('server_version_num')::int / 10000 AS major,
           pg_is_in_recovery() OR current_setting('transaction_read_only')::bool AS read_only,
           current_setting('fsync') AS fsync,
           current_setting('synchronous_commit') AS synchronous_commit,
           current_setting('transaction_isolation') AS isolation,
           clock_timestamp() AS now
""")
_OLDEST_THAT_KNOWS_ITS_ORDER: Final = 15
_ORDER: Final = text("""
    SELECT pg_encoding_to_char(encoding) AS encoding,
           -- Where the system's own library does not order them, by its name in PostgreSQL 17 or in those before.
           coalesce(to_jsonb(database) ->> 'datlocale', to_jsonb(database) ->> 'daticulocale', datcollate) AS collation,
           datcollversion AS made_by,
           pg_database_collation_actual_version(oid) AS ordered_by
    FROM pg_database AS database WHERE datname = current_database()
""")
_FORBIDDEN: Final = text("""
    SELECT name, privilege
    FROM unnest(CAST(:names AS text[])) AS name, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
    WHERE to_regclass(name) IS NOT NULL AND NOT has_table_privilege(to_regclass(name), privilege)
    ORDER BY name, privilege
""")


class DatabaseCheckup(Checkup):
    """Connects, and asks.

    Args:
        url: as `Database` takes it.
        clock: this machine's, to compare the server's with.
        timeout_seconds: for all of it.
    """

    def __init__(self, url: str, *, clock: Clock, timeout_seconds: float = _TIMEOUT_SECONDS) -> None:
        self._url = url
        self._clock = clock
        self._timeout_seconds = timeout_seconds

    async def check(self) -> Sequence[Finding]:
        """The connection first; where there is none, that is all."""
        try:
            parsed = parse_url(self._url)
        except ValueError as error:
            return [_finding(_URL, Verdict.FAILED, str(error))]
        sqlite = parsed.get_backend_name() == "sqlite"
        if sqlite and not await asyncio.to_thread(Path(parsed.database or "").is_file):
            detail = f"there is no file {parsed.database} yet: `paywall migrate` or `paywall serve` makes it"
            return [_finding(_URL, Verdict.FAILED, detail)]
        engine = create_engine(self._url)
        findings: list[Finding] = []
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await (self._sqlite(engine, findings) if sqlite else self._postgresql(engine, findings))
        except TimeoutError:
            detail = f"the database did not answer within {self._timeout_seconds:g} s"
            findings.append(_finding(_URL, Verdict.FAILED, detail))
        except _ERRORS as error:
            findings.append(_finding(_URL, Verdict.FAILED, what_went_wrong(error)))
        finally:
            await engine.dispose()
        return findings

    async def _sqlite(self, engine: AsyncEngine, findings: list[Finding]) -> None:
        @event.listens_for(engine.sync_engine, "connect", insert=True)  # before the product's own pragmas
        def _be_impatient(connection: Any, _record: Any) -> None:
            connection.cursor().execute(f"PRAGMA busy_timeout={_LOCK_WAIT_MS}")

        async with engine.connect() as connection:
            journal, synchronous = [
                (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
                for name in ("journal_mode", "synchronous")
            ]
            findings.append(_finding(_URL, Verdict.OK, f"SQLite {sqlite3.sqlite_version} reads the file"))
            findings.append(sqlite_durability(str(journal), int(synchronous)))
            schema = await _schema(connection)
        findings += [await _write(engine), schema]

    async def _postgresql(self, engine: AsyncEngine, findings: list[Finding]) -> None:
        async with engine.connect() as connection:
            before = self._clock.now()
            server = (await connection.execute(_SERVER)).one()
            midway = before + (self._clock.now() - before) / 2
            names = {"names": sorted(metadata.tables)}
            forbidden = (await connection.execute(_FORBIDDEN, names)).all()
            findings += [postgresql_version(server.major, server.version), _postgresql_durability(server)]
            if server.major >= _OLDEST_THAT_KNOWS_ITS_ORDER:
                order = (await connection.execute(_ORDER)).one()
                findings.append(texts_finding(*order))
            findings.append(_rights(read_only=server.read_only, forbidden=forbidden))
            findings.append(clock_finding(server.now - midway))
            months_end = (await connection.execute(text(MONTHS_END))).scalar_one()
            findings.append(await _schema(connection))
            if months_end is not None:
                findings.append(months_finding(months_end - self._clock.now(), months_end))


def sqlite_durability(journal_mode: str, synchronous: int) -> Finding:
    """Whether what is committed survives a power cut (`PRAGMA synchronous`: 2 is FULL, 3 EXTRA). Pure."""
    if journal_mode.lower() != "wal":
        detail = f"journal_mode is {journal_mode}, not WAL: is the file on a network drive? It must be on a local one"
        return _finding(_DURABILITY, Verdict.FAILED, detail)
    if synchronous not in (2, 3):
        return _finding(_DURABILITY, Verdict.FAILED, "synchronous is not FULL: a power cut could lose a payment")
    return _finding(_DURABILITY, Verdict.OK, "WAL, synchronous=FULL")


def postgresql_version(major: int, shown: str) -> Finding:
    """Whether PostgreSQL's makers still mend this version. Pure."""
    if major < _OLDEST_POSTGRESQL:
        detail = f"PostgreSQL {shown} answers; its makers mend only {_OLDEST_POSTGRESQL} and newer"
        return _finding(_URL, Verdict.WARNING, detail)
    return _finding(_URL, Verdict.OK, f"PostgreSQL {shown} answers")


def clock_finding(ahead: timedelta) -> Finding:
    """What it means that the database's clock is ahead of this machine's (behind it, when negative). Pure."""
    apart = abs(ahead)
    if apart < _CLOCKS_DIFFER:
        return _finding(_TIME, Verdict.OK, f"within {_CLOCKS_DIFFER.total_seconds():g} s of this machine's")
    direction = "ahead of" if ahead > timedelta(0) else "behind"
    detail = (
        f"{apart.total_seconds():.0f} s {direction} this machine's, so one of the two is wrong: access ends by this "
        "machine's clock, and Stripe's webhooks are refused from 300 s on; let both be set by NTP"
    )
    return _finding(_TIME, Verdict.FAILED if apart >= _CLOCK_IS_WRONG else Verdict.WARNING, detail)


def texts_finding(encoding: str, collation: str, made_by: str | None, ordered_by: str | None) -> Finding:
    """What it means how PostgreSQL keeps and orders texts, our keys among them. Pure.

    Args:
        encoding: the database's.
        collation: the order of its texts.
        made_by: the version of the library that ordered its indexes; None: such an order has no versions.
        ordered_by: the version of the library that is there now.
    """
    if encoding == "SQL_ASCII":
        detail = (
            "the encoding is SQL_ASCII: texts are kept unread, and a column's length counts their bytes, not their "
            "letters; better a database with ENCODING 'UTF8'"
        )
        return _finding(_TEXTS, Verdict.WARNING, detail)
    if encoding != "UTF8":
        detail = (
            f"the encoding is {encoding}, not UTF8: what is told in letters that it lacks cannot be recorded, a "
            "payment neither; move to a database with ENCODING 'UTF8'"
        )
        return _finding(_TEXTS, Verdict.FAILED, detail)
    if made_by is not None and ordered_by is not None and made_by != ordered_by:
        detail = (
            f"its indexes were ordered by version {made_by} of {collation}, and now there is {ordered_by}: they may "
            "miss what they hold; REINDEX DATABASE, then ALTER DATABASE … REFRESH COLLATION VERSION"
        )
        return _finding(_TEXTS, Verdict.FAILED, detail)
    if collation not in _BY_BYTES:
        detail = f"UTF8, ordered by {collation}; C is quicker, and no update of the system breaks its indexes"
        return _finding(_TEXTS, Verdict.OK, detail)
    return _finding(_TEXTS, Verdict.OK, f"UTF8, ordered by {collation}")


def months_finding(left: timedelta, end: datetime) -> Finding:
    """What it means that a table in months has months only until then. Pure."""
    made = f"in months, made until {end:%Y-%m}"
    if left < _MONTHS_LEFT:
        detail = f"{made}: run `paywall partition-events`, or what comes later shares one table"
        return _finding(_EVENTS, Verdict.WARNING, detail)
    return _finding(_EVENTS, Verdict.OK, made)


def _postgresql_durability(server: Row[Any]) -> Finding:
    for name in ("fsync", "synchronous_commit"):
        if getattr(server, name) == "off":
            detail = f"the server has {name}=off: a power cut could lose a payment that Stripe was told we have"
            return _finding(_DURABILITY, Verdict.FAILED, detail)
    if server.isolation != "read committed":
        detail = f"this user's transactions are {server.isolation}: set default_transaction_isolation to read committed"
        return _finding(_DURABILITY, Verdict.WARNING, detail)
    return _finding(_DURABILITY, Verdict.OK, f"fsync, synchronous_commit={server.synchronous_commit}")


def _rights(*, read_only: bool, forbidden: Sequence[Row[Any]]) -> Finding:
    if read_only:
        detail = "the server takes no writes from us: is it a standby, or default_transaction_read_only on?"
        return _finding(_WRITING, Verdict.FAILED, detail)
    if forbidden:
        first = forbidden[0]
        more = f", and {len(forbidden) - 1} rights more" if len(forbidden) > 1 else ""
        detail = f"our user may not {first.privilege} in {first.name}{more}: GRANT them"
        return _finding(_WRITING, Verdict.FAILED, detail)
    return _finding(_WRITING, Verdict.OK, "our user may read and write every table")


async def _write(engine: AsyncEngine) -> Finding:
    """Write, and take it back. The lock alone proves nothing: SQLite hands it out for a read-only file too."""
    try:
        async with for_writing(engine).connect() as connection:
            await connection.execute(text("CREATE TABLE paywall_checkup (number INTEGER)"))
            await connection.rollback()
    except DBAPIError as error:
        code = getattr(error.orig, "sqlite_errorcode", 0) & _SQLITE_PRIMARY_CODE
        if code == sqlite3.SQLITE_BUSY:
            detail = f"another process has held the write lock for {_LOCK_WAIT_MS // 1000} s: is a migration running?"
            return _finding(_WRITING, Verdict.WARNING, detail)
        name = getattr(error.orig, "sqlite_errorname", type(error).__name__)
        detail = f"the file is not ours to write ({name}): see its rights, its directory's, and if the disk is full"
        return _finding(_WRITING, Verdict.FAILED, detail)
    return _finding(_WRITING, Verdict.OK, "the file is ours to write")


async def _schema(connection: AsyncConnection) -> Finding:
    """Which schema it is."""
    try:
        schema = await connection.run_sync(schema_on)
    except DBAPIError as error:
        return _finding(_SCHEMA, Verdict.FAILED, what_went_wrong(error))
    current, head = schema.revision, head_revision()
    if current == head:
        return _finding(_SCHEMA, Verdict.OK, f"current ({head})")
    if current is None:
        return _finding(_SCHEMA, Verdict.FAILED, "there is none: run `paywall migrate`")
    if current in revisions():
        return _finding(_SCHEMA, Verdict.FAILED, f"it is {current}, and {head} is wanted: run `paywall migrate`")
    if schema.serves(head):
        detail = f"it is {current}, a newer paywall's, and serves this one ({head}) too: finish the roll-over"
        return _finding(_SCHEMA, Verdict.WARNING, detail)
    return _finding(_SCHEMA, Verdict.FAILED, not_served(schema))


def _finding(subject: str, verdict: Verdict, detail: str) -> Finding:
    return Finding(subject=subject, verdict=verdict, detail=detail)
