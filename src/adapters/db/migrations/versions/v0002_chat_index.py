"""The gate's second question gets an index that answers it alone: unredeemed orders, by the chat that they named."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SERVING = ["access_until", "created_at", "id", "plan", "state"]


def upgrade() -> None:
    """With the redeemer, who must be nobody."""
    op.drop_index("ix_orders_chat", "orders")
    op.create_index("ix_orders_chat", "orders", ["telegram_chat_id", "telegram_user_id", *_SERVING])


def downgrade() -> None:
    """Without."""
    op.drop_index("ix_orders_chat", "orders")
    op.create_index("ix_orders_chat", "orders", ["telegram_chat_id", *_SERVING])
