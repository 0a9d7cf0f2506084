"""Runs Alembic's scripts on the connection that `adapters.db.migrate` hands over, and writes down whom each serves."""

from alembic import context
from alembic.runtime.migration import MigrationContext, MigrationInfo
from alembic.script import Script
from sqlalchemy import delete, insert

from adapters.db.schema import metadata, schema_compatibility
from adapters.db.schema_version import FIRST_THAT_SAYS


def _note(ctx: MigrationContext, step: MigrationInfo, heads: object, run_args: object) -> None:  # noqa: ARG001  - Alembic names them
    """In the step's own transaction: from here on, or no longer, the database says this of the revision."""
    script = step.up_revision
    if ctx.connection is None or not isinstance(script, Script) or script.revision < FIRST_THAT_SAYS:
        return
    if step.is_upgrade:
        row = {"revision": script.revision, "serves_from": script.module.serves_from}
        ctx.connection.execute(insert(schema_compatibility).values(row))
    elif script.revision > FIRST_THAT_SAYS:  # with the first, the table has gone
        ctx.connection.execute(delete(schema_compatibility).where(schema_compatibility.c.revision == script.revision))


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    # Where a transaction is open already (SQLite), all steps are in it. Else each has its own on the way up: no lock
    # outlives it. On the way down, which is for those who know what they do, it is all of them or none.
    transaction_per_migration=context.config.attributes["each_by_itself"],
    on_version_apply=_note,
)
with context.begin_transaction():
    context.run_migrations()
