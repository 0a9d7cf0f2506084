"""A SQLite file by its bare rows: what is in it, and how to put others into it. Beside the product's own adapter."""

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from adapters.db.database import Database
from adapters.db.schema import metadata
from paywall_core.ports.directory import OrderDirectory
from paywall_core.ports.operations import OutboxQuery
from paywall_core.ports.unit_of_work import UnitOfWork

from .house import ORDER_ID, Seen, Store

Rows: TypeAlias = Mapping[str, list[tuple[Any, ...]]]

TABLES: Final = [table.name for table in metadata.sorted_tables]
_FACTS: Final = [column.name for column in metadata.tables["orders"].columns].index("facts")
_EVERY_LINE: Final = 1000


class SqliteFile:
    """A connection of its own; nothing of it has to survive a power cut."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._connection.execute("PRAGMA synchronous=OFF")

    def rows(self) -> Rows:
        """All rows of all tables, in one moment."""
        self._connection.execute("BEGIN")
        found = {name: self._connection.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}  # noqa: S608
        self._connection.execute("COMMIT")
        return found

    def put(self, rows: Rows) -> None:
        """These rows, and no others."""
        self._connection.execute("BEGIN IMMEDIATE")
        for name in reversed(TABLES):
            self._connection.execute(f"DELETE FROM {name}")  # noqa: S608  - our own tables
        for name in TABLES:
            if rows[name]:
                marks = ", ".join("?" * len(rows[name][0]))
                self._connection.executemany(f"INSERT INTO {name} VALUES ({marks})", rows[name])  # noqa: S608
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Close it."""
        self._connection.close()


class SqliteStore(Store):
    """The real adapter on a real file, as a walk goes through it."""

    def __init__(self, database: Database, path: Path) -> None:
        self._database = database
        self._file = SqliteFile(path)
        self.close = self._file.close

    @property
    def directory(self) -> OrderDirectory:
        """The gate's reads."""
        return self._database.directory

    def unit_of_work(self) -> UnitOfWork:
        """A fresh transaction."""
        return self._database.unit_of_work()

    async def save(self) -> tuple[bytes, object]:
        """All rows; the identity leaves out the history, and the order in which rows and facts were written."""
        rows = self._file.rows()
        known = [sorted(told(name, rows[name])) for name in TABLES if name != "order_history"]
        return json.dumps(known).encode(), rows

    async def set_back(self, saved: object) -> None:
        """Those rows again."""
        assert isinstance(saved, dict)
        self._file.put(saved)

    async def look(self) -> Seen:
        """What is stored now, decoded by the product."""
        dossier = await self._database.archive.dossier(ORDER_ID)
        assert dossier is not None
        lines = await self._database.outbox_archive.lines(OutboxQuery(limit=_EVERY_LINE))
        stored = {row[0] for row in self._file.rows()["payment_events"]}
        applied = {event.event_id for event in dossier.events}
        return Seen(
            order=dossier.order,
            history=tuple(dossier.history),
            events={key: ORDER_ID if key in applied else None for key in stored},
            outbox={line.key: str(line.status) for line in lines},
        )


def told(table: str, rows: list[tuple[Any, ...]]) -> list[str]:
    """Rows as texts that are equal for equal contents: facts in one order of their own, no counted ids."""
    if table == "orders":
        facts = [json.dumps(json.loads(row[_FACTS]), sort_keys=True) for row in rows]
        return [repr((*row[:_FACTS], fact, *row[_FACTS + 1 :])) for row, fact in zip(rows, facts, strict=True)]
    if table == "operator_acts":
        return [repr(row[1:]) for row in rows]
    return [repr(row) for row in rows]
