"""The course of the world: time passes, webhooks come, and some of it happens while nothing fails."""

from collections.abc import Callable, Collection, Coroutine, Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from .faults import Fault
from .process import Process
from .records import KEPT, StripeEvent
from .simulation import Simulation

_GIVES_UP: Final = timedelta(days=3)  # so long Stripe tries a webhook again
_READ_WITHIN: Final = KEPT - timedelta(days=5)  # an operator's duty: Stripe forgets its list after thirty days
_RENEWED: Final = 0.7
_MOST_PERIODS: Final = 2


def pass_time(sim: Simulation, length: timedelta) -> None:
    """Time passes; subscriptions are billed when their periods end, and Stripe gives up on old webhooks."""
    until = sim.clock.true_now() + length
    while due := [p for p in sim.stripe.purchases.values() if p.is_live and p.invoices[-1].end <= until]:
        purchase = min(due, key=lambda p: p.invoices[-1].end)
        _to(sim, purchase.invoices[-1].end)
        is_given_up = purchase.invoices[-1].status == "open" and not purchase.is_processing
        if purchase.cancel_at_period_end or is_given_up or len(purchase.invoices) > _MOST_PERIODS:
            sim.stripe.end(purchase)
        else:
            is_paid = sim.choice.random() < _RENEWED
            sim.stripe.renew(purchase, is_paid=is_paid if purchase.renews is None else purchase.renews)
    _to(sim, until)
    for event in sim.stripe.events:
        if not event.told and until - event.at > _GIVES_UP:
            event.is_lost = True


def _to(sim: Simulation, moment: datetime) -> None:
    """Go there, and read Stripe's list in time."""
    now = sim.clock.true_now()
    while moment - sim.reconciled_at > _READ_WITHIN:
        sim.loop.pass_time(max(0.0, (sim.reconciled_at + _READ_WITHIN - now).total_seconds()))
        calmly(sim, "reconcile", _reconciled)
        sim.reconciled_at = now = sim.clock.true_now()
    sim.loop.pass_time(max(0.0, (moment - now).total_seconds()))


async def _reconciled(process: Process) -> None:
    await process.reconcile()


def deliver_one(sim: Simulation, event: StripeEvent) -> None:
    """Stripe posts this event to one of the processes."""
    process = sim.any_process()
    if event.told:
        sim.faults.happened(Fault.WEBHOOK_TWICE)
    elif sim.clock.true_now() - event.at >= timedelta(hours=1):
        sim.faults.happened(Fault.WEBHOOK_LATE)
    if any(not older.told and not older.is_lost for older in sim.stripe.events[: event.number]):
        sim.faults.happened(Fault.WEBHOOK_REORDERED)
    if event.other is not None and not event.told and sim.choice.random() < 0.5:
        event.body, event.other = event.other, event.body  # the endpoint of the other version is told first
    sim.attempt(process, f"webhook {event.id} {event.type}", sim.deliver(process, event))


def deliver_calmly(sim: Simulation, events: Iterable[StripeEvent]) -> None:
    """Stripe posts these, one after another, while nothing fails."""
    for event in events:
        calmly(sim, f"webhook {event.id} {event.type}", partial(_told, sim, event))


async def _told(sim: Simulation, event: StripeEvent, process: Process) -> None:
    await sim.deliver(process, event)


def calmly(
    sim: Simulation,
    what: str,
    work: Callable[[Process], Coroutine[Any, Any, None]],
    *,
    but: Collection[Fault] = (),
) -> None:
    """Something is done to its end, by a clock that is right, while nothing fails `but` what is named.

    Others may be under way, and in its way: then it is refused, as anything else.
    """
    rates, sim.faults.rates = sim.faults.rates, {kind: r for kind, r in sim.faults.rates.items() if kind in but}
    skew, sim.clock.skew = sim.clock.skew, timedelta()
    is_done = False

    async def to_its_end(process: Process) -> None:
        nonlocal is_done
        try:
            await work(process)
        finally:
            is_done = True

    process = sim.alive()[0]
    sim.attempt(process, f"{what}, calmly", to_its_end(process))
    sim.loop.until(lambda: is_done)
    sim.faults.rates, sim.clock.skew = rates, skew
