"""The two databases on which acts race: set back to a scene, read whole, and asked who waits for a lock."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final, TypeAlias

import asyncpg

from adapters.db.database import Database

from .scenes import Scene
from .sqlite_file import TABLES, SqliteFile, told
from .statements import Actor

Content: TypeAlias = tuple[tuple[str, ...], ...]
_TOLD: Final = {
    "orders": "to_jsonb(t) || jsonb_build_object('facts', t.facts::jsonb)",  # written in any order
    "operator_acts": "(to_jsonb(t) - 'id')",  # counted up, whoever came first
}


class Ground(ABC):
    """One database with a scene on it."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)

    async def lay(self, scene: Scene) -> None:
        """Build the scene once, and keep it."""
        await self._clear()
        await scene.build(self.database)
        await self._keep()

    @abstractmethod
    async def set_back(self) -> None:
        """The scene as it was laid."""

    @abstractmethod
    async def waits(self, actor: Actor, other: Actor) -> bool:
        """Whether `actor` cannot go on before `other` does; both are known to stand still, or to be at work."""

    @abstractmethod
    async def _clear(self) -> None: ...

    @abstractmethod
    async def _keep(self) -> None: ...

    @abstractmethod
    async def content(self) -> Content:
        """Every row, in one order of their own."""

    async def close(self) -> None:
        """Close all connections."""
        await self.database.close()


class SqliteGround(Ground):
    """A file with one writer at a time."""

    def __init__(self, url: str, path: Path) -> None:
        super().__init__(url)
        self._file = SqliteFile(path)
        self._empty = self._scene = self._file.rows()

    async def _clear(self) -> None:
        self._file.put(self._empty)

    async def _keep(self) -> None:
        self._scene = self._file.rows()

    async def set_back(self) -> None:
        """Put the rows back."""
        self._file.put(self._scene)

    async def content(self) -> Content:
        """By bare rows."""
        rows = self._file.rows()
        return tuple(tuple(sorted(told(name, rows[name]))) for name in TABLES)

    async def waits(self, actor: Actor, other: Actor) -> bool:
        """The one lock there is."""
        return actor.queues_behind(other)

    async def close(self) -> None:
        """The file, too."""
        self._file.close()
        await super().close()


class PostgresqlGround(Ground):
    """A server with row locks. Its scene is kept in tables beside the real ones; nothing has to survive a power cut."""

    def __init__(self, url: str, admin: asyncpg.Connection) -> None:
        super().__init__(url)
        self._admin = admin
        self._names = TABLES
        self._everything = " UNION ALL ".join(
            f"SELECT '{name}', {_TOLD.get(name, 'to_jsonb(t)')}::text FROM {name} t"  # noqa: S608  - our own tables
            for name in self._names
        )
        self._empty = "".join(f"DELETE FROM {name};" for name in reversed(self._names))  # noqa: S608

    async def _clear(self) -> None:
        await self._admin.execute(self._empty + "DROP SCHEMA IF EXISTS scene CASCADE; CREATE SCHEMA scene;")

    async def _keep(self) -> None:
        await self._admin.execute("".join(f"CREATE TABLE scene.{name} AS TABLE {name};" for name in self._names))

    async def set_back(self) -> None:
        """Copy the rows back, in one round trip."""
        copies = "".join(f"INSERT INTO {name} SELECT * FROM scene.{name};" for name in self._names)  # noqa: S608
        await self._admin.execute(self._empty + copies)

    async def content(self) -> Content:
        """By bare rows, all in one question."""
        rows = [tuple(row) for row in await self._admin.fetch(self._everything)]
        return tuple(tuple(sorted(row[1] for row in rows if row[0] == name)) for name in self._names)

    async def waits(self, actor: Actor, other: Actor) -> bool:
        """The server's own word: one of the two stands still at our wish, so that it is the other who waits."""
        waiting = await self._admin.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return bool(waiting)

    async def close(self) -> None:
        """The administrator's connection, too."""
        await self._admin.close()
        await super().close()
