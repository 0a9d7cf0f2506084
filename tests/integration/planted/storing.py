"""Defects in what is stored, delivered and taken in."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from msgspec import structs
from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from adapters.db.orders import SqlOrders
from adapters.db.outbox import SqlOutbox
from adapters.db.payment_events import SqlPaymentEvents
from adapters.db.rows import OUTBOX_COLUMNS, outbox_row
from adapters.db.schema import outbox
from adapters.db.statements import Statement
from adapters.db.unit_of_work import SqlUnitOfWork
from paywall_core.effects import Effect
from paywall_core.notification import PaymentNotification
from paywall_core.order import Change, Order
from paywall_core.ports.unit_of_work import (
    AddedEvents,
    Delivery,
    DeliveryStatus,
    EndedDelivery,
    Settlement,
    UnitOfWork,
)
from paywall_core.use_cases.deliver_outbox import DeliverOutbox
from paywall_core.use_cases.delivering import Unwanted
from paywall_core.use_cases.record_payment import RecordedPayment, RecordPayment

# How what is owed is stored.


def outbox_after_commit(patch: pytest.MonkeyPatch) -> None:
    """What is owed is written after the commit."""
    real, real_save = SqlUnitOfWork.commit, SqlOrders.save

    async def enqueue(self: SqlOutbox, effects: Sequence[Effect], *, now: datetime) -> None:
        self.__dict__.setdefault("later", []).extend(outbox_row(effect, now=now) for effect in effects)

    async def save(self: SqlOrders, *changes: Change) -> None:
        await real_save(self, *(structs.replace(change, effects=()) for change in changes))
        for change in changes:
            if change.effects:
                await enqueue(self._outbox, change.effects, now=change.at)

    async def commit(self: SqlUnitOfWork) -> None:
        await real(self)
        rows = self.outbox.__dict__.pop("later", [])
        if rows:
            async with self._pool.writing() as connection:
                statement = sqlite_insert(outbox).on_conflict_do_nothing()
                await connection.each(Statement(statement, columns=OUTBOX_COLUMNS), rows)

    patch.setattr(SqlOutbox, "enqueue", enqueue)
    patch.setattr(SqlOrders, "save", save)
    patch.setattr(SqlUnitOfWork, "commit", commit)


def commit_on_the_way_out(patch: pytest.MonkeyPatch) -> None:
    """A transaction that failed is committed."""
    real = SqlUnitOfWork.__aexit__

    async def leave(self: SqlUnitOfWork, *arguments: Any) -> None:
        if arguments[0] is not None and issubclass(arguments[0], Exception) and not self._connection.is_clean:
            await self._connection.commit()
        await real(self, *arguments)

    patch.setattr(SqlUnitOfWork, "__aexit__", leave)


def lease_of_nobody(patch: pytest.MonkeyPatch) -> None:
    """Two workers take the same row."""
    real = SqlOutbox.lease

    async def lease(self: SqlOutbox, *, now: datetime, lease_id: UUID, **more: Any) -> Any:
        taken = await real(self, now=now, lease_id=lease_id, **more)
        keys = [one.key for one in taken]
        free = Statement(update(outbox).where(outbox.c.key == bindparam("of")).values(due_at=now))
        await self._connection.each(free, [{"of": key} for key in keys])
        return taken

    patch.setattr(SqlOutbox, "lease", lease)


def lease_for_ever(patch: pytest.MonkeyPatch) -> None:
    """A killed worker's rows never come back."""
    real = SqlOutbox.lease

    async def lease(self: SqlOutbox, *, now: datetime, lease_id: UUID, **more: Any) -> Any:
        held = select(outbox.c.key).where(outbox.c.lease_id.is_not(None))
        taken = {row.key for row in await self._connection.all(Statement(held))}
        found = await real(self, now=now, lease_id=lease_id, **more)
        return [one for one in found if one.key not in taken]

    patch.setattr(SqlOutbox, "lease", lease)


def settled_by_whoever(patch: pytest.MonkeyPatch) -> None:
    """A worker whose lease ran out settles the row."""

    async def settle(self: SqlOutbox, ended: Sequence[EndedDelivery]) -> frozenset[str]:
        for delivery, settlement in ended:
            values: dict[str, Any] = {"status": str(settlement.status), "lease_id": None}
            values["last_error"] = settlement.error
            if settlement.due_at is not None:
                values["due_at"] = settlement.due_at
            await self._connection.change(Statement(update(outbox).where(outbox.c.key == delivery.key).values(values)))
        return frozenset(delivery.key for delivery, _ in ended)

    patch.setattr(SqlOutbox, "settle", settle)


def over_for_good(patch: pytest.MonkeyPatch) -> None:
    """What a clock that ran ahead has recorded as over stays so."""

    async def shut_out(self: SqlOrders, now: datetime, limit: int) -> Sequence[Order]:
        return []

    patch.setattr(SqlOrders, "shut_out", shut_out)


def delivered_before_sent(patch: pytest.MonkeyPatch) -> None:
    """A mail is marked as delivered, then sent."""

    async def deliver(self: DeliverOutbox, delivery: Delivery) -> DeliveryStatus:
        prepared = await self._prepare(delivery)
        if isinstance(prepared, Unwanted):
            return DeliveryStatus.SKIPPED
        await self._settle(delivery, Settlement(status=DeliveryStatus.DELIVERED, at=self._clock.now()))
        await prepared()
        return DeliveryStatus.DELIVERED

    patch.setattr(DeliverOutbox, "deliver", deliver)


def failure_is_the_end(patch: pytest.MonkeyPatch) -> None:
    """A delivery that failed once is given up."""

    def after(self: DeliverOutbox, delivery: Delivery, failure: Any) -> Settlement:
        return Settlement(status=DeliveryStatus.DEAD, at=self._clock.now(), error=failure.reason)

    patch.setattr(DeliverOutbox, "_after_failure", after)


def key_by_chance(patch: pytest.MonkeyPatch) -> None:
    """An effect's key is random."""
    from paywall_core.effects import ReportSale  # noqa: PLC0415

    patch.setattr(ReportSale, "key", property(lambda self: f"mobi_slon:pay_success:{self.order_id}:{uuid4()}"))


# How Stripe's words are taken in.


def not_parked(patch: pytest.MonkeyPatch) -> None:
    """An event of an unknown order is acknowledged and dropped."""

    async def add(
        self: SqlPaymentEvents, owned: Sequence[Any], *, received_at: datetime, references: Sequence[str] = ()
    ) -> AddedEvents:
        kept = [(told, order_id) for told, order_id in owned if order_id is not None]
        dropped = frozenset(told.event_id for told, order_id in owned if order_id is None)
        if not kept:
            return AddedEvents(new=dropped, parked=[])
        added = await real(self, kept, received_at=received_at, references=references)
        return structs.replace(added, new=added.new | dropped)

    real = SqlPaymentEvents.add
    patch.setattr(SqlPaymentEvents, "add", add)


def parked_and_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Parked events are never taken up."""

    async def apply_parked(*_: Any) -> None:
        pass

    patch.setattr(RecordPayment, "_apply_parked", apply_parked)


def unparked_unapplied(patch: pytest.MonkeyPatch) -> None:
    """A parked event is marked as applied and is not."""

    async def apply_parked(
        _self: RecordPayment,
        uow: UnitOfWork,
        _ledger: Any,
        known: Mapping[str, UUID],
        waiting: Sequence[PaymentNotification],
    ) -> None:
        for notification in waiting:
            owner = next(known[reference] for reference in notification.references if reference in known)
            await uow.payment_events.unpark(notification.event_id or "", owner)

    patch.setattr(RecordPayment, "_apply_parked", apply_parked)


def newest_wins(patch: pytest.MonkeyPatch) -> None:
    """Timestamps are compared: an older event is ignored."""
    real = RecordPayment._apply
    seen: dict[UUID, datetime] = {}

    def apply(self: RecordPayment, ledger: Any, order_id: UUID, notification: PaymentNotification) -> None:
        if notification.occurred_at >= seen.get(order_id, notification.occurred_at):
            seen[order_id] = notification.occurred_at
            real(self, ledger, order_id, notification)

    patch.setattr(RecordPayment, "_apply", apply)


def errors_acknowledged(patch: pytest.MonkeyPatch) -> None:
    """A webhook that could not be stored is acknowledged."""
    real = RecordPayment.together

    async def together(self: RecordPayment, said: Sequence[PaymentNotification]) -> Sequence[RecordedPayment]:
        try:
            return await real(self, said)
        except Exception:  # noqa: BLE001  - the defect
            return [RecordedPayment() for _ in said]

    patch.setattr(RecordPayment, "together", together)
