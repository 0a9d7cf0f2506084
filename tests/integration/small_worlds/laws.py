"""What must hold in every world of a walk, and over every step. Each check says what it found wrong."""

from collections.abc import Iterator
from datetime import datetime
from functools import reduce

from paywall_core.effects import NoticeChannel, NoticeKind
from paywall_core.facts import Facts, merge
from paywall_core.lifecycle import State

from .house import ORDER_ID, House, Seen
from .scripts import ANNA, BORIS, STRANGER
from .truth import Account, Ends, Meaning, Pays, Truth, Words, account, connected, true_state

_LIVE = (State.TOKEN_ISSUED, State.ACTIVE)


async def check_world(words: Words, truth: Truth, seen: Seen, house: House) -> None:
    """One world: the gate, the state, the parked, the owed, the history.

    Raises:
        AssertionError: something is not as the words that were heard say.
    """
    sums = account(words, truth)
    state = true_state(sums, truth)
    await _check_gate(truth, state, house)
    assert seen.order.state_at(truth.now) is state, f"the order is {seen.order.state_at(truth.now)}, truth is {state}"
    assert seen.events.keys() == truth.heard, f"stored are {sorted(seen.events)}, heard {sorted(truth.heard)}"
    ours = connected(words, truth)
    applied = {key for key, order_id in seen.events.items() if order_id == ORDER_ID}
    assert applied == ours, f"applied are {sorted(applied)}, known to be ours are {sorted(ours)}"
    missing = set(_must_be_owed(sums, state, truth, ours)) - seen.outbox.keys()
    assert not missing, f"owed, and not in the outbox: {sorted(missing)}"
    strange = [key for key in seen.outbox if not _may_be_owed(key, words, truth, sums)]
    assert not strange, f"in the outbox without a cause: {strange}"
    check_history(seen)


async def _check_gate(truth: Truth, state: State, house: House) -> None:
    """Both laws in one: exactly the holder of a standing order is let in."""
    for user in (ANNA, BORIS, STRANGER):
        let_in = (await house.access_status(user)).is_paid
        entitled = state is State.ACTIVE and truth.holder == user
        assert let_in is entitled, f"user {user} is {'let in' if let_in else 'shut out'} at {truth.now}"


def _must_be_owed(sums: Account, state: State, truth: Truth, ours: frozenset[str]) -> Iterator[str]:
    """What stands in the facts and has to have been said, however it came about."""
    yield from (f"look_up:{event_id}" for event_id in truth.heard - ours)
    if state is State.TOKEN_ISSUED and truth.version == 1:
        yield f"access_email:{ORDER_ID}:1"
        yield f"activation_message:{ORDER_ID}:1"
    if state in _LIVE:
        yield f"mobi_slon:pay_success:{ORDER_ID}"
    yield from _notices(NoticeKind.REFUNDED, sums.given_back)
    if state is State.REVOKED and not truth.revoked:
        yield from _notices(NoticeKind.SUSPENDED, sums.under_dispute)
    if sums.ended_at is None and not truth.revoked and (sums.paid or sums.completed):
        yield from _notices(NoticeKind.PAYMENT_FAILED, sums.failed)


def _notices(kind: NoticeKind, causes: frozenset[str]) -> Iterator[str]:
    return (f"notice:{kind}:{channel}:{ORDER_ID}:{cause}" for cause in causes for channel in NoticeChannel)


def _may_be_owed(key: str, words: Words, truth: Truth, sums: Account) -> bool:
    """Whether anything that happened can be the cause of this row: the key names it."""
    kind, _, rest = key.partition(":")
    if kind == "look_up":
        return rest in truth.heard and words[rest].notification.order_id is None
    if kind in ("access_email", "activation_message"):
        return bool(sums.paid) and rest in {f"{ORDER_ID}:{version}" for version in range(1, truth.version + 1)}
    if kind == "mobi_slon":
        return bool(sums.paid) and rest == f"pay_success:{ORDER_ID}"
    kind, _, rest = rest.partition(":")
    channel, _, rest = rest.partition(":")
    order, _, cause = rest.partition(":")
    heard = {meaning for event_id in truth.heard for meaning in words[event_id].means}
    named: dict[NoticeKind, set[str | None]] = {
        NoticeKind.REFUNDED: {getattr(one, "refund", None) for one in heard},
        NoticeKind.SUSPENDED: {getattr(one, "dispute", None) for one in heard},
        NoticeKind.PAYMENT_FAILED: {getattr(one, "payment", None) for one in heard},
        NoticeKind.RESTORED: {getattr(one, name, None) for one in heard for name in ("refund", "dispute")}
        | {f"operator-{number}" for number in range(1, truth.said + 1)},
        NoticeKind.ENDED: {end.isoformat() for end in _ends(heard)},
        NoticeKind.ENDS_SOON: {end.isoformat() for end in _ends(heard)},
    }
    return order == str(ORDER_ID) and channel in set(NoticeChannel) and cause in named[NoticeKind(kind)]


def _ends(heard: set[Meaning]) -> set[datetime]:
    """Every moment at which a paid time may have looked as if it ended."""
    pays = [one for one in heard if isinstance(one, Pays)]
    over = {one.at for one in heard if isinstance(one, Ends)}
    return over | {end for one in pays for end in (one.until, one.grace_until)}


def check_history(seen: Seen) -> None:
    """The history is whole: numbered without a gap, each move from where the one before ended, and it tells the facts.

    Raises:
        AssertionError: it is not.
    """
    order, history = seen.order, seen.history
    assert [entry.sequence for entry in history] == list(range(1, order.version + 1)), "the history has a gap"
    states = [State.PENDING, *(entry.to_state for entry in history)]
    assert [entry.from_state for entry in history] == states[:-1], "a move begins where none ended"
    assert states[-1] is order.state, f"the history ends in {states[-1]}, the order is {order.state}"
    told = reduce(merge, (entry.event.facts() for entry in history), Facts(terms=order.terms))
    assert told == order.facts, "the history does not tell what is known"
    learned = [(entry.cause, entry.event) for entry in history if entry.cause.startswith("evt_")]
    moved = [pair for number, pair in enumerate(learned) if pair in learned[:number]]
    assert not [pair for pair in moved if pair[1].facts() != Facts()], f"learned twice: {moved}"


def check_step(before: Seen, after: Seen) -> None:
    """One step: the history only grew, nothing owed was lost, and a link is mailed exactly for an arrival.

    Raises:
        AssertionError: it is not so.
    """
    assert after.history[: len(before.history)] == before.history, "the history was rewritten"
    assert before.outbox.keys() <= after.outbox.keys(), "something owed is gone"
    grown = after.history[len(before.history) :]
    arrived = any(e.to_state is State.TOKEN_ISSUED and e.from_state is not State.TOKEN_ISSUED for e in grown)
    mails = {key for key in after.outbox.keys() - before.outbox.keys() if key.startswith("access_email:")}
    version = after.order.facts.token_version
    assert not mails or arrived, f"nobody arrived, yet {mails} is owed"
    assert not arrived or f"access_email:{ORDER_ID}:{version}" in after.outbox, "somebody arrived, and no link is owed"
