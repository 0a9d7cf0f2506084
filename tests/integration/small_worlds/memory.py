"""The in-memory store of `paywall_core.testing`, as a walk goes through it: everything in it is immutable."""

import msgspec

from paywall_core.ports.directory import OrderDirectory
from paywall_core.ports.unit_of_work import UnitOfWork
from paywall_core.testing import InMemoryStore
from paywall_core.testing.tables import Tables

from .house import ORDER_ID, Seen, Store


class MemoryStore(Store):
    """An in-memory store that is set back by putting other tables into it."""

    def __init__(self) -> None:
        self.store = InMemoryStore()

    @property
    def directory(self) -> OrderDirectory:
        """The gate's reads."""
        return self.store.directory

    def unit_of_work(self) -> UnitOfWork:
        """A fresh transaction."""
        return self.store.unit_of_work()

    async def save(self) -> tuple[bytes, object]:
        """All tables; the identity leaves out the entries of the history (the order's version counts them)."""
        tables = self.store.tables.snapshot()
        contents = {
            name: {str(key): row for key, row in table.items()} if isinstance(table, dict) else table
            for name, table in vars(tables).items()
            if name != "history"
        }
        return msgspec.msgpack.encode(contents, order="deterministic"), tables

    async def set_back(self, saved: object) -> None:
        """Those tables again."""
        assert isinstance(saved, Tables)
        self.store.tables = saved.snapshot()

    async def look(self) -> Seen:
        """What was committed."""
        tables = self.store.tables
        return Seen(
            order=tables.orders[ORDER_ID],
            history=tables.history.get(ORDER_ID, ()),
            events={key: event.order_id for key, event in tables.events.items()},
            outbox={key: str(row.status) for key, row in tables.outbox.items()},
        )
