"""Restore by e-mail and tracking: challenges, the log of tracked events, and effects that no order owes.

The gate's indexes hold the order's language too, so that they still answer alone.
"""

import sqlalchemy as sa
from alembic import op

from adapters.db.schema import Moment

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_DUE = sa.text("status = 'pending'")
_SERVING = ["access_until", "created_at", "id", "plan", "state"]


def upgrade() -> None:
    """Create both tables, and widen what is there."""
    op.create_table(
        "restore_challenges",
        sa.Column("address", sa.String(320), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("issued", sa.Text(), nullable=False),
        sa.Column("issued_at", Moment(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("spent", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("address", name="pk_restore_challenges"),
        sa.UniqueConstraint("id", name="uq_restore_challenges_id"),
    )
    op.create_index("ix_restore_challenges_issued_at", "restore_challenges", ["issued_at"])
    op.create_table(
        "tracking_events",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("clickid", sa.String(255)),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("settled_at", Moment()),
        sa.PrimaryKeyConstraint("id", name="pk_tracking_events"),
        sa.CheckConstraint(
            "outcome IN ('queued', 'delivered', 'failed', 'merged', 'refused')", name=op.f("ck_tracking_events_outcome")
        ),
    )
    op.create_index("ix_tracking_events_received_at", "tracking_events", ["received_at"])
    op.create_index("ix_tracking_events_clickid", "tracking_events", ["clickid"])
    _let_outbox_order_be_null(nullable=True)
    _index_gate([*_SERVING, "locale"])


def downgrade() -> None:
    """Back; effects that no order owes are dropped with what they were about."""
    _index_gate(_SERVING)
    op.execute("DELETE FROM outbox WHERE order_id IS NULL")
    _let_outbox_order_be_null(nullable=False)
    op.drop_table("tracking_events")
    op.drop_table("restore_challenges")


def _index_gate(columns: list[str]) -> None:
    op.drop_index("ix_orders_gate", "orders")
    op.create_index("ix_orders_gate", "orders", ["telegram_user_id", *columns])
    op.drop_index("ix_orders_chat", "orders")
    op.create_index("ix_orders_chat", "orders", ["telegram_chat_id", "telegram_user_id", *columns])


def _let_outbox_order_be_null(*, nullable: bool) -> None:
    """SQLite cannot alter a column: the table is copied, with everything that hangs on it spelled out."""
    as_it_was = sa.Table(
        "outbox",
        sa.MetaData(),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=not nullable),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("lease_id", sa.Uuid()),
        sa.Column("settled_at", Moment()),
        sa.Column("last_error", sa.Text()),
        sa.PrimaryKeyConstraint("key", name="pk_outbox"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_outbox_order_id"),
        sa.CheckConstraint("status IN ('pending', 'delivered', 'skipped', 'dead')", name=op.f("ck_outbox_status")),
        sa.Index("ix_outbox_order_id", "order_id"),
        sa.Index("ix_outbox_due", "due_at", sqlite_where=_DUE),
    )
    sa.Table("orders", as_it_was.metadata, sa.Column("id", sa.Uuid(), primary_key=True))
    with op.batch_alter_table("outbox", copy_from=as_it_was) as outbox:
        outbox.alter_column("order_id", existing_type=sa.Uuid(), nullable=nullable)
