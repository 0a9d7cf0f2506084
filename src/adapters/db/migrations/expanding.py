"""What a migration does to a table that the service is writing to, so that nobody waits for it.

A plain `CREATE INDEX` keeps all writers out until it is done: minutes on a large table. PostgreSQL builds one beside
them (CONCURRENTLY), in no transaction: what came before it in the same migration is committed first, so such a
migration must bear to be run again from its beginning. Let it do nothing else.
"""

from collections.abc import Sequence
from typing import Final

from alembic import op
from sqlalchemy import Connection, text

_IS_INVALID: Final = text("SELECT NOT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
_IS_IN_PARTS: Final = text("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(:name)")
_PARTS: Final = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(:name) ORDER BY 1")
_NAME_BYTES: Final = 63  # PostgreSQL cuts longer ones


def create_index(name: str, table: str, columns: Sequence[str], *, where: str = "") -> None:
    """An index of a table that is in use; on SQLite, which has one writer anyway, a plain one.

    On PostgreSQL it waits for transactions that are older than it, as long as they last, and keeps nobody waiting.
    A table in parts (`payment_events` in months) gets it part by part. What an interrupted run has left is done anew.
    """
    of = f"({', '.join(columns)})" + (f" WHERE {where}" if where else "")
    connection = op.get_bind()
    if connection.dialect.name != "postgresql":
        op.execute(f"CREATE INDEX {name} ON {table} {of}")
        return
    with op.get_context().autocommit_block():
        connection = op.get_bind()
        if connection.execute(_IS_IN_PARTS, {"name": table}).scalar_one_or_none():
            op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON ONLY {table} {of}")  # valid once each part has one
            for part in connection.execute(_PARTS, {"name": table}).scalars().all():
                of_part = f"{name}_{part}"[:_NAME_BYTES]
                _beside_writers(connection, of_part, part, of)
                op.execute(f"ALTER INDEX {name} ATTACH PARTITION {of_part}")
        else:
            _beside_writers(connection, name, table, of)


def _beside_writers(connection: Connection, name: str, table: str, of: str) -> None:
    if connection.execute(_IS_INVALID, {"name": name}).scalar_one_or_none():
        op.execute(f"DROP INDEX CONCURRENTLY {name}")
    op.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {name} ON {table} {of}")
