"""Defects that a history cannot show: a second guard hides them, or it takes two real connections. Tests find them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import pytest
from msgspec import structs
from sqlalchemy import insert, select, update
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from adapters.db.orders import SqlOrders
from adapters.db.outbox import SqlOutbox
from adapters.db.rows import OUTBOX_COLUMNS, changing_columns, decode_effect, history_row, order_of_row, outbox_row
from adapters.db.schema import DUE, SERVES_BEST, order_history, order_references, orders, outbox
from adapters.db.statements import Statement, among
from adapters.stripe import connection
from paywall_core import policy
from paywall_core.access_token import AccessTokens
from paywall_core.effects import Effect
from paywall_core.email_address import email_key, parse_email
from paywall_core.errors import ActivationTokenInvalid, NoRestorableOrder, OneTimeCodeInvalid
from paywall_core.facts import Facts, Payment, PaymentStatus
from paywall_core.notification import PaymentNotification
from paywall_core.order import Change, Order
from paywall_core.ports.unit_of_work import Delivery, EndedDelivery
from paywall_core.use_cases import reconcile
from paywall_core.use_cases.confirm_restore import ConfirmRestore, ConfirmRestoreCommand, RestoredAccess
from paywall_core.use_cases.hasten_deliveries import HastenDeliveries
from paywall_core.use_cases.record_payment import RecordedPayment, RecordPayment
from paywall_core.use_cases.record_together import RecordTogether
from paywall_core.use_cases.sweep_lapsed import SweepLimits
from paywall_core.use_cases.together import Together


@dataclass(frozen=True, kw_only=True)
class SuitePlant:
    """One defect, and the tests that find it.

    Attributes:
        what: what somebody did wrong.
        plant: puts it in.
        tests: as pytest names them; at least one of them must fail.
    """

    what: str
    plant: Callable[[pytest.MonkeyPatch], None]
    tests: tuple[str, ...]


def _version_unchecked(patch: pytest.MonkeyPatch) -> None:
    async def save(self: SqlOrders, *changes: Change) -> None:
        for change in changes:
            order = change.order
            statement = update(orders).where(orders.c.id == order.id).values(changing_columns(order))
            await self._connection.change(Statement(statement))
            rows = [history_row(order, entry) for entry in change.history]
            await self._connection.each(Statement(insert(order_history)), rows)
            await self._outbox.enqueue(change.effects, now=change.at)

    patch.setattr(SqlOrders, "save", save)


def _locked_rows_waited_for(patch: pytest.MonkeyPatch) -> None:
    async def lease(
        self: SqlOutbox, *, now: datetime, limit: int, lease_until: datetime, lease_id: UUID, **_room: object
    ) -> Sequence[Delivery]:
        due = select(outbox.c.key).where(DUE, outbox.c.due_at <= now).order_by(outbox.c.due_at, outbox.c.key)
        keys = [row.key for row in await self._connection.all(Statement(due.limit(limit)))]
        taken = await self._connection.all(
            Statement(
                update(outbox)
                .where(among(self._connection.dialect, outbox.c.key, "keys"))
                .values(due_at=lease_until, attempts=outbox.c.attempts + 1, lease_id=lease_id)
                .returning(outbox.c.key, outbox.c.effect, outbox.c.attempts, outbox.c.first_due_at)
            ),
            {"keys": keys},
        )
        return [
            Delivery(
                key=row.key,
                effect=decode_effect(row.effect),
                attempt=row.attempts,
                lease_id=lease_id,
                owed_since=row.first_due_at,
            )
            for row in taken
        ]

    patch.setattr(SqlOutbox, "lease", lease)


def _tries_counted_afterwards(patch: pytest.MonkeyPatch) -> None:
    async def call(self: ConfirmRestore, command: ConfirmRestoreCommand) -> RestoredAccess:
        address = email_key(parse_email(command.email))
        async with self._unit_of_work() as uow:
            challenge = await uow.restore_challenges.hold(address)
        if challenge is None or not challenge.is_open(self._clock.now()):
            raise OneTimeCodeInvalid
        if not self._codes.matches(challenge.id, command.code):
            await self._count_try(address)
            raise OneTimeCodeInvalid
        raise NoRestorableOrder

    patch.setattr(ConfirmRestore, "__call__", call)


def _skipped_for_ever(patch: pytest.MonkeyPatch) -> None:
    async def enqueue(self: SqlOutbox, effects: Sequence[Effect], *, now: datetime) -> None:
        if effects:
            rows = [outbox_row(effect, now=now) for effect in effects]
            statement = sqlite_insert(outbox).on_conflict_do_nothing()
            await self._connection.each(Statement(statement, columns=OUTBOX_COLUMNS), rows)

    async def save(self: SqlOrders, *changes: Change) -> None:
        await real(self, *(structs.replace(change, effects=()) for change in changes))
        for change in changes:
            await enqueue(self._outbox, change.effects, now=change.at)

    real = SqlOrders.save
    patch.setattr(SqlOrders, "save", save)
    patch.setattr(SqlOutbox, "enqueue", enqueue)


def _never_looked_up(patch: pytest.MonkeyPatch) -> None:
    def park(_self: RecordPayment, _ledger: Any, _notification: PaymentNotification) -> RecordedPayment:
        return RecordedPayment(parked=True)

    patch.setattr(RecordPayment, "_park", park)


def _cursor_by_own_clock(patch: pytest.MonkeyPatch) -> None:
    """Reconcile's cursor follows our own clock."""
    real = reconcile.Reconcile._run

    async def run(self: Any, since: Any, until: datetime, progress: Any) -> Any:
        found = await real(self, since, until, progress)
        await self._advance(until)
        return found

    patch.setattr(reconcile.Reconcile, "_run", run)


def _provisional_counts_on(patch: pytest.MonkeyPatch) -> None:
    """The provisional payment counts beside the real one."""

    def counting(known: Facts) -> dict[str, Payment]:
        return {k: p for k, p in known.payments.items() if p.status is not PaymentStatus.UNPAID and p.paid_at}

    patch.setattr(policy, "counting_payments", counting)


def _old_links_open(patch: pytest.MonkeyPatch) -> None:
    """A link that was replaced still opens."""
    real = AccessTokens.verify

    def verify(self: AccessTokens, token: Any, token_version: int) -> None:
        for version in range(1, token_version):
            try:
                return real(self, token, version)
            except ActivationTokenInvalid:
                continue
        return real(self, token, token_version)

    patch.setattr(AccessTokens, "verify", verify)


def _failed_beats_paid(patch: pytest.MonkeyPatch) -> None:
    """A failure that comes late undoes a payment."""

    def join(self: Payment, other: Payment) -> Payment:
        return other if other.status is PaymentStatus.FAILED else real(self, other)

    real = Payment.join
    patch.setattr(Payment, "join", join)


def _anybodys_order_restored(patch: pytest.MonkeyPatch) -> None:
    """A code restores the newest order, whoever paid for it."""

    async def paid_by(self: SqlOrders, address: str, limit: int) -> Sequence[Order]:
        query = select(orders).where(orders.c.first_paid_at.is_not(None)).order_by(*SERVES_BEST).limit(limit)
        return [order_of_row(row) for row in await self._connection.all(Statement(query))]

    patch.setattr(SqlOrders, "paid_by", paid_by)


def _read_by_own_clock(patch: pytest.MonkeyPatch) -> None:
    """A session that was asked about counts from our own clock."""
    patch.setattr(connection, "date_of", lambda _headers: None)


def _never_hastened(patch: pytest.MonkeyPatch) -> None:
    """What a clock that ran ahead put off stays put off."""

    async def call(self: HastenDeliveries) -> int:
        return 0

    patch.setattr(HastenDeliveries, "__call__", call)


def _hastened_by_an_old_clock(patch: pytest.MonkeyPatch) -> None:
    """Leases are ended by a time that was read before the wait."""

    async def call(self: HastenDeliveries) -> int:
        now = self._clock.now()
        async with self._unit_of_work() as uow:
            later = now + self._policy.latest
            found = await uow.outbox.hasten(now=now, due_after=later, lease_until=now, limit=100)
            await uow.commit()
        return found

    patch.setattr(HastenDeliveries, "__call__", call)


def _breaker_off(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(SweepLimits, "allow", lambda _self, _census: True)


def _ids_unmarked(patch: pytest.MonkeyPatch) -> None:
    real = SqlOrders.claim

    def owners(dialect: str) -> Any:
        owned = among(dialect, order_references.c.reference, "references")
        return select(order_references.c.reference, order_references.c.order_id).where(owned)

    async def claim(self: SqlOrders, wanted: Mapping[str, UUID | None]) -> Mapping[str, UUID | None]:
        bound = {reference: owner for reference, owner in wanted.items() if owner is not None}
        found = dict(await real(self, bound)) if bound else {}
        for row in await self._connection.all(Statement(owners), {"references": [*wanted]}):
            found[row.reference] = row.order_id
        return {reference: found.get(reference) for reference in wanted}

    patch.setattr(SqlOrders, "claim", claim)


def _neighbours_fail_too(patch: pytest.MonkeyPatch) -> None:
    async def do_all(self: RecordTogether, said: Sequence[PaymentNotification]) -> Sequence[Any]:
        try:
            return await self._several(said)
        except Exception as error:  # noqa: BLE001  - the defect
            return [error] * len(said)

    patch.setattr(RecordTogether, "do_all", do_all)


def _same_together(patch: pytest.MonkeyPatch) -> None:
    def gather(self: RecordTogether) -> Sequence[Any]:
        group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        return group

    patch.setattr(RecordTogether, "_gather", gather)


def _delivered_with_its_neighbours(patch: pytest.MonkeyPatch) -> None:
    async def do_all(self: Together[Any, Any], asked: Sequence[Any]) -> Sequence[Any]:
        try:
            return await self._several(asked)
        except Exception as error:  # noqa: BLE001  - the defect
            return [error] * len(asked)

    patch.setattr(Together, "do_all", do_all)


def _lost_lease_noted(patch: pytest.MonkeyPatch) -> None:
    real = SqlOutbox.settle

    async def settle(self: SqlOutbox, ended: Sequence[EndedDelivery]) -> frozenset[str]:
        await real(self, ended)
        return frozenset(delivery.key for delivery, _ in ended)

    patch.setattr(SqlOutbox, "settle", settle)


def _settled_in_any_order(patch: pytest.MonkeyPatch) -> None:
    real = SqlOutbox.settle

    async def settle(self: SqlOutbox, ended: Sequence[EndedDelivery]) -> frozenset[str]:
        settled = [await real(self, [one]) for one in ended]
        return frozenset().union(*settled)

    patch.setattr(SqlOutbox, "settle", settle)


_DB: Final = "tests/integration/db/"
_EVERYBODY: Final = "test_everybody_has_what_was_paid_for"
_FACTS: Final = "tests/unit/paywall_core/test_facts.py::"
_USE_CASES: Final = "tests/unit/paywall_core/use_cases/"

SUITE_PLANTS: Final = {
    "ids_unmarked": SuitePlant(
        what="an event that waits leaves no mark for the one that makes its order known",
        plant=_ids_unmarked,
        tests=tuple(f"{_DB}test_record_together.py::{_EVERYBODY}[postgresql-{seed}]" for seed in range(4)),
    ),
    "neighbours_fail_too": SuitePlant(
        what="a webhook that cannot be recorded fails those that share its transaction",
        plant=_neighbours_fail_too,
        tests=(f"{_USE_CASES}test_record_together.py::test_one_that_cannot_be_recorded_fails_alone",),
    ),
    "same_together": SuitePlant(
        what="two webhooks about the same share a transaction",
        plant=_same_together,
        tests=(f"{_USE_CASES}test_record_together.py::test_two_about_the_same_do_not_go_together",),
    ),
    "delivered_with_its_neighbours": SuitePlant(
        what="a delivery that cannot be prepared or settled fails those that share its transaction",
        plant=_delivered_with_its_neighbours,
        tests=(f"{_USE_CASES}test_deliver_together.py",),
    ),
    "lost_lease_noted": SuitePlant(
        what="the log of an event says that it ended though its lease was lost",
        plant=_lost_lease_noted,
        tests=(f"{_DB}test_deliver_together.py::test_lost_lease_among_the_others_is_not_settled[sqlite]",),
    ),
    "settled_in_any_order": SuitePlant(
        what="deliveries are settled in the order in which they ended, crosswise with what is owed",
        plant=_settled_in_any_order,
        tests=(f"{_DB}test_deliver_together.py::test_rows_are_locked_in_the_order_of_their_keys[postgresql]",),
    ),
    "version_unchecked": SuitePlant(
        what="an order is saved whatever version is stored",
        plant=_version_unchecked,
        tests=(f"{_DB}test_contracts.py::TestDatabase::test_save_checks_the_version[sqlite]",),
    ),
    "locked_rows_waited_for": SuitePlant(
        what="a worker takes rows without `FOR UPDATE SKIP LOCKED`",
        plant=_locked_rows_waited_for,
        tests=(f"{_DB}test_contracts.py::TestDatabase::test_outbox_row_is_written_once_and_leased_to_one[postgresql]",),
    ),
    "tries_counted_afterwards": SuitePlant(
        what="an answer to a code is compared first and counted second",
        plant=_tries_counted_afterwards,
        tests=(f"{_USE_CASES}test_restore.py::test_fifty_answers_at_once_are_five_comparisons",),
    ),
    "skipped_for_ever": SuitePlant(
        what="a skipped delivery that is wanted again stays skipped",
        plant=_skipped_for_ever,
        tests=(f"{_DB}test_contracts.py::TestDatabase::test_settlements_decide_when_a_row_is_due_again[sqlite]",),
    ),
    "never_looked_up": SuitePlant(
        what="nobody asks Stripe about a parked event",
        plant=_never_looked_up,
        tests=(
            f"{_USE_CASES}test_parked_events.py::test_what_names_only_the_charge_of_a_parked_refund_finds_the_order",
        ),
    ),
    "cursor_by_own_clock": SuitePlant(
        what="reconcile's cursor follows our own clock",
        plant=_cursor_by_own_clock,
        tests=(f"{_USE_CASES}test_reconcile.py",),
    ),
    "provisional_counts_on": SuitePlant(
        what="a provisional payment counts beside the real one",
        plant=_provisional_counts_on,
        tests=(
            "tests/unit/paywall_core/test_policy.py::test_provisional_payment_stops_counting_once_a_real_one_is_known",
        ),
    ),
    "old_links_open": SuitePlant(
        what="a link that was replaced still opens",
        plant=_old_links_open,
        tests=(
            f"{_USE_CASES}test_restore.py::test_old_link_dies_at_once_and_the_old_account_when_the_new_link_is_redeemed",
        ),
    ),
    "failed_beats_paid": SuitePlant(
        what="a failure that comes late undoes a payment",
        plant=_failed_beats_paid,
        tests=(f"{_FACTS}test_a_payment_that_was_given_up_and_comes_after_all_is_paid",),
    ),
    "anybodys_order": SuitePlant(
        what="a code restores the order that reaches furthest, whoever paid for it",
        plant=_anybodys_order_restored,
        tests=(f"{_DB}test_contracts.py::TestDatabase::test_paid_orders_of_an_address_come_best_first[sqlite]",),
    ),
    "read_by_own_clock": SuitePlant(
        what="a session that was asked about counts from our own clock",
        plant=_read_by_own_clock,
        tests=("tests/integration/stripe/test_reading.py",),
    ),
    "never_hastened": SuitePlant(
        what="what a clock that ran ahead put off stays put off",
        plant=_never_hastened,
        tests=(f"{_USE_CASES}test_hasten_deliveries.py",),
    ),
    "hastened_by_an_old_clock": SuitePlant(
        what="leases are ended by a time that was read before the wait",
        plant=_hastened_by_an_old_clock,
        tests=(f"{_USE_CASES}test_hasten_deliveries.py",),
    ),
    "breaker_off": SuitePlant(
        what="a sweep of a clock that jumped ends everybody's access on record",
        plant=_breaker_off,
        tests=(f"{_USE_CASES}test_sweep.py",),
    ),
}
"""By name."""
