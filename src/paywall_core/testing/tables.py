"""What the in-memory store holds."""

from copy import copy
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from paywall_core.effects import Effect
from paywall_core.notification import PaymentNotification
from paywall_core.order import HistoryEntry, Order
from paywall_core.ports.unit_of_work import DeliveryStatus, OperatorAct
from paywall_core.restore_challenge import RestoreChallenge
from paywall_core.tracking import TrackingAttempt


class OutboxRow(Struct, frozen=True, kw_only=True):
    """One row of the outbox, as a test may look at it."""

    key: str
    effect: Effect
    status: DeliveryStatus
    attempts: int
    due_at: datetime
    created_at: datetime
    first_due_at: datetime
    settled_at: datetime | None = None
    lease_id: UUID | None = None
    error: str | None = None


class StoredEvent(Struct, frozen=True, kw_only=True):
    """An event of the payment provider; without an order it is parked."""

    notification: PaymentNotification
    order_id: UUID | None
    received_at: datetime
    set_aside_at: datetime | None = None


class Tables:
    """Everything that is stored. Values are immutable, so a copy of each collection is a snapshot."""

    def __init__(self) -> None:
        self.orders: dict[UUID, Order] = {}
        self.history: dict[UUID, tuple[HistoryEntry, ...]] = {}
        self.references: dict[str, UUID | None] = {}
        self.events: dict[str, StoredEvent] = {}
        self.restore_challenges: dict[str, RestoreChallenge] = {}
        self.tracking_log: dict[UUID, TrackingAttempt] = {}
        self.outbox: dict[str, OutboxRow] = {}
        self.operator_acts: list[OperatorAct] = []
        self.reconciled: dict[str, datetime] = {}

    def snapshot(self) -> "Tables":
        """A copy that can be changed without touching this one."""
        tables = Tables()
        for name, table in vars(self).items():
            setattr(tables, name, copy(table))
        return tables
