"""What may happen in one step, drawn by weight from what is possible: people, Stripe, webhooks, chores, time."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from . import banks, people
from .course import calmly, deliver_calmly, deliver_one, pass_time
from .faults import OUTSIDE, Fault
from .plots import plot
from .process import Process
from .records import Version
from .simulation import Customer, Simulation

__all__ = ["ACTS", "Act", "act", "begin", "pass_time"]

_PAUSES: Final = [timedelta(seconds=s) for s in (1, 30, 300, 3600, 6 * 3600, 86400, 3 * 86400, 10 * 86400, 20 * 86400)]
_PAUSE_WEIGHTS: Final = (6, 8, 8, 8, 5, 4, 3, 2, 2)
_SKEWS: Final = [timedelta(seconds=s) for s in (3, 60, 1800, 7200, 86400, 3 * 86400)]
_LEASE: Final = timedelta(minutes=2)
_INTERVAL: Final = timedelta(minutes=30)
_INTERVALS: Final = (1, 7, 30, 30)  # days of a subscription's period: what the account's price says
_VERSIONS: Final = (Version.TODAY, Version.TODAY, Version.OLDER, Version.BOTH)
_LATE_TYPES: Final = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "invoice.paid",
    "invoice_payment.paid",
    "customer.subscription.deleted",
    "charge.dispute.created",
    "refund.created",
)
_LATENESS: Final = [timedelta(hours=h) for h in (1, 6, 24, 60)]
_STAGES: Final = (0, 0, 0, 0, 0, 1, 2, 3, 4, 5)  # nothing done yet; at Stripe; paid; told; mailed; let in
_CALM: Final = 0.25
_LOOKED_UP: Final = 0.25
_TRIES: Final = 5  # until something is drawn that is possible


@dataclass(frozen=True, kw_only=True)
class Act:
    """One kind of thing that happens: how likely it is, and what it does; False: it is not possible now."""

    weight: int
    do: Callable[[Simulation], bool]


def begin(sim: Simulation) -> None:
    """A history begins with each customer somewhere on the way in: the trouble is to find all of it."""
    choice, stripe = sim.choice, sim.stripe
    stripe.interval = timedelta(choice.choice(_INTERVALS))
    stripe.version = choice.choice(_VERSIONS)
    stripe.lateness = {kind: choice.choice(_LATENESS) for kind in _LATE_TYPES if choice.random() < 0.2}
    for customer in sim.customers:
        if choice.random() < 0.5:
            customer.chat, customer.clickid = str(customer.users[0]), f"click-{customer.number}"
        _come_so_far(sim, customer, choice.choice(_STAGES))
    if choice.random() < _LOOKED_UP:
        calmly(sim, "reconcile", _reconciled_by_hand, but=OUTSIDE)


def _come_so_far(sim: Simulation, customer: Customer, stage: int) -> None:
    if stage > 0:
        people.buy_calmly(sim, customer)
    if stage > 1:
        banks.pay_calmly(sim, customer)
    if stage > 2:
        deliver_calmly(sim, [event for event in sim.stripe.events if not event.told])
    if stage > 3:
        calmly(sim, "work", people.worked, but=OUTSIDE)
    if stage > 4:
        people.redeem_calmly(sim, customer)


def act(sim: Simulation) -> None:
    """One thing, several at once, or none: what has begun goes on."""
    choice = sim.choice
    for _ in range(choice.choice((0, 0, 0, 0, 1, 1, 3))):
        for _try in range(_TRIES):
            if choice.choices(ACTS, _WEIGHTS)[0].do(sim):
                break
    if choice.random() < _CALM:  # no time passes between what is done and what comes next, or much
        sim.loop.until(lambda: not sim.busy)
    if not sim.alive() or choice.random() < 0.3:
        _come_back(sim)


def _deliver_webhooks(sim: Simulation) -> bool:
    waiting = [event for event in sim.stripe.events if not event.told and not event.is_lost and not event.under_way]
    for event in list(waiting):
        if sim.faults.strikes(Fault.WEBHOOK_LOST):
            event.is_lost = True
            waiting.remove(event)
    reorders = Fault.WEBHOOK_REORDERED in sim.faults.rates
    if reorders:  # what is late is overtaken
        now = sim.clock.true_now()
        waiting = [event for event in waiting if event.not_before is None or event.not_before <= now]
    chosen = sim.choice.sample(waiting, min(len(waiting), 3)) if reorders else waiting[: sim.choice.randint(1, 6)]
    told = [event for event in sim.stripe.events if event.told]
    if told and Fault.WEBHOOK_TWICE in sim.faults.rates:
        chosen.append(sim.choice.choice(told))
    for event in chosen:
        deliver_one(sim, event)
    return bool(chosen)


# The product's own chores.


def _work(sim: Simulation) -> bool:
    process = sim.any_process()
    sim.attempt(process, "work", people.worked(process))
    return True


def _outlast(sim: Simulation) -> bool:
    """One worker hangs for longer than its lease, and another one takes over what it had."""
    if Fault.SLOW not in sim.faults.rates:
        return False
    for _ in range(2):
        _work(sim)
        sim.loop.run_turns(200)
        sim.loop.pass_time(_LEASE.total_seconds() + 5)
    return _work(sim)


def _sweep(sim: Simulation) -> bool:
    process = sim.any_process()
    sim.attempt(process, "sweep", people.swept(process))
    return True


def _reconcile(sim: Simulation) -> bool:
    process = sim.any_process()
    sim.attempt(process, "reconcile", _reconciled(sim, process))
    return True


async def _reconciled_by_hand(process: Process) -> None:
    await process.reconcile()


async def _reconciled(sim: Simulation, process: Process) -> None:
    await process.reconcile.scheduled(min_interval=_INTERVAL)


# Time, and processes that die.


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
    may = [fault for fault in (Fault.CLOCK_AHEAD, Fault.CLOCK_BEHIND) if fault in sim.faults.rates]
    if may:
        fault, skew = sim.choice.choice(may), sim.choice.choice(_SKEWS)
        sim.clock.skew = skew if fault is Fault.CLOCK_AHEAD else -skew
        sim.jumps += 1
        sim.faults.happened(fault)
        sim.tell("the clock jumps")
    return bool(may)


def _come_back(sim: Simulation) -> None:
    for place, process in enumerate(sim.processes):
        if not process.is_alive:
            sim.restart(place)


ACTS: Final = [
    Act(weight=4, do=people.buy),
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
    Act(weight=14, do=_work),
    Act(weight=4, do=_outlast),
    Act(weight=4, do=_sweep),
    Act(weight=4, do=_reconcile),
    Act(weight=3, do=people.operate),
    Act(weight=10, do=_pause),
    Act(weight=7, do=_turn_clock),
    Act(weight=22, do=plot),
]
_WEIGHTS: Final = [one.weight for one in ACTS]
