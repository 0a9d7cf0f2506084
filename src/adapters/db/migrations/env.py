"""Runs Alembic's scripts on the connection that `adapters.db.migrate` hands over."""

from alembic import context

from adapters.db.schema import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
context.run_migrations()
