"""What an operator looks up: orders, all about one of them, and the outbox."""

from datetime import timedelta
from uuid import UUID

import pytest
from msgspec import structs

from paywall_core.effects import SendAccessEmail
from paywall_core.errors import DeliveryFailed
from paywall_core.facts import RefundStatus
from paywall_core.lifecycle import State
from paywall_core.ports.operations import OrderQuery, OutboxLine, OutboxQuery, ProviderEvent
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.use_cases.start_checkout import StartedCheckout

from ..lives import refund  # noqa: TID252  - the tests' own package
from ..strategies import DAY  # noqa: TID252  - as above
from .world import ANNA, COMMAND, World


async def three(world: World) -> list[StartedCheckout]:
    """Anna's paid order, Bob's redeemed one a day later, and Anna's unpaid one two days later."""
    anna_s = await world.buy()
    world.clock.advance(DAY)
    bob_s = await world.buy(email="bob@example.com", telegram_chat_id="77", plan="life")
    await world.redeem(bob_s, 5)
    world.clock.advance(DAY)
    return [anna_s, bob_s, await world.start(structs.replace(COMMAND, telegram_chat_id=""))]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (OrderQuery(), [2, 1, 0]),
        (OrderQuery(limit=2), [2, 1]),
        (OrderQuery(address="anna@example.com"), [2, 0]),
        (OrderQuery(address="nobody@example.com"), []),
        (OrderQuery(telegram_user_id=5), [1]),
        (OrderQuery(telegram_user_id=77), [1]),
        (OrderQuery(telegram_user_id=42), [0]),
        (OrderQuery(telegram_user_id=6), []),
        (OrderQuery(reference="pi_1"), [0]),
        (OrderQuery(reference="pi_9"), []),
        (OrderQuery(state=State.ACTIVE), [1]),
        (OrderQuery(state=State.PENDING, address="anna@example.com"), [2]),
        (OrderQuery(state=State.ACTIVE, address="anna@example.com"), []),
    ],
    ids=["all", "the newest", "by address", "unknown address", "by redeemer", "by chat", "by another chat",
         "unknown user", "by payment intent", "unknown id", "by state", "by both", "both must hold"],
)  # fmt: skip
async def test_orders_are_found_by_whatever_the_customer_has_at_hand(
    world: World, query: OrderQuery, found: list[int]
) -> None:
    """The newest first."""
    started = await three(world)
    orders = await world.store.archive.search(query)
    assert [order.id for order in orders] == [started[index].order_id for index in found]


async def test_dossier_is_all_about_one_order_and_nothing_of_another(world: World) -> None:
    """History, the provider's events, what it owes, and what operators did."""
    started, other, _ = await three(world)
    await world.record(world.say("evt_refund", refund(RefundStatus.SUCCEEDED, 5), references=("pi_1", "re_1")))
    await world.record(world.say("evt_parked", refund(RefundStatus.SUCCEEDED), references=("pi_x",)))
    await world.retry([f"mobi_slon:pay_success:{started.order_id}"], ANNA)
    dossier = await world.store.archive.dossier(started.order_id)
    assert dossier is not None
    assert dossier.order == world.order(started.order_id)
    assert [entry.sequence for entry in dossier.history] == [1, 2, 3]
    assert [event.event_id for event in dossier.events] == [f"evt_{started.order_id}", "evt_refund"]
    assert dossier.events[1] == ProviderEvent(
        event_id="evt_refund",
        event_type="test",
        occurred_at=world.clock.now(),
        received_at=world.clock.now(),
        references=("pi_1", "re_1"),
        order_id=started.order_id,
    )
    assert {line.order_id for line in dossier.outbox} == {started.order_id}
    assert [line.key.split(":")[0] for line in dossier.outbox] == [
        "access_email",
        "activation_message",
        "mobi_slon",
        *["notice"] * 4,
    ]
    assert [act.act for act in dossier.acts] == ["outbox retry"]
    of_other = await world.store.archive.dossier(other.order_id)
    assert of_other is not None
    assert of_other.acts == ()
    assert await world.store.archive.dossier(UUID(int=1)) is None


async def test_dossier_of_an_order_that_nothing_happened_to_is_empty(world: World) -> None:
    """The provider did not answer at its checkout."""
    world.gateway.down = True
    with pytest.raises(Exception, match="down"):
        await world.start(COMMAND)
    (order,) = await world.store.archive.search(OrderQuery())
    dossier = await world.store.archive.dossier(order.id)
    assert dossier is not None
    assert (dossier.history, dossier.events, dossier.outbox, dossier.acts) == ((), (), (), ())


async def test_every_order_is_gone_through_in_the_order_of_their_ids(world: World) -> None:
    """Page by page, to the end."""
    ids = sorted(started.order_id for started in await three(world))
    archive = world.store.archive
    first = await archive.every_order(after=None, limit=2)
    rest = await archive.every_order(after=first[-1].id, limit=2)
    assert [order.id for order in [*first, *rest]] == ids
    assert await archive.every_order(after=ids[-1], limit=2) == []


async def test_outbox_is_read_by_status_order_prefix_keys_and_age(world: World) -> None:
    """The longest owed first; all that is asked for must hold."""
    anna_s, bob_s, _ = await three(world)
    await world.record(world.say("evt_parked", refund(RefundStatus.SUCCEEDED), references=("pi_x",)))
    world.mailer.failure = DeliveryFailed("550", permanent=True)
    await world.deliver_all()
    lines = world.store.archive.lines
    dead = await lines(OutboxQuery(statuses=(DeliveryStatus.DEAD,)))
    assert [line.key for line in dead] == [f"access_email:{one.order_id}:1" for one in (anna_s, bob_s)]
    assert dead[0] == OutboxLine(
        key=f"access_email:{anna_s.order_id}:1",
        effect=SendAccessEmail(order_id=anna_s.order_id, token_version=1),
        status=DeliveryStatus.DEAD,
        attempts=1,
        created_at=world.clock.now() - 2 * DAY,
        due_at=dead[0].due_at,
        settled_at=world.clock.now(),
        error="550",
        order_id=anna_s.order_id,
    )
    both = OutboxQuery(statuses=(DeliveryStatus.DEAD, DeliveryStatus.SKIPPED), order_id=bob_s.order_id)
    assert [line.status for line in await lines(both)] == [DeliveryStatus.DEAD, DeliveryStatus.SKIPPED]
    (look_up,) = await lines(OutboxQuery(key_prefix="look_up"))
    assert (look_up.order_id, look_up.status, look_up.settled_at) == (None, DeliveryStatus.PENDING, None)
    assert len(await lines(OutboxQuery(key_prefix="notice:ends_soon"))) == 2
    assert len(await lines(OutboxQuery())) == 9
    assert len(await lines(OutboxQuery(limit=4))) == 4
    assert [line.key for line in await lines(OutboxQuery(keys=(look_up.key, "no such key")))] == [look_up.key]
    soon = world.clock.now() + timedelta(minutes=1)
    waiting = await lines(OutboxQuery(statuses=(DeliveryStatus.PENDING,), due_before=soon))
    assert [line.key for line in waiting] == [look_up.key]
