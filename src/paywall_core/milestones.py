"""The steps on a customer's way in, told from what changed of an order: counted, they show where people are lost."""

from enum import StrEnum

from paywall_core.events import EventType
from paywall_core.lifecycle import State
from paywall_core.order import Change


class Milestone(StrEnum):
    """A step; an order takes each once, in this order."""

    STARTED = "checkout_started"  # the order was placed
    PAID = "paid"
    REDEEMED = "link_redeemed"  # somebody is in by its link, for the first time


_UNPAID = (State.PENDING, State.EXPIRED)


def milestones_of(change: Change) -> tuple[Milestone, ...]:
    """The steps that a change takes; of an order that has only been placed, the change that nothing came to."""
    if not change.order.version:
        return (Milestone.STARTED,)
    taken = []
    for entry in change.history:
        kind, move = entry.event.type, (entry.from_state, entry.to_state)
        if kind is EventType.PAYMENT_SUCCEEDED and move[0] in _UNPAID and move[1] is State.TOKEN_ISSUED:
            taken.append(Milestone.PAID)
        elif kind is EventType.TOKEN_REDEEMED and move == (State.TOKEN_ISSUED, State.ACTIVE):
            taken.append(Milestone.REDEEMED)
    return tuple(taken)
