"""Migrations say whom they serve, and do nothing that those would not bear."""

import pytest

from adapters.db.migrate import migrate, schema_of
from adapters.db.schema_version import FIRST_THAT_SAYS, head_revision, revisions
from tests.integration.upgrade.rule import faults, migrations, retired_until, sent


@pytest.mark.parametrize("engine_name", ["postgresql"])
async def test_migrations_do_only_what_an_old_version_bears(empty_database_url: str, engine_name: str) -> None:
    """Each of them as it is sent to PostgreSQL; one with a gap says why, and may do more."""
    await migrate(empty_database_url, revisions()[revisions().index(FIRST_THAT_SAYS) - 1])
    for one in migrations():
        with sent() as statements:
            await migrate(empty_database_url, one.revision)
        assert any("alembic_version" in statement for statement in statements), "nothing was heard"
        if not hasattr(one.module, "gap"):
            assert faults(statements, retired=retired_until(one.module.serves_from)) == []


def test_migrations_say_whom_they_serve() -> None:
    """Each a version that there is, never an older one than the migration before; its own only with a reason."""
    before = FIRST_THAT_SAYS
    for one in migrations():
        serves_from = one.module.serves_from
        assert before <= serves_from <= one.revision
        assert serves_from in revisions()
        assert (serves_from == one.revision) == bool(getattr(one.module, "gap", "")), one.revision
        before = serves_from


async def test_database_says_what_the_migration_declares(database_url: str) -> None:
    """Of the revision that it is at, and of those before it."""
    schema = await schema_of(database_url)
    assert (schema.revision, schema.serves_from) == (head_revision(), migrations()[-1].module.serves_from)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE orders ADD COLUMN note VARCHAR(10)",
        "ALTER TABLE orders ADD COLUMN note VARCHAR(10) DEFAULT 'x' NOT NULL",
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_orders_note ON orders (note) WHERE note IS NOT NULL",
        "DROP INDEX CONCURRENTLY ix_orders_note",
        "ALTER TABLE orders ADD CONSTRAINT ck_note CHECK (note <> '') NOT VALID",
        "ALTER TABLE orders VALIDATE CONSTRAINT ck_note",
        "ALTER TABLE orders ALTER COLUMN clickid DROP NOT NULL",
        "UPDATE alembic_version SET version_num='0010' WHERE alembic_version.version_num = '0009'",
        "ALTER TABLE orders DROP COLUMN retired",
        "\nCREATE TABLE more (\n\tid INTEGER NOT NULL\n)\n\n",
    ],
)
def test_what_adds_is_allowed(statement: str) -> None:
    """Old code neither waits for it nor meets it."""
    assert faults([statement], retired={"orders.retired"}) == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE orders ADD COLUMN note VARCHAR(10) NOT NULL",
        "ALTER TABLE orders ADD COLUMN note UUID DEFAULT gen_random_uuid() NOT NULL",
        "ALTER TABLE orders ADD COLUMN other UUID REFERENCES orders (id)",
        "CREATE INDEX ix_orders_note ON orders (note)",
        "CREATE UNIQUE INDEX ix_orders_note ON orders (note)",
        "ALTER TABLE orders DROP COLUMN locale",
        "DROP TABLE outbox",
        "ALTER TABLE orders RENAME COLUMN locale TO language",
        "ALTER TABLE orders RENAME TO purchases",
        "ALTER TABLE orders ALTER COLUMN locale TYPE TEXT",
        "ALTER TABLE orders ALTER COLUMN telegram_chat_id SET NOT NULL",
        "ALTER TABLE orders ADD CONSTRAINT ck_note CHECK (note <> '')",
        "ALTER TABLE orders ADD CONSTRAINT uq_orders_note UNIQUE (note)",
        "UPDATE orders SET note = 'x'",
        "DELETE FROM outbox WHERE status = 'delivered'",
        "DROP INDEX ix_orders_gate",
        "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE",
    ],
)
def test_what_breaks_or_locks_is_found(statement: str) -> None:
    """Each by itself."""
    assert len(faults([statement])) == 1


def test_index_of_a_table_that_is_new_keeps_nobody_waiting() -> None:
    """Nobody knows the table yet."""
    assert faults(["CREATE TABLE more (id INTEGER)", "CREATE INDEX ix_more_id ON more (id)"]) == []
