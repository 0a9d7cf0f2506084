"""Rare turns that a life may take, each prepared calmly up to the word that decides: that one comes as anything comes.

What is prepared is what Stripe and its customers really do; only that it happens so often is not.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Final

from . import money_plots as money
from . import other_plots as other
from .lives import Life, NoLife, somebody
from .simulation import Simulation

_DAY: Final = timedelta(days=1)


def plot(sim: Simulation) -> bool:
    """One of them, with a customer who buys once more for it."""
    customer = somebody(sim)
    if customer is None:
        return False
    one, plans = sim.choice.choice(PLOTS)
    before = sim.stripe.interval
    sim.stripe.interval = sim.choice.choice((_DAY, _DAY, before))
    sim.tell(f"a life begins: {one.__name__}")
    try:
        one(Life(sim, customer, sim.choice.choice(plans)))
    except NoLife:
        sim.tell("the purchase was not begun")
    sim.stripe.interval = before
    return True


_ONCE: Final = ("basic", "basic", "life")
_MONTHLY: Final = ("monthly",)
_ANY: Final = ("basic", "life", "monthly", "monthly", "monthly")

PLOTS: Final[list[tuple[Callable[[Life], None], tuple[str, ...]]]] = [
    (money.taken_and_given, _ANY),
    (money.taken_and_given, _ANY),
    (money.no_harm_done, _ANY),
    (money.lost_unheard, _ANY),
    (money.told_before_its_payment, _ONCE),
    (money.told_before_its_payment, _ONCE),
    (money.linked_late, _MONTHLY),
    (money.linked_late, _MONTHLY),
    (money.first_period_unknown, _MONTHLY),
    (money.first_period_unknown, _MONTHLY),
    (money.period_after_all, _MONTHLY),
    (money.period_after_all, _MONTHLY),
    (money.paid_again_unheard, _MONTHLY),
    (other.grace_ends, _MONTHLY),
    (other.grace_ends, _MONTHLY),
    (other.clock_ahead_of_the_end, ("monthly", "basic")),
    (other.clock_ahead_of_the_end, ("monthly", "basic")),
    (other.asked_while_it_happened, _ANY),
    (other.asked_while_it_happened, _ANY),
    (other.completed_late, _ANY),
    (other.completed_late, _MONTHLY),
    (other.waits_for_money, _ANY),
    (other.waits_for_money, _MONTHLY),
    (other.over_and_said_again, _ANY),
    (other.revoked_and_reinstated, _ANY),
    (other.revoked_and_reinstated, _ANY),
    (other.code_given, _ANY),
    (other.code_given, _ANY),
]
"""What happens, and in which plans it can; some several times, because so many ways lead through it."""
