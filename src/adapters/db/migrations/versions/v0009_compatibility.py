"""A schema says which versions of the code it serves: the old ones go on while a new one is rolled out."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

serves_from = "0009"
gap = "code of 0008 and before does not read this table: it is ready on its own schema alone"


def upgrade() -> None:
    """A row for each revision from this one on; `env.py` writes it."""
    op.create_table(
        "schema_compatibility",
        sa.Column("revision", sa.String(32), nullable=False),
        sa.Column("serves_from", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("revision", name="pk_schema_compatibility"),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("schema_compatibility")
