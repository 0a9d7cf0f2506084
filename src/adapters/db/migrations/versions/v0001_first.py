"""The first schema: orders, their history and references, payment events, outbox."""

import sqlalchemy as sa
from alembic import op

from adapters.db.schema import Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_LIVE = sa.text("state IN ('token_issued', 'active')")
_DUE = sa.text("status = 'pending'")


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "orders",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("email_key", sa.String(320), nullable=False),
        sa.Column("plan", sa.String(64), nullable=False),
        sa.Column("clickid", sa.String(255), nullable=False),
        sa.Column("locale", sa.String(8), nullable=False),
        sa.Column("telegram_chat_id", sa.String(24)),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("token_version", sa.Integer(), nullable=False),
        sa.Column("telegram_user_id", sa.BigInteger()),
        sa.Column("first_paid_at", Moment()),
        sa.Column("access_until", Moment()),
        sa.Column("payment_status", sa.String(24), nullable=False),
        sa.Column("fulfillment_status", sa.String(16), nullable=False),
        sa.Column("checkout_session_id", sa.String(255)),
        sa.Column("provider_read_at", Moment()),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.UniqueConstraint("checkout_session_id", name="uq_orders_checkout_session_id"),
        sa.CheckConstraint(
            "state IN ('pending', 'token_issued', 'active', 'expired', 'revoked')", name=op.f("ck_orders_state")
        ),
        sa.CheckConstraint(
            "fulfillment_status IN ('pending', 'fulfilled', 'failed')", name=op.f("ck_orders_fulfillment_status")
        ),
    )
    op.create_index("ix_orders_email_key", "orders", ["email_key"])
    serving = ["access_until", "created_at", "id", "plan", "state"]
    op.create_index("ix_orders_gate", "orders", ["telegram_user_id", *serving])
    op.create_index("ix_orders_chat", "orders", ["telegram_chat_id", *serving])
    op.create_index("ix_orders_lapsing", "orders", ["access_until"], sqlite_where=_LIVE, postgresql_where=_LIVE)
    op.create_table(
        "order_history",
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("event_type", sa.String(32), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("from_state", sa.String(16), nullable=False),
        sa.Column("to_state", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("order_id", "sequence", name="pk_order_history"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_history_order_id"),
    )
    op.create_table(
        "order_references",
        sa.Column("reference", sa.String(255), nullable=False),
        sa.Column("order_id", sa.Uuid()),
        sa.PrimaryKeyConstraint("reference", name="pk_order_references"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_references_order_id"),
    )
    op.create_table(
        "payment_events",
        sa.Column("stripe_event_id", sa.String(255), nullable=False),
        sa.Column("event_type", sa.String(128), nullable=False),
        sa.Column("occurred_at", Moment(), nullable=False),
        sa.Column("received_at", Moment(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("notification", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid()),
        sa.UniqueConstraint("stripe_event_id", name="uq_payment_events_stripe_event_id"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_payment_events_order_id"),
    )
    op.create_index("ix_payment_events_order_id", "payment_events", ["order_id"])
    op.create_table(
        "parked_references",
        sa.Column("reference", sa.String(255), nullable=False),
        sa.Column("stripe_event_id", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("reference", "stripe_event_id", name="pk_parked_references"),
        sa.ForeignKeyConstraint(
            ["stripe_event_id"], ["payment_events.stripe_event_id"], name="fk_parked_references_stripe_event_id"
        ),
    )
    op.create_table(
        "outbox",
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
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
    )
    op.create_index("ix_outbox_order_id", "outbox", ["order_id"])
    op.create_index("ix_outbox_due", "outbox", ["due_at"], sqlite_where=_DUE, postgresql_where=_DUE)


def downgrade() -> None:
    """Drop everything."""
    for table in ("outbox", "parked_references", "payment_events", "order_references", "order_history", "orders"):
        op.drop_table(table)
