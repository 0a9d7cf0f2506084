"""The order's lifecycle: five states, and one table of the moves between them.

Everything that decides a state is here and in `policy.py`. Nothing here knows Stripe, SQL, HTTP, Telegram or the clock:
time is an argument.

The laws, against which the tests are written:

1. The state is a pure function of the facts and of now (`state_of`). It is stored only so that it can be listed.
2. Facts only grow (`facts.merge`). So any two deliveries of the same events, in any order and with any repeats, end in
   the same facts and the same state.
3. A move happens only if `TRANSITIONS` lists it for the event that caused it; anything else raises `IllegalTransition`
   and changes nothing. Time's own moves and an event's moves are two steps (`order.apply`), so that an event is never
   blamed for what the clock did.
4. Access at *t* means: some standing payment covers *t*, the operator did not revoke it, and a token was redeemed.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

from paywall_core.errors import IllegalTransition
from paywall_core.events import EventType
from paywall_core.facts import CheckoutStatus, Facts, PaymentStatus
from paywall_core.policy import entitlement_of, is_revoked_by_operator


class State(StrEnum):
    """Where an order stands; `docs/lifecycle.md` draws every legal move."""

    PENDING = "pending"  # nothing was paid yet
    TOKEN_ISSUED = "token_issued"  # noqa: S105  - paid; the token waits to be redeemed
    ACTIVE = "active"  # paid and redeemed: this Telegram user has access
    EXPIRED = "expired"  # the checkout ran out unpaid, or the paid time is over
    REVOKED = "revoked"  # refunded, disputed, or taken away by the operator


class FulfillmentStatus(StrEnum):
    """What the success page wants to know: did the payment lead to a token?"""

    PENDING = "pending"
    FULFILLED = "fulfilled"
    FAILED = "failed"


def state_of(facts: Facts, now: datetime) -> State:
    """The state that the facts ask for at `now` (an aware UTC time)."""
    entitlement = entitlement_of(facts)
    if is_revoked_by_operator(facts):
        return State.REVOKED
    if entitlement.first_paid_at is None:
        return State.EXPIRED if facts.checkout is CheckoutStatus.EXPIRED else State.PENDING
    if entitlement.access_until is not None and now < entitlement.access_until:
        return State.TOKEN_ISSUED if facts.redemption is None else State.ACTIVE
    return State.REVOKED if entitlement.withdrawn else State.EXPIRED


_FAILED: Final = frozenset({PaymentStatus.FAILED, PaymentStatus.ABANDONED})


def fulfillment_of(facts: Facts) -> FulfillmentStatus:
    """Fulfilled once something was paid; failed when the checkout ran out or its payment failed and none came since."""
    statuses = {payment.status for payment in facts.payments.values()}
    if PaymentStatus.PAID in statuses:
        return FulfillmentStatus.FULFILLED
    failed = statuses & _FAILED and facts.checkout is CheckoutStatus.COMPLETE
    if failed or facts.checkout is CheckoutStatus.EXPIRED:
        return FulfillmentStatus.FAILED
    return FulfillmentStatus.PENDING


_P, _T, _A, _E, _R = State


def _to(*targets: State) -> frozenset[State]:
    return frozenset(targets)


TRANSITIONS: Final[Mapping[State, Mapping[EventType, frozenset[State]]]] = {
    # Nothing paid yet. Refunds and disputes may overtake their payment: they are remembered and move nothing.
    _P: {
        EventType.CHECKOUT_OPENED: _to(_P),
        EventType.CHECKOUT_COMPLETED: _to(_P),
        EventType.CHECKOUT_EXPIRED: _to(_P, _E),  # _P: it was completed, this word came late
        EventType.PAYMENT_SUCCEEDED: _to(_T, _E, _R),  # _E: long ago; _R: refunded already
        EventType.PAYMENT_FAILED: _to(_P),
        EventType.PAYMENT_LINKED: _to(_P),
        EventType.REFUND_MADE: _to(_P),
        EventType.REFUND_FAILED: _to(_P),
        EventType.DISPUTE_OPENED: _to(_P),
        EventType.DISPUTE_LOST: _to(_P),
        EventType.DISPUTE_ENDED_WELL: _to(_P),
        EventType.SUBSCRIPTION_UPDATED: _to(_P),
        EventType.SUBSCRIPTION_ENDED: _to(_P),
        EventType.ACCESS_REVOKED: _to(_R),
    },
    # Paid, not redeemed.
    _T: {
        EventType.CHECKOUT_OPENED: _to(_T),
        EventType.CHECKOUT_COMPLETED: _to(_T),
        EventType.CHECKOUT_EXPIRED: _to(_T),
        EventType.PAYMENT_SUCCEEDED: _to(_T, _E, _R),  # the true period beats the assumed 48 hours
        EventType.PAYMENT_FAILED: _to(_T),
        EventType.PAYMENT_LINKED: _to(_T, _E, _R),  # a refund that waited for its invoice
        EventType.REFUND_MADE: _to(_T, _E, _R),
        EventType.REFUND_FAILED: _to(_T),
        EventType.DISPUTE_OPENED: _to(_T, _E, _R),
        EventType.DISPUTE_LOST: _to(_T, _E, _R),
        EventType.DISPUTE_ENDED_WELL: _to(_T),
        EventType.SUBSCRIPTION_UPDATED: _to(_T),
        EventType.SUBSCRIPTION_ENDED: _to(_T, _E, _R),  # the grace is gone
        EventType.TOKEN_REDEEMED: _to(_A),
        EventType.TOKEN_ROTATED: _to(_T),
        EventType.ACCESS_REVOKED: _to(_R),
        EventType.LINK_RESENT: _to(_T),
        EventType.TIME_PASSED: _to(_E, _R),  # _R: an older payment carried it past a refunded one
    },
    # Paid and redeemed. As above; a rotated token may be redeemed by another account.
    _A: {
        EventType.CHECKOUT_OPENED: _to(_A),
        EventType.CHECKOUT_COMPLETED: _to(_A),
        EventType.CHECKOUT_EXPIRED: _to(_A),
        EventType.PAYMENT_SUCCEEDED: _to(_A, _E, _R),
        EventType.PAYMENT_FAILED: _to(_A),
        EventType.PAYMENT_LINKED: _to(_A, _E, _R),
        EventType.REFUND_MADE: _to(_A, _E, _R),
        EventType.REFUND_FAILED: _to(_A),
        EventType.DISPUTE_OPENED: _to(_A, _E, _R),
        EventType.DISPUTE_LOST: _to(_A, _E, _R),
        EventType.DISPUTE_ENDED_WELL: _to(_A),
        EventType.SUBSCRIPTION_UPDATED: _to(_A),
        EventType.SUBSCRIPTION_ENDED: _to(_A, _E, _R),
        EventType.TOKEN_REDEEMED: _to(_A),
        EventType.TOKEN_ROTATED: _to(_A),
        EventType.ACCESS_REVOKED: _to(_R),
        EventType.LINK_RESENT: _to(_A),
        EventType.TIME_PASSED: _to(_E, _R),
    },
    # Over, or never paid in time. A payment brings anyone back; a completed checkout was never expired.
    _E: {
        EventType.CHECKOUT_OPENED: _to(_E),
        EventType.CHECKOUT_COMPLETED: _to(_E, _P),
        EventType.CHECKOUT_EXPIRED: _to(_E),
        EventType.PAYMENT_SUCCEEDED: _to(_T, _A, _E, _R),
        EventType.PAYMENT_FAILED: _to(_E, _P),
        EventType.PAYMENT_LINKED: _to(_E, _R),
        EventType.REFUND_MADE: _to(_E, _R),
        EventType.REFUND_FAILED: _to(_T, _A, _E),  # an older payment had carried it past the refunded one
        EventType.DISPUTE_OPENED: _to(_E, _R),
        EventType.DISPUTE_LOST: _to(_E, _R),
        EventType.DISPUTE_ENDED_WELL: _to(_T, _A, _E),
        EventType.SUBSCRIPTION_UPDATED: _to(_E),
        EventType.SUBSCRIPTION_ENDED: _to(_E),
        EventType.ACCESS_REVOKED: _to(_R),
        EventType.TIME_PASSED: _to(_T, _A),  # a clock that ran ahead was set right
    },
    # Withdrawn. What gave the reason may be taken back: a refund fails, a dispute is won, the operator relents.
    _R: {
        EventType.CHECKOUT_OPENED: _to(_R),
        EventType.CHECKOUT_COMPLETED: _to(_R),
        EventType.CHECKOUT_EXPIRED: _to(_R),
        EventType.PAYMENT_SUCCEEDED: _to(_T, _A, _E, _R),
        EventType.PAYMENT_FAILED: _to(_R),
        EventType.PAYMENT_LINKED: _to(_T, _A, _E, _R),  # a failed refund that waited for its invoice
        EventType.REFUND_MADE: _to(_R),
        EventType.REFUND_FAILED: _to(_T, _A, _E, _R),
        EventType.DISPUTE_OPENED: _to(_R),
        EventType.DISPUTE_LOST: _to(_R),
        EventType.DISPUTE_ENDED_WELL: _to(_T, _A, _E, _R),
        EventType.SUBSCRIPTION_UPDATED: _to(_R),
        EventType.SUBSCRIPTION_ENDED: _to(_R),
        EventType.ACCESS_REVOKED: _to(_R),
        EventType.ACCESS_REINSTATED: _to(_P, _T, _A, _E, _R),
        EventType.TIME_PASSED: _to(_T, _A),  # a clock that ran ahead was set right
    },
}


def check_move(state: State, event: EventType, target: State) -> None:
    """Let a move pass if the table lists it.

    Raises:
        IllegalTransition: it does not.
    """
    targets = TRANSITIONS[state].get(event)
    if targets is None or target not in targets:
        raise IllegalTransition(state=state, event=event, target=target)


def diagram() -> str:
    """The table as a Mermaid state diagram: an arrow per pair of states, labelled with the events that may cause it."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.PENDING}"]
    for state, row in TRANSITIONS.items():
        for target in State:
            events = [event for event, targets in row.items() if target in targets]
            if events and target is not state:
                lines.append(f"    {state} --> {target}: {', '.join(events)}")
    return "\n".join(lines) + "\n"
