"""What operators and chores ask: since when an effect is owed, what is parked, who pays twice, and what was done.

New columns are filled from what is there; new indexes answer the questions of `archive.py` and `watch.py`.
"""

import sqlalchemy as sa
from alembic import op

from adapters.db.schema import Moment

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_DUE = sa.text("status = 'pending'")
_LIVE = "state IN ('token_issued', 'active')"
_STATES = ("pending", "token_issued", "active", "expired", "revoked")
_STATUSES = ("pending", "delivered", "skipped", "dead")
_PARTIAL = {
    **{f"ix_orders_{state}": ("orders", ["created_at", "id", "state"], f"state = '{state}'") for state in _STATES},
    **{f"ix_outbox_{status}": ("outbox", ["created_at", "key"], f"status = '{status}'") for status in _STATUSES},
    "ix_orders_open_sessions": (
        "orders",
        ["provider_read_at", "created_at", "checkout_session_id"],
        "state = 'pending' AND fulfillment_status = 'pending' AND checkout_session_id IS NOT NULL",
    ),
    "ix_orders_shut_out": ("orders", ["access_until"], "state NOT IN ('token_issued', 'active')"),
    "ix_orders_unpaid": ("orders", ["first_paid_at", "id", "state"], f"{_LIVE} AND first_paid_at IS NULL"),
    "ix_orders_subscribed": (
        "orders",
        ["email_key", "live_subscription_id", "id", "state"],
        f"{_LIVE} AND live_subscription_id IS NOT NULL",
    ),
    "ix_payment_events_waiting": ("payment_events", ["waiting_since"], "waiting_since IS NOT NULL"),
    "ix_outbox_first_due": ("outbox", ["first_due_at"], "status = 'pending'"),
}
_SUBSCRIPTIONS = {
    "sqlite": """
        UPDATE orders SET live_subscription_id = json_extract(facts, '$.subscription_id')
        WHERE first_paid_at IS NOT NULL AND json_extract(facts, '$.subscription_ended_at') IS NULL
    """,
    "postgresql": """
        UPDATE orders SET live_subscription_id = facts::json ->> 'subscription_id'
        WHERE first_paid_at IS NOT NULL AND facts::json ->> 'subscription_ended_at' IS NULL
    """,
}


def upgrade() -> None:
    """Widen what is there, fill it, index it; then the two new tables."""
    op.add_column("orders", sa.Column("live_subscription_id", sa.String(255)))
    op.execute(_SUBSCRIPTIONS[op.get_bind().dialect.name])
    op.add_column("payment_events", sa.Column("set_aside_at", Moment()))
    op.add_column("payment_events", sa.Column("waiting_since", Moment()))
    op.execute("""
        UPDATE payment_events SET waiting_since = received_at
        WHERE order_id IS NULL AND stripe_event_id IN (SELECT stripe_event_id FROM parked_references)
    """)
    op.add_column("outbox", sa.Column("created_at", Moment()))
    op.add_column("outbox", sa.Column("first_due_at", Moment()))
    op.execute("UPDATE outbox SET created_at = due_at, first_due_at = due_at")
    _require_times_of_outbox()
    for name, (table, columns, condition) in _PARTIAL.items():
        _create_partial_index(name, table, columns, condition)
    _index_lapsing(["access_until", "state"])
    op.create_table(
        "operator_acts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", Moment(), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("act", sa.String(64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid()),
        sa.PrimaryKeyConstraint("id", name="pk_operator_acts"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_operator_acts_order_id"),
    )
    op.create_index("ix_operator_acts_order_id", "operator_acts", ["order_id"])
    op.create_table(
        "reconciliation",
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("cursor_at", Moment()),
        sa.Column("claimed_at", Moment()),
        sa.PrimaryKeyConstraint("provider", name="pk_reconciliation"),
    )


def downgrade() -> None:
    """Back; what operators did and how far the provider's list was read is forgotten."""
    op.drop_table("reconciliation")
    op.drop_table("operator_acts")
    for name, (table, _columns, _condition) in _PARTIAL.items():
        op.drop_index(name, table)
    _index_lapsing(["access_until"])
    op.drop_column("outbox", "first_due_at")
    op.drop_column("outbox", "created_at")
    op.drop_column("payment_events", "waiting_since")
    op.drop_column("payment_events", "set_aside_at")
    op.drop_column("orders", "live_subscription_id")


def _create_partial_index(name: str, table: str, columns: list[str], condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)


def _index_lapsing(columns: list[str]) -> None:
    """With the state in it, it can be counted on SQLite without a look at the orders."""
    op.drop_index("ix_orders_lapsing", "orders")
    _create_partial_index("ix_orders_lapsing", "orders", columns, _LIVE)


def _require_times_of_outbox() -> None:
    """SQLite cannot alter a column: the table is copied, with everything that hangs on it spelled out."""
    as_it_was = sa.Table(
        "outbox",
        sa.MetaData(),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("order_id", sa.Uuid()),
        sa.Column("effect", sa.Text(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("lease_id", sa.Uuid()),
        sa.Column("settled_at", Moment()),
        sa.Column("last_error", sa.Text()),
        sa.Column("created_at", Moment()),
        sa.Column("first_due_at", Moment()),
        sa.PrimaryKeyConstraint("key", name="pk_outbox"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_outbox_order_id"),
        sa.CheckConstraint("status IN ('pending', 'delivered', 'skipped', 'dead')", name=op.f("ck_outbox_status")),
        sa.Index("ix_outbox_order_id", "order_id"),
        sa.Index("ix_outbox_due", "due_at", sqlite_where=_DUE),
    )
    sa.Table("orders", as_it_was.metadata, sa.Column("id", sa.Uuid(), primary_key=True))
    with op.batch_alter_table("outbox", copy_from=as_it_was) as outbox:
        outbox.alter_column("created_at", existing_type=Moment(), nullable=False)
        outbox.alter_column("first_due_at", existing_type=Moment(), nullable=False)
