"""PostgreSQL's table of payment events in months: the plain table is turned, and months are made ahead of time.

Asked for by an operator, as often as he likes; the service runs meanwhile. The plain table becomes the first part of
the new one as it is: no row is copied. An event's month is that of the moment of which it tells, which never changes
(docs/adr/0017). What falls into no month goes into a part of its own, and moves to its month when that is made.

Tables are locked for moments. When a lock does not come at once, all are given back, and it is tried again: after a
second PostgreSQL would end somebody's transaction whose locks cross with ours.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
from msgspec import Struct

from adapters.db.opening import parse_url
from adapters.db.statements import dialect_of

MONTHS_AHEAD: Final = 12
_TABLE: Final = "payment_events"
_BEFORE: Final = f"{_TABLE}_before"
_REST: Final = f"{_TABLE}_rest"
_CHECK: Final = f"ck_{_TABLE}_before"
_MARGIN: Final = timedelta(days=7)  # the first part ends so much later at least: it is written to while it is made
_LATE: Final = timedelta(days=60)  # the provider still lists what is thirty days old
_TRIES: Final = 40
_PAUSE_SECONDS: Final = 0.5
_SETTINGS: Final = {"lock_timeout": "300ms", "timezone": "UTC"}  # three locks at most, in less than a second
_NAMES: Final = re.compile(rf"{_TABLE}_\d{{4}}_\d{{2}}|{_BEFORE}")

_ENDS: Final = f"""
    SELECT c.relname AS name,
           substring(pg_get_expr(c.relpartbound, c.oid) FROM 'TO [(]''(.+)''[)]')::timestamptz AS until
    FROM pg_inherits JOIN pg_class AS c ON c.oid = inhrelid WHERE inhparent = to_regclass('{_TABLE}')
"""  # noqa: S608  - its own name
_PARTS: Final = f"{_ENDS} ORDER BY c.relname"
MONTHS_END: Final = f"SELECT max(until) FROM ({_ENDS}) AS parts"  # noqa: S608  - as above
"""From when on there is no month yet; NULL, where the table is not in months."""

_POINTING: Final = f"""
    SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) AS away,
           format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS back
    FROM pg_constraint WHERE confrelid = '{_TABLE}'::regclass AND contype = 'f' AND conparentid = 0
"""  # noqa: S608  - its own name
_OWN: Final = f"""
    SELECT format('ALTER TABLE {_TABLE} ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE conrelid = '{_TABLE}'::regclass AND conname <> '{_CHECK}' AND contype <> 'n'
    UNION ALL
    SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '{_TABLE}'::regclass
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND conrelid = indrelid)
    UNION ALL
    SELECT format('ALTER TABLE {_TABLE} OWNER TO %I', pg_get_userbyid(relowner)) FROM pg_class
    WHERE oid = '{_TABLE}'::regclass
    UNION ALL
    SELECT format('GRANT %s ON {_TABLE} TO %s', privilege_type,
                  CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END)
    FROM pg_class, aclexplode(relacl) WHERE oid = '{_TABLE}'::regclass
"""  # noqa: S608  - its own name
_INDEXES: Final = f"""
    SELECT format('ALTER INDEX %s RENAME TO %I', indexrelid::regclass, relname || '_before')
    FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid WHERE indrelid = '{_TABLE}'::regclass
"""  # noqa: S608  - its own name


class Months(Struct, frozen=True, kw_only=True):
    """What was done, and what there is.

    Attributes:
        turned: the table was plain.
        made, dropped: names of the months that are new, and of those that were empty and are long over.
        until: from this moment on there is no month yet.
    """

    turned: bool
    made: tuple[str, ...]
    dropped: tuple[str, ...]
    until: datetime


class CannotPartition(Exception):  # noqa: N818  - named after the case
    """It is as it was; the text says why, for the operator."""


async def keep_months(url: str, *, now: datetime, ahead: int = MONTHS_AHEAD) -> Months:
    """Turn the table, if it is plain; make this month and so many after it; drop what is empty and long over.

    Raises:
        CannotPartition: it is no PostgreSQL, some event tells of the future, or somebody holds the tables all the time.
    """
    parsed = parse_url(url)
    if parsed.get_backend_name() != "postgresql":
        raise CannotPartition("only PostgreSQL has tables in parts")
    _, arguments = dialect_of("postgresql").create_connect_args(parsed)
    arguments.pop("prepared_statement_cache_size", None)
    connection = await asyncpg.connect(**{**arguments, "server_settings": _SETTINGS, "statement_cache_size": 0})
    try:
        turned = not await _is_in_months(connection)
        if turned:
            await _turn(connection, until=_following(now + _MARGIN))
        made = await _make(connection, now, ahead)
        if made:
            await connection.execute(f"ANALYZE {_TABLE}")  # of the whole; by itself the server knows of its parts alone
        dropped = await _drop_empty(connection, now)
        until = await connection.fetchval(MONTHS_END)
    finally:
        await connection.close()
    return Months(turned=turned, made=made, dropped=dropped, until=until)


async def _is_in_months(connection: Any) -> bool:
    return bool(await connection.fetchval("SELECT relkind = 'p' FROM pg_class WHERE oid = $1::text::regclass", _TABLE))


async def _turn(connection: Any, *, until: datetime) -> None:
    """The plain table becomes the part of all that is before a moment.

    Whoever writes is asked for that from the first step on, so that the second can look through all that is there
    without a lock, and the third believes it unseen.
    """
    async with _locked(connection, _TABLE):
        await connection.execute(f"ALTER TABLE {_TABLE} DROP CONSTRAINT IF EXISTS {_CHECK}")
        condition = f"CHECK (occurred_at < '{until.isoformat()}')"
        await connection.execute(f"ALTER TABLE {_TABLE} ADD CONSTRAINT {_CHECK} {condition} NOT VALID")
    try:
        await connection.execute(f"ALTER TABLE {_TABLE} VALIDATE CONSTRAINT {_CHECK}")
    except asyncpg.CheckViolationError as error:
        async with _locked(connection, _TABLE):
            await connection.execute(f"ALTER TABLE {_TABLE} DROP CONSTRAINT {_CHECK}")
        raise CannotPartition(f"{_TABLE} holds an event of {until:%Y-%m} or later: whose clock was wrong?") from error
    async with _locked(connection, _TABLE, "parked_references", and_orders=True):
        pointing = await connection.fetch(_POINTING)
        own = [row[0] for row in await connection.fetch(_OWN)]
        steps = [
            *(foreign["away"] for foreign in pointing),
            *(row[0] for row in await connection.fetch(_INDEXES)),
            f"ALTER TABLE {_TABLE} RENAME TO {_BEFORE}",
            f"CREATE TABLE {_TABLE} (LIKE {_BEFORE} INCLUDING DEFAULTS) PARTITION BY RANGE (occurred_at)",
            *own,
            f"ALTER TABLE {_TABLE} ATTACH PARTITION {_BEFORE} FOR VALUES FROM (MINVALUE) TO ('{until.isoformat()}')",
            f"ALTER TABLE {_BEFORE} DROP CONSTRAINT {_CHECK}",
            f"CREATE TABLE {_REST} PARTITION OF {_TABLE} DEFAULT",
            *(foreign["back"] for foreign in pointing),
        ]
        for step in steps:
            await connection.execute(step)


async def _make(connection: Any, now: datetime, ahead: int) -> tuple[str, ...]:
    """Make the months that are not there; what is theirs moves in from the rest."""
    parts = {part["name"]: part["until"] for part in await connection.fetch(_PARTS)}
    begin = parts.get(_BEFORE) or datetime.min.replace(tzinfo=UTC)
    missing = [month for month in _months(now, ahead) if month >= begin and _name(month) not in parts]
    if not missing:
        return ()
    async with _locked(connection, _TABLE, "parked_references", and_orders=True):
        of_these = (
            f"occurred_at >= '{missing[0].isoformat()}' AND occurred_at < '{_following(missing[-1]).isoformat()}'"
        )
        found = await connection.fetchval(f"SELECT EXISTS (SELECT FROM {_REST} WHERE {of_these})")  # noqa: S608  - ours
        pointing = await connection.fetch(_POINTING) if found else []
        for foreign in pointing:
            await connection.execute(foreign["away"])
        for month in missing:
            name, low, high = _name(month), month.isoformat(), _following(month).isoformat()
            await connection.execute(f"CREATE TABLE {name} (LIKE {_TABLE} INCLUDING DEFAULTS)")
            its = f"DELETE FROM {_REST} WHERE occurred_at >= '{low}' AND occurred_at < '{high}' RETURNING *"  # noqa: S608  - ours
            await connection.execute(f"WITH moved AS ({its}) INSERT INTO {name} SELECT * FROM moved")  # noqa: S608  - ours
            await connection.execute(
                f"ALTER TABLE {_TABLE} ATTACH PARTITION {name} FOR VALUES FROM ('{low}') TO ('{high}')"
            )
        for foreign in pointing:
            await connection.execute(foreign["back"])
    return tuple(_name(month) for month in missing)


async def _drop_empty(connection: Any, now: datetime) -> tuple[str, ...]:
    """What `forget` has emptied goes; a late event of it would go into the rest."""
    dropped = []
    for part in await connection.fetch(_PARTS):
        name, until = part["name"], part["until"]
        is_empty = f"SELECT NOT EXISTS (SELECT FROM {name})"  # noqa: S608  - its own name
        if (
            not _NAMES.fullmatch(name)
            or until is None
            or until > now - _LATE
            or not await connection.fetchval(is_empty)
        ):
            continue
        async with _locked(connection, _TABLE, "parked_references", and_orders=True):
            if await connection.fetchval(is_empty):  # nobody has written into it meanwhile
                await connection.execute(f"ALTER TABLE {_TABLE} DETACH PARTITION {name}")
                await connection.execute(f"DROP TABLE {name}")
                dropped.append(name)
    return tuple(dropped)


@asynccontextmanager
async def _locked(connection: Any, *tables: str, and_orders: bool = False) -> AsyncIterator[None]:
    """A transaction in which nobody else is at these tables, and nobody writes orders if they are concerned."""
    locks = ["LOCK TABLE orders IN SHARE ROW EXCLUSIVE MODE"] if and_orders else []
    locks.append(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(_PAUSE_SECONDS)
        transaction = connection.transaction()
        await transaction.start()
        try:
            for lock in locks:
                await connection.execute(lock)
        except asyncpg.LockNotAvailableError:
            await transaction.rollback()
            continue
        try:
            yield
        except BaseException:
            await transaction.rollback()
            raise
        await transaction.commit()
        return
    raise CannotPartition("somebody holds the tables (a dump, a long transaction); nothing is half done: try again")


def _months(now: datetime, ahead: int) -> Iterator[datetime]:
    """This one and those after it, each by its first moment."""
    month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    for _ in range(ahead + 1):
        yield month
        month = _following(month)


def _following(moment: datetime) -> datetime:
    """The first moment of the month after a moment's."""
    first = moment.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=31)).replace(day=1)


def _name(month: datetime) -> str:
    return f"{_TABLE}_{month:%Y_%m}"
