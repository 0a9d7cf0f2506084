"""Which of a database's errors mean that somebody else was faster. Told by the driver's codes, never by words."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import UUID

from adapters.db.connection import database_errors
from paywall_core.errors import ConcurrentUpdate

_POSTGRESQL: Final = frozenset(
    {
        "23505",  # unique_violation
        "40001",  # serialization_failure
        "40P01",  # deadlock_detected
    }
)
_SQLITE: Final = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})


def is_conflict(error: Exception) -> bool:
    """Whether another transaction's work stands in the way; any other broken constraint is our own mistake."""
    code = getattr(error, "sqlite_errorcode", None)
    return code in _SQLITE or getattr(error, "sqlstate", None) in _POSTGRESQL


@contextmanager
def conflicts_of(*order_ids: UUID) -> Iterator[None]:
    """Turn a conflict inside the block, which is about these orders, into the core's word for it.

    Raises:
        ConcurrentUpdate: somebody else was faster with one of them (the first is named); the transaction cannot go on.
    """
    try:
        yield
    except database_errors() as error:
        if is_conflict(error):
            raise ConcurrentUpdate(order_ids[0]) from error
        raise
