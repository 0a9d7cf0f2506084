"""The tables. One schema for SQLite and PostgreSQL; `migrations/` brings a database to it.

Besides an order's facts, `orders` holds what follows from them as columns (`access_until`, `payment_status`, …): they
are written with each change and are what the hot paths and the sweep read. The database repeats the laws: unique
provider events, a unique sequence in each order's history, unique outbox keys, and only known words for states.
"""

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TextClause,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
    text,
)

from paywall_core.effects import REMEMBERED_KEYS, REMINDER_KEYS, Lane
from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.tracking import TrackingOutcome

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(TypeDecorator[datetime]):
    """An aware UTC time with microseconds. SQLite has no such type: there it is a text that sorts as it should."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """A fixed-width text on SQLite, `timestamptz` elsewhere."""
        return dialect.type_descriptor(String(26) if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """An aware time to what the database stores. A naive one is a mistake: nobody knows whose clock it means."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        if dialect.name != "sqlite":
            return value
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """What the database stores to an aware time."""
        if value is None:
            return None
        if dialect.name != "sqlite":
            moment: datetime = value
            return moment.astimezone(UTC)
        return datetime.fromisoformat(value).replace(tzinfo=UTC)


def _one_of(column: str, words: Any) -> str:
    return f"{column} IN ({', '.join(repr(str(word)) for word in words)})"


# The partial indexes' conditions. Queries must repeat them word for word: with bound parameters in their place
# a planner cannot see that the index holds all that is asked for, and reads the whole table. Each state has an index of
# its own: SQLite would take one that begins with the state for every question that names one, the sweep's included.
# Where an index is to answer alone, the state stands in it too: SQLite reads it again, though the condition says it.
_LIVE: Final = _one_of("state", (State.TOKEN_ISSUED, State.ACTIVE))
LIVE: Final = text(_LIVE)
NOT_LIVE: Final = text(_LIVE.replace(" IN ", " NOT IN "))
IN_STATE: Final = {state: text(f"state = '{state}'") for state in State}
UNPAID: Final = text(f"{_LIVE} AND first_paid_at IS NULL")
SUBSCRIBED: Final = text(f"{_LIVE} AND live_subscription_id IS NOT NULL")
OPEN: Final = text("state = 'pending' AND fulfillment_status = 'pending' AND checkout_session_id IS NOT NULL")
IN_STATUS: Final = {status: text(f"status = '{status}'") for status in DeliveryStatus}
DUE: Final = IN_STATUS[DeliveryStatus.PENDING]
WAITING: Final = text("waiting_since IS NOT NULL")
DONE_WITH: Final = text("waiting_since IS NULL")
# All that is owed but the reminders that wait for their day, which are many: a reminder was put off when a try, or a
# worker's lease, moved it on, or when it was due the moment it was written. Not LIKE: SQLite reads that without regard
# to case. A CASE: PostgreSQL believes that nearly all rows differ from a text, but few of them equal a number, and
# would else read `ix_outbox_due`, reminders and all.
PUT_OFF: Final = text(
    f"status = '{DeliveryStatus.PENDING}' AND CASE WHEN substr(key, 1, {len(REMINDER_KEYS)}) <> '{REMINDER_KEYS}'"
    " OR due_at > first_due_at OR due_at = created_at THEN 1 ELSE 0 END = 1"
)

FORGETTABLE: Final = text(
    f"status IN ('{DeliveryStatus.DELIVERED}', '{DeliveryStatus.SKIPPED}')"
    + "".join(f" AND substr(key, 1, {len(start)}) <> '{start}'" for start in REMEMBERED_KEYS)
)


def _partial(name: str, *columns: str, where: TextClause) -> Index:
    """An index of the rows of which the condition holds, on either database."""
    return Index(name, *columns, sqlite_where=where, postgresql_where=where)


orders = Table(
    "orders",
    metadata,
    Column("id", Uuid(), primary_key=True),
    Column("version", Integer(), nullable=False),
    Column("email", String(320), nullable=False),
    Column("email_key", String(320), nullable=False, index=True),
    Column("plan", String(64), nullable=False),
    Column("clickid", String(255), nullable=False),
    Column("locale", String(8), nullable=False),
    Column("telegram_chat_id", String(24)),
    Column("created_at", Moment(), nullable=False),
    Column("facts", Text(), nullable=False),
    Column("state", String(16), nullable=False),
    Column("token_version", Integer(), nullable=False),
    Column("telegram_user_id", BigInteger()),
    Column("first_paid_at", Moment()),
    Column("access_until", Moment()),
    Column("payment_status", String(24), nullable=False),
    Column("fulfillment_status", String(16), nullable=False),
    Column("checkout_session_id", String(255)),
    Column("provider_read_at", Moment()),
    Column("live_subscription_id", String(255)),
    CheckConstraint(_one_of("state", State), name="state"),
    CheckConstraint(_one_of("fulfillment_status", FulfillmentStatus), name="fulfillment_status"),
    UniqueConstraint("checkout_session_id"),
    Index("ix_orders_gate", "telegram_user_id", "access_until", "created_at", "id", "plan", "state", "locale"),
    Index(
        "ix_orders_chat",
        "telegram_chat_id",
        "telegram_user_id",
        "access_until",
        "created_at",
        "id",
        "plan",
        "state",
        "locale",
    ),
    *(
        _partial(f"ix_orders_{state}", "created_at", "id", "state", where=condition)
        for state, condition in IN_STATE.items()
    ),
    _partial("ix_orders_lapsing", "access_until", "state", where=LIVE),
    _partial("ix_orders_open_sessions", "provider_read_at", "created_at", "checkout_session_id", where=OPEN),
    # These three hold what must never be, and what is looked through for it: the first two are all but empty.
    _partial("ix_orders_shut_out", "access_until", where=NOT_LIVE),
    _partial("ix_orders_unpaid", "first_paid_at", "id", "state", where=UNPAID),
    _partial("ix_orders_subscribed", "email_key", "live_subscription_id", "id", "state", where=SUBSCRIBED),
)

SERVES_BEST: Final = (orders.c.access_until.desc().nulls_last(), orders.c.created_at.desc(), orders.c.id.desc())
"""The order that serves somebody best first: whose access reaches furthest, then the newest."""

order_history = Table(
    "order_history",
    metadata,
    Column("order_id", Uuid(), ForeignKey("orders.id"), primary_key=True),
    Column("sequence", Integer(), primary_key=True, autoincrement=False),
    Column("at", Moment(), nullable=False),
    Column("event_type", String(32), nullable=False),
    Column("event", Text(), nullable=False),
    Column("from_state", String(16), nullable=False),
    Column("to_state", String(16), nullable=False),
    Column("cause", String(255), nullable=False),
)

order_references = Table(
    "order_references",
    metadata,
    Column("reference", String(255), primary_key=True),
    Column("order_id", Uuid(), ForeignKey("orders.id")),
)

payment_events = Table(
    "payment_events",
    metadata,
    Column("stripe_event_id", String(255), nullable=False),
    Column("event_type", String(128), nullable=False),
    Column("occurred_at", Moment(), nullable=False),
    Column("received_at", Moment(), nullable=False),
    Column("payload", LargeBinary(), nullable=False),
    Column("notification", Text(), nullable=False),
    Column("order_id", Uuid(), ForeignKey("orders.id"), index=True),
    Column("set_aside_at", Moment()),
    Column("waiting_since", Moment()),  # while it is parked, and nobody has set it aside
    # An event tells of one moment: each is there once. A table in months (`partitions.py`) needs the moment in its key.
    UniqueConstraint("stripe_event_id", "occurred_at"),
    _partial("ix_payment_events_waiting", "waiting_since", where=WAITING),
    _partial("ix_payment_events_done_with", "received_at", where=DONE_WITH),
)

parked_references = Table(
    "parked_references",
    metadata,
    Column("reference", String(255), primary_key=True),
    Column("stripe_event_id", String(255), primary_key=True, index=True),
    Column("occurred_at", Moment(), nullable=False),  # the event's
    ForeignKeyConstraint(
        ["stripe_event_id", "occurred_at"], ["payment_events.stripe_event_id", "payment_events.occurred_at"]
    ),
)

outbox = Table(
    "outbox",
    metadata,
    Column("key", String(255), primary_key=True),
    Column("order_id", Uuid(), ForeignKey("orders.id"), index=True),
    Column("effect", Text(), nullable=False),
    Column("status", String(16), nullable=False),
    Column("attempts", Integer(), nullable=False),
    Column("due_at", Moment(), nullable=False),
    Column("lease_id", Uuid()),
    Column("settled_at", Moment()),
    Column("last_error", Text()),
    Column("created_at", Moment(), nullable=False),
    Column("first_due_at", Moment(), nullable=False),  # `due_at` before any try moved it
    # Mail also for what an older process writes while it runs beside a new one: whatever it is, it is delivered.
    Column("lane", String(16), nullable=False, server_default=str(Lane.MAIL)),
    CheckConstraint(_one_of("status", DeliveryStatus), name="status"),
    _partial("ix_outbox_due", "lane", "due_at", where=DUE),
    _partial("ix_outbox_first_due", "first_due_at", where=DUE),
    _partial("ix_outbox_forgettable", "settled_at", where=FORGETTABLE),
    # The status leads, though the condition says it: SQLite would toss a coin between this one and `ix_outbox_due`.
    _partial("ix_outbox_put_off", "status", "due_at", where=PUT_OFF),
    *(_partial(f"ix_outbox_{status}", "created_at", "key", where=condition) for status, condition in IN_STATUS.items()),
)

restore_challenges = Table(
    "restore_challenges",
    metadata,
    Column("address", String(320), primary_key=True),
    Column("id", Uuid(), nullable=False),
    Column("issued", Text(), nullable=False),
    Column("issued_at", Moment(), nullable=False, index=True),
    Column("tries", Integer(), nullable=False),
    Column("spent", Boolean(), nullable=False),
    UniqueConstraint("id"),
)

tracking_events = Table(
    "tracking_events",
    metadata,
    Column("id", Uuid(), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", String(64), nullable=False),
    Column("clickid", String(255), index=True),
    Column("received_at", Moment(), nullable=False, index=True),
    Column("event", Text(), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("reason", Text()),
    Column("settled_at", Moment()),
    CheckConstraint(_one_of("outcome", TrackingOutcome), name="outcome"),
)

operator_acts = Table(
    "operator_acts",
    metadata,
    Column("id", Integer(), primary_key=True),
    Column("at", Moment(), nullable=False),
    Column("by", String(255), nullable=False),
    Column("why", Text(), nullable=False),
    Column("act", String(64), nullable=False),
    Column("subject", Text(), nullable=False),
    Column("order_id", Uuid(), ForeignKey("orders.id"), index=True),
)

reconciliation = Table(
    "reconciliation",
    metadata,
    Column("provider", String(32), primary_key=True),
    Column("cursor_at", Moment()),
    Column("claimed_at", Moment()),
)

schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column("revision", String(32), primary_key=True),
    Column("serves_from", String(32), nullable=False),  # the oldest version of the code that the revision serves
)
