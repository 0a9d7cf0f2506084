"""What must hold: safety after every step, liveness once the world has healed."""

import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from adapters.stripe.translate import USED_EVENT_TYPES
from paywall_core.errors import PaywallError, RuleBroken
from paywall_core.use_cases.request_restore import RequestRestoreCommand

from .acts import pass_time
from .people import STRANGER, confirmed, operated, redeemed
from .process import Process
from .simulation import Customer, Simulation
from .stripe import Purchase
from .truth import access_end, outermost_end

HEALING: Final = timedelta(hours=8)
"""The bound: so long after the last fault everything owed has come. A session is asked about once in six hours."""

_ROUNDS: Final = [timedelta(minutes=5), timedelta(hours=7)]
_LATER: Final = timedelta(days=40)
_GO_ON: Final = 0.3  # so many histories are followed beyond the next period's end


class Row:
    """An order as it is stored."""

    def __init__(self, row: Sequence[object]) -> None:
        self.id = UUID(hex=str(row[0]))
        self.state = str(row[1])
        self.user = None if row[2] is None else int(str(row[2]))
        self.access_until = None if row[3] is None else datetime.fromisoformat(str(row[3])).replace(tzinfo=UTC)
        self.version = int(str(row[4]))
        self.token_version = int(str(row[5]))


def rows_of(observer: sqlite3.Connection) -> list[Row]:
    """All orders, as committed."""
    found = observer.execute("SELECT id, state, telegram_user_id, access_until, version, token_version FROM orders")
    return [Row(row) for row in found]


def check_safety(sim: Simulation) -> None:
    """Who has access must have it by a payment that covers now; and once all is told, exactly those have it."""
    now = sim.clock.now()
    stored = dict(sim.observer.execute("SELECT stripe_event_id, order_id FROM payment_events").fetchall())
    for event in sim.stripe.events:
        if event.told and event.id not in stored:
            sim.violation(f"{event.id} was acknowledged and is lost")
    applied = {event_id for event_id, order_id in stored.items() if order_id is not None}
    untold = {e.order_id for e in sim.stripe.events if e.id not in applied and e.type in USED_EVENT_TYPES}
    for row in rows_of(sim.observer):
        purchase = sim.stripe.purchases.get(row.id)
        has_access = row.access_until is not None and now < row.access_until
        if row.user is not None and not sim.has_proven(row.user, row.id):
            sim.violation(f"order {row.id} belongs to user {row.user}, who never proved anything")
        if purchase is None:
            if has_access:
                sim.violation(f"order {row.id} gives access, and Stripe has never heard of it")
            continue
        outermost = outermost_end(purchase)
        if has_access and (outermost is None or now >= outermost):
            sim.violation(f"order {row.id} gives access, and nothing that was ever paid covers now")
        if row.id not in untold:
            _check_exact(sim, row, purchase)


def _check_exact(sim: Simulation, row: Row, purchase: Purchase) -> None:
    """All that Stripe ever said about this order is known: then access ends when it should, to the second."""
    word = sim.claims_of(row.id).word
    if word is None:
        return
    expected = None if word else access_end(purchase)
    if row.access_until != expected:
        sim.violation(f"order {row.id} gives access until {row.access_until}, and should until {expected}")


def heal(sim: Simulation) -> None:
    """Phase two: nothing fails any more; what is owed must come within `HEALING`, and then stay right.

    Raises:
        Violation: it does not.
    """
    sim.choice.seed(f"{sim.seed}/healing")
    sim.tell("nothing fails any more")
    sim.faults.end()
    sim.clock.skew = timedelta()
    for place, process in enumerate(sim.processes):
        if not process.is_alive:
            sim.restart(place)
    sim.loop.until(lambda: not sim.busy)
    _webhooks_come(sim)
    for pause in _ROUNDS:
        sim.loop.pass_time(pause.total_seconds())
        _chores_are_done(sim)
    _operators_ask_again(sim)
    _check_stop(sim)
    check_safety(sim)
    check_nothing_is_left(sim)
    for customer in sim.customers:
        _customer_gets_in(sim, customer)
    _check_gate(sim)
    if sim.choice.random() < _GO_ON:
        pass_time(sim, _LATER)
        _webhooks_come(sim)
        _do(sim, "reconcile", sim.processes[0].reconcile())
        _check_gate(sim)  # before any sweep: nobody's access may depend on one
        _chores_are_done(sim)
        check_safety(sim)
    _check_stop(sim)


def _check_stop(sim: Simulation) -> None:
    if sim.failed:
        raise sim.failed


def _do(sim: Simulation, what: str, work: object) -> None:
    """In a process, to its end; nothing may go wrong."""
    process = sim.processes[0]
    try:
        sim.loop.finish(work, process.name)  # type: ignore[arg-type]
    except PaywallError as error:
        sim.violation(f"{what}, and nothing fails any more: {error!r}")
        raise sim.failed from error  # type: ignore[misc]


def _webhooks_come(sim: Simulation) -> None:
    process = sim.processes[0]
    for event in sim.stripe.events:
        if not event.told and not event.is_lost:
            _do(sim, f"webhook {event.id}", sim.deliver(process, event))
    _do(sim, "work", _work_off(process))


def _chores_are_done(sim: Simulation) -> None:
    process = sim.processes[0]
    _do(sim, "sweep", _sweep_all(process))
    _do(sim, "reconcile", process.reconcile())
    _do(sim, "work", _work_off(process))


async def _sweep_all(process: Process) -> None:
    while await process.sweep():
        pass
    while await process.hasten():
        pass


async def _work_off(process: Process) -> None:
    while await process.work():
        pass


def _operators_ask_again(sim: Simulation) -> None:
    """Whoever does not know whether a word was heard says it again."""
    for order_id, claims in sim.claims.items():
        if claims.word is None:
            process, purchase = sim.processes[0], sim.stripe.purchases[order_id]
            _do(sim, "operator", operated(sim, process, purchase, "revoke"))
            if claims.word is None:
                claims.word = True


def check_nothing_is_left(sim: Simulation) -> None:
    """Nothing waits that could go, and every event of Stripe's has found its order."""
    now = sim.clock.now().replace(tzinfo=None).isoformat(" ", "microseconds")
    for key, status, error in sim.observer.execute(
        "SELECT key, status, last_error FROM outbox WHERE status = 'dead' OR (status = 'pending' AND due_at <= ?)",
        (now,),
    ):
        sim.violation(f"{key} is still {status}: {error}")
    stored = dict(sim.observer.execute("SELECT stripe_event_id, order_id FROM payment_events").fetchall())
    for event in sim.stripe.events:
        if event.type in USED_EVENT_TYPES and stored.get(event.id) is None:
            sim.violation(f"{event.id} {event.type} has not found its order")
    _check_histories(sim)
    found = sim.loop.finish(_invariants(sim.processes[0]), sim.processes[0].name)
    if found:
        sim.violation(f"the watch finds {', '.join(found)}")
    _check_stop(sim)


async def _invariants(process: Process) -> list[str]:
    found = [*await process.check(), *await process.check.audit()]
    return [
        f"{one.invariant} {one.examples}" for one in found if one.count and one.invariant != "two_live_subscriptions"
    ]


def _check_histories(sim: Simulation) -> None:
    """Each order's history is whole: numbered without a gap, and each move begins where the last one ended."""
    told = sim.observer.execute(
        "SELECT order_id, sequence, from_state, to_state FROM order_history ORDER BY order_id, sequence"
    ).fetchall()
    versions = {row.id.hex: (row.version, row.state) for row in rows_of(sim.observer)}
    last: dict[str, tuple[int, str]] = {}
    for order_id, sequence, from_state, to_state in told:
        number, state = last.get(order_id, (0, "pending"))
        if sequence != number + 1 or from_state != state:
            sim.violation(f"the history of {order_id} breaks at {sequence}")
        last[order_id] = (sequence, to_state)
    for order_id, ending in versions.items():
        if last.get(order_id, (0, "pending")) != ending:
            sim.violation(f"the history of {order_id} ends at {last.get(order_id)}, the order at {ending}")


def _customer_gets_in(sim: Simulation, customer: Customer) -> None:
    """Whoever paid, and keeps it, gets in: by a link in hands, or by a code to the address."""
    process, now = sim.processes[0], sim.clock.now()
    stored = {row.id: row for row in rows_of(sim.observer)}
    for order_id in customer.orders:
        purchase, row = sim.stripe.purchases[order_id], stored[order_id]
        end = access_end(purchase)
        if end is None or end <= now or sim.claims_of(order_id).word:
            continue
        mailed = any(key.startswith(f"access_email:{order_id}:") for key in sim.mails)
        # Who is in already has come by the page's link; whoever gave a code had the newest link in its answer.
        if row.user is None and row.token_version == 1 and not mailed:
            sim.violation(f"order {order_id} is paid, and its customer never got a link")
        if customer.clickid and f"mobi_slon:pay_success:{order_id}" not in sim.sales:
            sim.violation(f"the sale of order {order_id} was never reported")
        if row.user is None and not _press(sim, process, customer, order_id):
            _restore(sim, process, customer)
            if not _press(sim, process, customer, order_id) and not _is_in_by_another(sim, process, customer, end):
                sim.violation(f"order {order_id} is paid, and its customer cannot get in")
        _check_stop(sim)


def _is_in_by_another(sim: Simulation, process: Process, customer: Customer, end: datetime) -> bool:
    """Of several orders of one address a code restores the one that reaches furthest: then that one lets them in."""
    for order_id in customer.orders:
        other = access_end(sim.stripe.purchases[order_id])
        serves = other is not None and other >= end and not sim.claims_of(order_id).word
        if serves and _press(sim, process, customer, order_id):
            return True
    return False


def _press(sim: Simulation, process: Process, customer: Customer, order_id: UUID) -> bool:
    """Try the links that the customer has, the newest first."""
    for link in reversed(customer.links.get(order_id, [])):
        try:
            sim.loop.finish(redeemed(sim, process, customer.users[0], link), process.name)
        except RuleBroken:
            continue
        return True
    return any(row.id == order_id and row.user is not None for row in rows_of(sim.observer))


def _restore(sim: Simulation, process: Process, customer: Customer) -> None:
    """Ask for a code, read the mail, and give it."""
    sim.loop.pass_time(3700)
    _do(sim, "restore", process.request_restore(RequestRestoreCommand(email=customer.email)))
    _do(sim, "work", _work_off(process))
    try:
        sim.loop.finish(confirmed(sim, process, customer, None), process.name)
    except RuleBroken as error:
        sim.violation(f"customer {customer.number} paid, and cannot restore: {error!r}")
        _check_stop(sim)


def _check_gate(sim: Simulation) -> None:
    """The gate itself, asked for everybody: exactly those whose payment stands and covers now are let in."""
    process, now = sim.processes[0], sim.clock.now()
    owners = {row.id: row.user for row in rows_of(sim.observer)}
    users = [STRANGER, *(user for customer in sim.customers for user in customer.users)]
    for user in users:
        ends = [
            access_end(purchase)
            for key, purchase in sim.stripe.purchases.items()
            if owners.get(key) == user and not sim.claims_of(key).word
        ]
        expected = any(end is not None and now < end for end in ends)
        status = sim.loop.finish(process.access_status(user), process.name)
        if status.is_paid != expected:
            sim.violation(f"user {user} is {'let in' if status.is_paid else 'shut out'}, and should not be")
