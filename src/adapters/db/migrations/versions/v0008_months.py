"""An event's key holds the moment of which it tells, so that on PostgreSQL a month of events can be a table.

A provider's event tells of one moment however often it is sent: each is still there once. What an event was parked by
is found by the event, too.
"""

import sqlalchemy as sa
from alembic import op

from adapters.db.schema import Moment

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_KEY = ["stripe_event_id", "occurred_at"]
_OF_EVENT = "fk_parked_references_stripe_event_id"
_OLD_UNIQUE, _UNIQUE = "uq_payment_events_stripe_event_id", "uq_payment_events_stripe_event_id_occurred_at"


def upgrade() -> None:
    """SQLite cannot alter a key: the tables are copied, the one without whose key the other could not be first."""
    with op.batch_alter_table("parked_references") as parked:
        parked.drop_constraint(_OF_EVENT, type_="foreignkey")
        parked.add_column(sa.Column("occurred_at", Moment()))
    op.execute("""
        UPDATE parked_references SET occurred_at = (
            SELECT e.occurred_at FROM payment_events AS e WHERE e.stripe_event_id = parked_references.stripe_event_id
        )
    """)
    with op.batch_alter_table("payment_events") as events:
        events.drop_constraint(_OLD_UNIQUE, type_="unique")
        events.create_unique_constraint(_UNIQUE, _KEY)
    with op.batch_alter_table("parked_references") as parked:
        parked.alter_column("occurred_at", existing_type=Moment(), nullable=False)
        parked.create_foreign_key(_OF_EVENT, "payment_events", _KEY, _KEY)
        parked.create_index("ix_parked_references_stripe_event_id", ["stripe_event_id"])


def downgrade() -> None:
    """Back. A table that is in months already refuses: its keys must hold the moment."""
    with op.batch_alter_table("parked_references") as parked:
        parked.drop_index("ix_parked_references_stripe_event_id")
        parked.drop_constraint(_OF_EVENT, type_="foreignkey")
        parked.drop_column("occurred_at")
    with op.batch_alter_table("payment_events") as events:
        events.drop_constraint(_UNIQUE, type_="unique")
        events.create_unique_constraint(_OLD_UNIQUE, ["stripe_event_id"])
    with op.batch_alter_table("parked_references") as parked:
        parked.create_foreign_key(_OF_EVENT, "payment_events", ["stripe_event_id"], ["stripe_event_id"])
