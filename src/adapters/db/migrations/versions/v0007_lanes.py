"""What is due is found for each lane by itself: many rows of one do not hide those of another."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_DUE = sa.text("status = 'pending'")
_LANES = {
    "notice:%:email:%": "mail_notice",
    "notice:%:chat:%": "chat_notice",
    "activation_message:%": "chat",
    "mobi_slon:%": "click_tracker",
    "tracked_event:%": "click_tracker",  # an ad platform's, too: the key does not say, and they are delivered soon
    "look_up:%": "provider",
}


def upgrade() -> None:
    """The lane of each row, but of those that are delivered: nothing brings them back."""
    op.add_column("outbox", sa.Column("lane", sa.String(16), nullable=False, server_default="mail"))
    outbox = sa.table("outbox", sa.column("key"), sa.column("status"), sa.column("lane"))
    for keys, lane in _LANES.items():
        rows = sa.and_(outbox.c.status != "delivered", outbox.c.key.like(keys))
        op.execute(sa.update(outbox).where(rows).values(lane=lane))
    _index("lane", "due_at")


def downgrade() -> None:
    """Back."""
    _index("due_at")
    op.drop_column("outbox", "lane")


def _index(*columns: str) -> None:
    op.drop_index("ix_outbox_due", "outbox")
    op.create_index("ix_outbox_due", "outbox", list(columns), sqlite_where=_DUE, postgresql_where=_DUE)
