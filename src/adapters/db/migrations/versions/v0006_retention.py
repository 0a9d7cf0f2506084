"""What is old is found without a look at what is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_DONE_WITH = sa.text("waiting_since IS NULL")
_FORGETTABLE = sa.text(
    "status IN ('delivered', 'skipped') AND substr(key, 1, 13) <> 'access_email:'"
    " AND substr(key, 1, 19) <> 'activation_message:' AND substr(key, 1, 22) <> 'mobi_slon:pay_success:'"
)


def upgrade() -> None:
    """Two indexes more."""
    op.create_index(
        "ix_payment_events_done_with",
        "payment_events",
        ["received_at"],
        sqlite_where=_DONE_WITH,
        postgresql_where=_DONE_WITH,
    )
    op.create_index(
        "ix_outbox_forgettable", "outbox", ["settled_at"], sqlite_where=_FORGETTABLE, postgresql_where=_FORGETTABLE
    )


def downgrade() -> None:
    """Back."""
    op.drop_index("ix_outbox_forgettable", "outbox")
    op.drop_index("ix_payment_events_done_with", "payment_events")
