"""Every statement that the adapter executes: found in its modules, so that none can be forgotten.

A statement stands at a module's top level, alone or in a mapping. Where a function builds one, the function is named
here with what makes it build each kind; a function that is not named makes the test fail.
"""

import ast
import importlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from types import ModuleType
from typing import Any, Final
from uuid import UUID

from msgspec import Struct

import adapters.db
from adapters.db.archive import SqlOrderArchive
from adapters.db.connection import Connection
from adapters.db.one_trip import Given, OneTrip
from adapters.db.outbox_archive import SqlOutboxArchive
from adapters.db.pool import Pool
from adapters.db.statements import Row, Statement, Values
from paywall_core.lifecycle import State
from paywall_core.ports.operations import OrderQuery, OutboxQuery
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.testing.contract.samples import NOW


class Found(Struct, frozen=True, kw_only=True):
    """A statement, what it is called, and the values that it was given, where a function built it."""

    name: str
    statement: Statement
    values: Mapping[str, object]


class _Asked(Connection):
    """Nobody answers; what was asked is kept."""

    dialect = "postgresql"

    def __init__(self) -> None:
        super().__init__(None)
        self.seen: list[tuple[Statement, Values]] = []

    async def all(self, statement: Statement, values: Values | None = None) -> list[Row]:
        """Keep it."""
        self.seen.append((statement, values or {}))
        return []

    async def first(self, statement: Statement, values: Values | None = None) -> Row | None:
        """Keep it."""
        await self.all(statement, values)
        return None

    async def change(self, statement: Statement, values: Values | None = None) -> int:
        """Keep it."""
        await self.all(statement, values)
        return 0

    async def each(self, statement: Statement, many: Sequence[Values]) -> list[Row]:
        """Keep it, with the first of them."""
        return await self.all(statement, many[0])

    async def in_one_trip(self, several: OneTrip, *given: Given) -> list[list[Row]]:
        """Its statements are found by themselves."""
        return [[] for _ in zip(several.statements, given, strict=True)]

    async def run(self, sql: str) -> None:
        """A text is no statement of ours."""


class _AskedPool(Pool):
    """Its one connection."""

    def __init__(self) -> None:
        super().__init__(size=1)
        self.connection = _Asked()

    async def _open(self) -> Connection:
        return self.connection

    async def _end(self, connection: Connection) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    @asynccontextmanager
    async def reading(self, *, patiently: bool = False) -> AsyncIterator[Connection]:
        """The one."""
        yield self.connection


_ORDER: Final = UUID(int=7)
SEARCHES: Final = {
    "newest": OrderQuery(limit=20),
    "newest of a state": OrderQuery(state=State.ACTIVE, limit=20),
    "address": OrderQuery(address="customer3@example.com.77", limit=20),
    "address and state": OrderQuery(address="customer3@example.com.77", state=State.ACTIVE, limit=20),
    "user": OrderQuery(telegram_user_id=7713, limit=20),
    "user and state": OrderQuery(telegram_user_id=7713, state=State.ACTIVE, limit=20),
    "reference": OrderQuery(reference="pi_3.77", limit=20),
    "all of them": OrderQuery(
        reference="pi_3.77", telegram_user_id=7713, address="customer3@example.com.77", state=State.ACTIVE, limit=20
    ),
}
LISTINGS: Final = {
    "oldest": OutboxQuery(limit=20),
    "dead": OutboxQuery(statuses=(DeliveryStatus.DEAD,), limit=20),
    "overdue": OutboxQuery(statuses=(DeliveryStatus.PENDING,), due_before=NOW, limit=20),
    "delivered": OutboxQuery(statuses=(DeliveryStatus.DELIVERED,), limit=20),
    "order": OutboxQuery(order_id=_ORDER, limit=20),
    "order and status": OutboxQuery(order_id=_ORDER, statuses=(DeliveryStatus.PENDING,), limit=20),
    "keys": OutboxQuery(keys=("one", "two"), limit=20),
    "prefix": OutboxQuery(key_prefix="access_email:", limit=20),
    "rare prefix": OutboxQuery(key_prefix="restore_code:", limit=20),
}


async def _searches() -> Sequence[Found]:
    found = []
    for name, query in SEARCHES.items():
        pool = _AskedPool()
        await SqlOrderArchive(pool).search(query)
        found += [Found(name=f"search: {name}", statement=one, values=values) for one, values in pool.connection.seen]
    return found


async def _listings() -> Sequence[Found]:
    found = []
    for name, query in LISTINGS.items():
        pool = _AskedPool()
        await SqlOutboxArchive(pool).lines(query)
        found += [Found(name=f"lines: {name}", statement=one, values=values) for one, values in pool.connection.seen]
    return found


BUILT: Final[Mapping[str, Callable[[], Any]]] = {
    "archive.SqlOrderArchive.search": _searches,
    "outbox_archive.SqlOutboxArchive.lines": _listings,
}
"""Functions that build statements, and what makes them do it."""


def modules() -> Iterator[tuple[str, ModuleType]]:
    """All of the adapter's but the migrations."""
    for found in pkgutil.walk_packages(adapters.db.__path__):
        if found.name != "migrations" and not found.ispkg:
            yield found.name, importlib.import_module(f"adapters.db.{found.name}")


def builders() -> set[str]:
    """Names of the functions in whose bodies a statement is made."""
    found: set[str] = set()

    def look(node: ast.AST, path: tuple[str, ...], *, inside: bool) -> None:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Statement" and inside:
            found.add(".".join(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            path = (*path, node.name)
            inside = inside or not isinstance(node, ast.ClassDef)
        for child in ast.iter_child_nodes(node):
            look(child, path, inside=inside)

    for name, module in modules():
        look(ast.parse(inspect.getsource(module)), (name,), inside=False)
    return found


def at_top_level() -> Iterator[Found]:
    """Statements that stand in a module, each once: a module that imports another's has it by its first name."""
    seen: set[int] = set()
    for module_name, module in modules():
        for name, value in vars(module).items():
            several = value.items() if isinstance(value, Mapping) else enumerate(value) if _is_list(value) else ()
            named = [(name, value), *((f"{name}[{key}]", one) for key, one in several)]
            for full_name, one in named:
                if isinstance(one, Statement) and id(one) not in seen:
                    seen.add(id(one))
                    yield Found(name=f"{module_name}.{full_name}", statement=one, values={})


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple | set | frozenset)


async def every_statement() -> list[Found]:
    """All of them."""
    built = [found for build in BUILT.values() for found in await build()]
    return [*at_top_level(), *built]
