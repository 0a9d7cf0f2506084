"""The bare limit's SQL, by the drivers alone: a few connections, each with its prepared statements."""

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
from msgspec import Struct
from sqlalchemy.engine import make_url

from benchmarks.references.rules import effects_of
from benchmarks.settings import POOL_SIZE

_SERVES_BEST: Final = "ORDER BY access_until DESC NULLS LAST, created_at DESC, id DESC LIMIT 1"
_REDEEMED: Final = (
    f"SELECT id, plan, state, access_until, locale FROM orders WHERE telegram_user_id = $1 {_SERVES_BEST}"
)
_NAMED: Final = (
    "SELECT id, plan, state, access_until, locale FROM orders"
    f" WHERE telegram_chat_id = $1 AND telegram_user_id IS NULL {_SERVES_BEST}"
)
_EITHER: Final = (
    "SELECT coalesce(redeemed.id, named.id), coalesce(redeemed.plan, named.plan),"
    " coalesce(redeemed.state, named.state), coalesce(redeemed.access_until, named.access_until),"
    " coalesce(redeemed.locale, named.locale), redeemed.id IS NOT NULL"
    f" FROM (SELECT) AS one LEFT JOIN LATERAL ({_REDEEMED}) AS redeemed ON true LEFT JOIN LATERAL ("
    "SELECT id, plan, state, access_until, locale FROM orders WHERE redeemed.id IS NULL AND telegram_chat_id = $2"
    f" AND coalesce(telegram_user_id, 0) = 0 {_SERVES_BEST}) AS named ON true"
)
_SESSION: Final = (
    "SELECT id, clickid, state, payment_status, fulfillment_status, token_version, first_paid_at, access_until"
    " FROM orders WHERE checkout_session_id = $1"
)
_EVENT: Final = (
    "INSERT INTO payment_events"
    " (stripe_event_id, event_type, occurred_at, received_at, payload, notification, order_id)"
    " VALUES ($1, $2, $3, $4, $5, '{}', $6) ON CONFLICT DO NOTHING"
)
_LOCK: Final = "SELECT version, state FROM orders WHERE id = $1"
_UPDATE: Final = (
    "UPDATE orders SET state = 'token_issued', payment_status = 'paid', fulfillment_status = 'fulfilled',"
    " version = version + 1, first_paid_at = $2, access_until = $3 WHERE id = $1"
)
_OUTBOX: Final = (
    "INSERT INTO outbox (key, order_id, effect, status, attempts, due_at, created_at, first_due_at)"
    " VALUES ($1, $2, $3, 'pending', 0, $4, $4, $4), ($5, $2, $6, 'pending', 0, $4, $4, $4) ON CONFLICT DO NOTHING"
)
_NUMBERED: Final = {
    text: text.replace("$", "?") for text in (_REDEEMED, _NAMED, _SESSION, _EVENT, _LOCK, _UPDATE, _OUTBOX)
}


class Access(Struct):
    """What the gate asks for."""

    order_id: UUID
    plan: str
    state: str
    access_until: datetime | None
    redeemed: bool


class Session(Struct):
    """What the success page asks for."""

    order_id: UUID
    state: str
    payment_status: str
    fulfillment_status: str
    token_version: int
    first_paid_at: datetime | None
    access_until: datetime | None


class Store(ABC):
    """The three calls' SQL."""

    @abstractmethod
    async def open(self) -> None:
        """Connect."""

    @abstractmethod
    async def close(self) -> None:
        """Let go."""

    @abstractmethod
    async def access_of(self, user: int) -> Access | None:
        """The order that serves a Telegram user best."""

    @abstractmethod
    async def session(self, session_id: str) -> Session | None:
        """The order of a checkout."""

    @abstractmethod
    async def record(
        self,
        event_id: str,
        event_type: str,
        body: bytes,
        order_id: UUID,
        *,
        occurred_at: datetime,
        access_until: datetime,
    ) -> bool:
        """Store a payment in a transaction of its own; False: it was there."""


class PostgresqlStore(Store):
    """On asyncpg. A connection is whoever takes it first; nothing is reset."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        self._arguments: dict[str, Any] = {
            "host": parsed.query.get("host") or parsed.host,
            "user": parsed.username,
            "database": parsed.database,
        }
        self._idle: asyncio.LifoQueue[tuple[Any, dict[str, Any]]] = asyncio.LifoQueue()
        self._connections: list[Any] = []

    async def open(self) -> None:
        """All connections, all statements."""
        for _ in range(POOL_SIZE):
            connection = await asyncpg.connect(**self._arguments)
            texts = (_EITHER, _SESSION, _EVENT + " RETURNING 1", _LOCK + " FOR UPDATE", _UPDATE, _OUTBOX)
            self._idle.put_nowait((connection, {text: await connection.prepare(text) for text in texts}))
            self._connections.append(connection)

    async def close(self) -> None:
        """All connections."""
        for connection in self._connections:
            await connection.close()

    async def access_of(self, user: int) -> Access | None:
        """One statement, as ours: two of them take a seventh longer, where one in five has not redeemed."""
        held = await self._idle.get()
        try:
            row = await held[1][_EITHER].fetchrow(user, str(user))
        finally:
            self._idle.put_nowait(held)
        return None if row[0] is None else Access(row[0], row[1], row[2], row[3], row[5])

    async def session(self, session_id: str) -> Session | None:
        """One statement."""
        held = await self._idle.get()
        try:
            row = await held[1][_SESSION].fetchrow(session_id)
        finally:
            self._idle.put_nowait(held)
        return None if row is None else Session(row[0], *row[2:])

    async def record(
        self,
        event_id: str,
        event_type: str,
        body: bytes,
        order_id: UUID,
        *,
        occurred_at: datetime,
        access_until: datetime,
    ) -> bool:
        """Six trips."""
        now = datetime.now(UTC)
        mail, sale = effects_of(order_id)
        held = await self._idle.get()
        connection, prepared = held
        try:
            await connection.execute("BEGIN")
            event = prepared[_EVENT + " RETURNING 1"]
            taken = await event.fetchval(event_id, event_type, occurred_at, now, body, order_id)
            if taken:
                await prepared[_LOCK + " FOR UPDATE"].fetchrow(order_id)
                await prepared[_UPDATE].fetchrow(order_id, occurred_at, access_until)
                await prepared[_OUTBOX].fetchrow(mail[0], order_id, mail[1], now, sale[0], sale[1])
            await connection.execute("COMMIT")
        except BaseException:
            await connection.execute("ROLLBACK")
            raise
        finally:
            self._idle.put_nowait(held)
        return bool(taken)


class SqliteStore(Store):
    """On `sqlite3`, in the event loop itself: a read is a few microseconds, and there is one writer anyway."""

    def __init__(self, url: str) -> None:
        self._path = make_url(url).database or ""
        self._connection: sqlite3.Connection

    def _execute(self, sql: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        """Prepared once for each text by the driver; SQLite numbers values by a question mark."""
        return self._connection.execute(_NUMBERED[sql], values)

    async def open(self) -> None:
        """One connection, durable as ours."""
        self._connection = sqlite3.connect(self._path, timeout=30, isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._connection.execute(f"PRAGMA {pragma}")

    async def close(self) -> None:
        """The one."""
        self._connection.close()

    async def access_of(self, user: int) -> Access | None:
        """One statement, and a second one for who has not redeemed: there is no trip to spare."""
        row, redeemed = self._execute(_REDEEMED, (user,)).fetchone(), True
        if row is None:
            row, redeemed = self._execute(_NAMED, (str(user),)).fetchone(), False
        return None if row is None else Access(UUID(row[0]), row[1], row[2], _moment(row[3]), redeemed)

    async def session(self, session_id: str) -> Session | None:
        """One statement."""
        row = self._execute(_SESSION, (session_id,)).fetchone()
        return (
            None
            if row is None
            else Session(UUID(row[0]), row[2], row[3], row[4], row[5], _moment(row[6]), _moment(row[7]))
        )

    async def record(
        self,
        event_id: str,
        event_type: str,
        body: bytes,
        order_id: UUID,
        *,
        occurred_at: datetime,
        access_until: datetime,
    ) -> bool:
        """The same transaction; the write lock is the order's."""
        now = _text(datetime.now(UTC))
        mail, sale = effects_of(order_id)
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            values = (event_id, event_type, _text(occurred_at), now, body, order_id.hex)
            taken = self._execute(_EVENT, values).rowcount == 1
            if taken:
                self._execute(_LOCK, (order_id.hex,)).fetchone()
                self._execute(_UPDATE, (order_id.hex, _text(occurred_at), _text(access_until)))
                self._execute(_OUTBOX, (mail[0], order_id.hex, mail[1], now, sale[0], sale[1]))
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        return taken


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
