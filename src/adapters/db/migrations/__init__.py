"""Alembic's scripts: explicit steps, each of which goes up and down."""
