"""An operator's acts: each in the history with who and why, and refused where the table says so."""

from uuid import UUID

import pytest

from paywall_core.errors import ActivationTokenUsed, IllegalTransition, InvalidInput, OrderNotFound
from paywall_core.events import AccessReinstated, AccessRevoked, Event, LinkResent
from paywall_core.facts import DisputeStatus
from paywall_core.lifecycle import State
from paywall_core.operator import MAX_NAME_CHARACTERS, MAX_REASON_CHARACTERS, Operator
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.use_cases.operate_order import OperatedOrder
from paywall_core.use_cases.start_checkout import StartedCheckout

from ..lives import dispute  # noqa: TID252  - the tests' own package
from ..strategies import DAY  # noqa: TID252  - as above
from .world import ANNA, COMMAND, World

BOB = Operator(by="bob", why="it was a mistake")


def last(world: World, started: StartedCheckout) -> tuple[str, State, State, Event]:
    """The last line of the history."""
    entry = world.store.tables.history[started.order_id][-1]
    return entry.cause, entry.from_state, entry.to_state, entry.event


async def test_operator_revokes_and_reinstates_with_who_and_why(world: World) -> None:
    """Whatever was paid; and what the payments grant holds again afterwards."""
    started = await world.buy()
    await world.redeem(started, 5)
    revoked = await world.revoke(started.order_id, ANNA)
    assert revoked == OperatedOrder(order=world.order(started.order_id), before=State.ACTIVE, owed=())
    assert not (await world.status(5)).is_paid
    at = world.clock.now()
    assert last(world, started) == (
        "operator:anna",
        State.ACTIVE,
        State.REVOKED,
        AccessRevoked(number=1, by="anna", why="the customer asked", at=at),
    )
    reinstated = await world.reinstate(started.order_id, BOB)
    assert (reinstated.before, reinstated.order.state) == (State.REVOKED, State.ACTIVE)
    assert (await world.status(5)).is_paid
    assert last(world, started) == (
        "operator:bob",
        State.REVOKED,
        State.ACTIVE,
        AccessReinstated(number=2, by="bob", why="it was a mistake", at=at),
    )
    again = await world.revoke(started.order_id, BOB)
    assert again.order.facts.operator is not None
    assert (again.order.state, again.order.facts.operator.number) == (State.REVOKED, 3)


@pytest.mark.parametrize("paid", [False, True])
async def test_order_in_any_state_can_be_revoked(world: World, *, paid: bool) -> None:
    """One that nobody has paid yet stays revoked when it is paid; one that is over, too."""
    started = await world.start(COMMAND)
    if paid:
        await world.record(world.paid(started))
        world.clock.advance(31 * DAY)
    assert (await world.revoke(started.order_id, ANNA)).order.state is State.REVOKED
    await world.record(world.paid(started, "evt_late"))
    assert world.state(started) is State.REVOKED
    assert (await world.revoke(started.order_id, BOB)).before is State.REVOKED


async def test_reinstated_order_gives_no_more_than_its_payments_grant(world: World) -> None:
    """Disputed meanwhile: still revoked; used up meanwhile: expired."""
    disputed, old = await world.buy(), await world.buy(email="bob@example.com")
    for started in (disputed, old):
        await world.revoke(started.order_id, ANNA)
    await world.learn(disputed, dispute(DisputeStatus.OPEN))
    world.clock.advance(31 * DAY)
    assert (await world.reinstate(disputed.order_id, ANNA)).order.state is State.REVOKED
    assert (await world.reinstate(old.order_id, ANNA)).order.state is State.EXPIRED


async def test_what_is_not_revoked_cannot_be_reinstated(world: World) -> None:
    """Unpaid, paid, redeemed, over: refused, and nothing is written."""
    started = await world.start(COMMAND)
    for step in ("pending", "token_issued", "active", "expired"):
        if step == "token_issued":
            await world.record(world.paid(started))
        elif step == "active":
            await world.redeem(started, 5)
        elif step == "expired":
            world.clock.advance(31 * DAY)
        before = world.order(started.order_id)
        with pytest.raises(IllegalTransition) as refused:
            await world.reinstate(started.order_id, ANNA)
        assert refused.value.state == step
        assert world.order(started.order_id) == before


async def test_link_is_sent_again_with_a_key_of_its_own_each_time(world: World) -> None:
    """On every way that the order has; the sale is not reported again."""
    started = await world.buy()
    await world.deliver_all()
    for number in (1, 2):
        operated = await world.resend(started.order_id, ANNA)
        assert (operated.before, operated.order.state) == (State.TOKEN_ISSUED, State.TOKEN_ISSUED)
        event = LinkResent(number=number, by="anna", why="the customer asked", at=world.clock.now())
        assert last(world, started) == ("operator:anna", State.TOKEN_ISSUED, State.TOKEN_ISSUED, event)
        assert await world.deliver_all() == [DeliveryStatus.DELIVERED] * 2
        assert [sent[-1].key for sent in (world.mailer.sent, world.messenger.sent)] == [
            f"access_email:{started.order_id}:1:resend-{number}",
            f"activation_message:{started.order_id}:1:resend-{number}",
        ]
    assert len({message.activation_link for message in world.mailer.sent}) == 1
    assert len(world.tracker.reports) == 1


async def test_link_that_is_sent_again_after_it_was_redeemed_stays_the_redeemer_s(world: World) -> None:
    """The mail goes out, the button would be pointless; nobody else can press it."""
    started = await world.buy()
    await world.deliver_all()
    await world.redeem(started, 5)
    await world.resend(started.order_id, ANNA)
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED, DeliveryStatus.SKIPPED]
    with pytest.raises(ActivationTokenUsed):
        await world.redeem(started, 6)


async def test_link_of_what_is_unpaid_over_or_revoked_is_not_sent_again(world: World) -> None:
    """There is none."""
    unpaid, over, revoked = await world.start(COMMAND), await world.buy(), await world.buy(plan="life")
    await world.revoke(revoked.order_id, ANNA)
    world.clock.advance(31 * DAY)
    for started, state in ((unpaid, "pending"), (over, "expired"), (revoked, "revoked")):
        with pytest.raises(IllegalTransition) as refused:
            await world.resend(started.order_id, ANNA)
        assert refused.value.state == state
        assert world.order(started.order_id).facts.links_resent == 0


async def test_foreseen_act_is_what_it_would_be_and_changes_nothing(world: World) -> None:
    """The state, what would go out, and a refusal, as in earnest."""
    started = await world.buy()
    before = world.order(started.order_id), list(world.store.outbox)
    foreseen = await world.resend.foresee(started.order_id, ANNA)
    revoked = await world.revoke.foresee(started.order_id, ANNA)
    assert (revoked.before, revoked.order.state) == (State.TOKEN_ISSUED, State.REVOKED)
    with pytest.raises(IllegalTransition):
        await world.reinstate.foresee(started.order_id, ANNA)
    assert (world.order(started.order_id), list(world.store.outbox)) == before
    assert await world.resend(started.order_id, ANNA) == foreseen
    assert foreseen.owed == (
        f"access_email:{started.order_id}:1:resend-1",
        f"activation_message:{started.order_id}:1:resend-1",
    )


async def test_act_on_an_unknown_order_says_so(world: World) -> None:
    """A mistyped id."""
    for act in (world.revoke, world.reinstate, world.resend):
        with pytest.raises(OrderNotFound) as missing:
            await act(UUID(int=1), ANNA)
        assert missing.value.order_id == UUID(int=1)
        with pytest.raises(OrderNotFound):
            await act.foresee(UUID(int=1), ANNA)


def test_operator_says_who_and_why() -> None:
    """Trimmed, and both are asked for."""
    operator = Operator.of("  anna ", " chargeback at the bank\t")
    assert operator == Operator(by="anna", why="chargeback at the bank")
    assert operator.cause == "operator:anna"
    longest = Operator.of("x" * MAX_NAME_CHARACTERS, "y" * MAX_REASON_CHARACTERS)
    assert (len(longest.by), len(longest.why)) == (100, 500)
    assert Operator.of("a", "b") == Operator(by="a", why="b")


@pytest.mark.parametrize(
    ("by", "why", "told"),
    [
        ("", "w", "by 100"),
        (" ", "w", "by 100"),
        ("a" * 101, "w", "by 100"),
        ("a\nb", "w", "by 100"),
        ("anna", "", "why 500"),
        ("anna", "  ", "why 500"),
        ("anna", "w" * 501, "why 500"),
        ("anna", "a\0b", "why 500"),
        ("anna", "\udcff", "why 500"),
    ],
)
def test_operator_without_a_name_or_a_reason_is_refused(by: str, why: str, told: str) -> None:
    """Empty, too long, or what no database stores; whoever typed it learns which of the two, and how long it may be."""
    with pytest.raises(InvalidInput) as refused:
        Operator.of(by, why)
    field, longest = told.split()
    assert refused.value.field == field
    assert longest in refused.value.reason
