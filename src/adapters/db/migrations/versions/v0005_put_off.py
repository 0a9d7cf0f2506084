"""What a clock that ran ahead put off is found without a look at the reminders that wait for their day."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_PUT_OFF = sa.text(
    "status = 'pending' AND CASE WHEN substr(key, 1, 17) <> 'notice:ends_soon:'"
    " OR due_at > first_due_at OR due_at = created_at THEN 1 ELSE 0 END = 1"
)


def upgrade() -> None:
    """One index more."""
    op.create_index(
        "ix_outbox_put_off", "outbox", ["status", "due_at"], sqlite_where=_PUT_OFF, postgresql_where=_PUT_OFF
    )


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_outbox_put_off", "outbox")
