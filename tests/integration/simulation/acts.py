"""What may happen in one step, drawn by weight from what is possible: people, Stripe, webhooks, chores, time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from . import banks, people
from .faults import Fault
from .process import Process
from .simulation import Simulation
from .stripe import KEPT, StripeEvent

_PAUSES: Final = [timedelta(seconds=s) for s in (1, 30, 300, 3600, 6 * 3600, 86400, 3 * 86400, 10 * 86400, 20 * 86400)]
_PAUSE_WEIGHTS: Final = (6, 8, 8, 8, 5, 4, 3, 2, 2)
_SKEWS: Final = [timedelta(seconds=s) for s in (3, 60, 1800, 7200, 86400, 3 * 86400)]
_GIVES_UP: Final = timedelta(days=3)  # so long Stripe tries a webhook again
_READ_WITHIN: Final = KEPT - timedelta(days=5)  # an operator's duty: Stripe forgets its list after thirty days
_INTERVAL: Final = timedelta(minutes=30)
_STAGES: Final = (0, 1, 2, 3, 4, 5, 5, 5)  # nothing done yet; at Stripe; paid; told; mailed; let in
_TRIES: Final = 5  # until something is drawn that is possible


@dataclass(frozen=True, kw_only=True)
class Act:
    """One kind of thing that happens: how likely it is, and what it does; False: it is not possible now."""

    weight: int
    do: Callable[[Simulation], bool]


def begin(sim: Simulation) -> None:
    """A history begins with each customer somewhere on the way in: the trouble is to find all of it."""
    for customer in sim.customers:
        stage = sim.choice.choice(_STAGES)
        if stage > 0:
            people.buy_calmly(sim, customer)
        if stage > 1:
            banks.pay_calmly(sim, customer)
        if stage > 2:
            for event in sim.stripe.events:
                if not event.told:
                    sim.calm(partial(_told, sim, event))
        if stage > 3:
            sim.calm(lambda process: process.work())
        if stage > 4:
            people.redeem_calmly(sim, customer)


async def _told(sim: Simulation, event: StripeEvent, process: Process) -> None:
    await sim.deliver(process, event)


def act(sim: Simulation) -> None:
    """One to four things at once."""
    choice = sim.choice
    for _ in range(choice.choice((1, 1, 2, 4))):
        for _try in range(_TRIES):
            if choice.choices(ACTS, _WEIGHTS)[0].do(sim):
                break
    if not sim.alive() or choice.random() < 0.3:
        _come_back(sim)


def _deliver_webhooks(sim: Simulation) -> bool:
    waiting = [event for event in sim.stripe.events if not event.told and not event.is_lost and not event.under_way]
    for event in list(waiting):
        if sim.faults.strikes(Fault.WEBHOOK_LOST):
            event.is_lost = True
            waiting.remove(event)
    reorders = Fault.WEBHOOK_REORDERED in sim.faults.rates
    chosen = sim.choice.sample(waiting, min(len(waiting), 3)) if reorders else waiting[: sim.choice.randint(1, 6)]
    told = [event for event in sim.stripe.events if event.told]
    if told and Fault.WEBHOOK_TWICE in sim.faults.rates:
        chosen.append(sim.choice.choice(told))
    for event in chosen:
        deliver_one(sim, event)
    return bool(chosen)


def deliver_one(sim: Simulation, event: StripeEvent) -> None:
    """Stripe posts this event to one of the processes."""
    process = sim.any_process()
    if event.told:
        sim.faults.happened(Fault.WEBHOOK_TWICE)
    elif sim.clock.true_now() - event.at >= timedelta(hours=1):
        sim.faults.happened(Fault.WEBHOOK_LATE)
    if any(not older.told and not older.is_lost for older in sim.stripe.events[: event.number]):
        sim.faults.happened(Fault.WEBHOOK_REORDERED)
    sim.attempt(process, f"webhook {event.id} {event.type}", sim.deliver(process, event))


# The product's own chores.


def _work(sim: Simulation) -> bool:
    process = sim.any_process()
    sim.attempt(process, "work", _worked(process))
    return True


async def _worked(process: Process) -> None:
    await process.work()


def _sweep(sim: Simulation) -> bool:
    process = sim.any_process()
    sim.attempt(process, "sweep", _swept(process))
    return True


async def _swept(process: Process) -> None:
    while await process.sweep():
        process.check_alive()
    while await process.hasten():
        process.check_alive()


def _reconcile(sim: Simulation) -> bool:
    process = sim.any_process()
    sim.attempt(process, "reconcile", _reconciled(sim, process))
    return True


async def _reconciled(sim: Simulation, process: Process) -> None:
    await process.reconcile.scheduled(min_interval=_INTERVAL)


# Time, and processes that die.


def pass_time(sim: Simulation, length: timedelta) -> None:
    """Time passes; subscriptions are billed when their periods end, and Stripe gives up on old webhooks."""
    until = sim.clock.true_now() + length
    while due := [p for p in sim.stripe.purchases.values() if p.is_live and p.invoices[-1].end <= until]:
        purchase = min(due, key=lambda p: p.invoices[-1].end)
        _to(sim, purchase.invoices[-1].end)
        if purchase.cancel_at_period_end or len(purchase.invoices) > 4:
            sim.stripe.end(purchase)
        else:
            sim.stripe.renew(purchase, is_paid=sim.choice.random() < 0.7)
    _to(sim, until)
    for event in sim.stripe.events:
        if not event.told and until - event.at > _GIVES_UP:
            event.is_lost = True


def _to(sim: Simulation, moment: datetime) -> None:
    """Go there, and read Stripe's list in time."""
    now = sim.clock.true_now()
    while moment - sim.reconciled_at > _READ_WITHIN:
        sim.loop.pass_time(max(0.0, (sim.reconciled_at + _READ_WITHIN - now).total_seconds()))
        sim.calm(lambda process: process.reconcile())
        sim.reconciled_at = now = sim.clock.true_now()
    sim.loop.pass_time(max(0.0, (moment - now).total_seconds()))


def _pause(sim: Simulation) -> bool:
    length = sim.choice.choices(_PAUSES, _PAUSE_WEIGHTS)[0]
    sim.tell(f"{length} pass")
    pass_time(sim, length)
    return True


def _turn_clock(sim: Simulation) -> bool:
    if sim.clock.skew:
        sim.clock.skew = timedelta()
        sim.tell("the clock is set right")
        return True
    ahead = sim.choice.random() < 0.5
    fault = Fault.CLOCK_AHEAD if ahead else Fault.CLOCK_BEHIND
    if fault in sim.faults.rates:
        skew = sim.choice.choice(_SKEWS)
        sim.clock.skew = skew if ahead else -skew
        sim.jumps += 1
        sim.faults.happened(fault)
        sim.tell("the clock jumps")
    return fault in sim.faults.rates


def _come_back(sim: Simulation) -> None:
    for place, process in enumerate(sim.processes):
        if not process.is_alive:
            sim.restart(place)


ACTS: Final = [
    Act(weight=5, do=people.buy),
    Act(weight=16, do=people.pay),
    Act(weight=5, do=people.poll),
    Act(weight=12, do=people.redeem),
    Act(weight=4, do=people.ask_code),
    Act(weight=5, do=people.give_code),
    Act(weight=2, do=people.knock),
    Act(weight=2, do=people.intrude),
    Act(weight=4, do=banks.settle),
    Act(weight=1, do=banks.expire),
    Act(weight=3, do=banks.collect),
    Act(weight=3, do=banks.change_plans),
    Act(weight=5, do=banks.refund),
    Act(weight=5, do=banks.move_refund),
    Act(weight=4, do=banks.dispute),
    Act(weight=5, do=banks.move_dispute),
    Act(weight=26, do=_deliver_webhooks),
    Act(weight=18, do=_work),
    Act(weight=4, do=_sweep),
    Act(weight=4, do=_reconcile),
    Act(weight=3, do=people.operate),
    Act(weight=10, do=_pause),
    Act(weight=2, do=_turn_clock),
]
_WEIGHTS: Final = [one.weight for one in ACTS]
