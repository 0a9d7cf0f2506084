"""The gate's second question covers itself: orders that nobody redeemed, by the chat that they named."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SERVING = ["telegram_chat_id", "access_until", "created_at", "id", "plan", "state"]
_UNREDEEMED = sa.text("telegram_user_id IS NULL")


def upgrade() -> None:
    """Only orders that wait for their user, so that the index alone answers."""
    op.drop_index("ix_orders_chat", "orders")
    op.create_index("ix_orders_chat", "orders", _SERVING, sqlite_where=_UNREDEEMED, postgresql_where=_UNREDEEMED)


def downgrade() -> None:
    """All orders again."""
    op.drop_index("ix_orders_chat", "orders")
    op.create_index("ix_orders_chat", "orders", _SERVING)
