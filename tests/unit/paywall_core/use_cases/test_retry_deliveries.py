"""An operator wants rows of the outbox tried again."""

from datetime import timedelta

from paywall_core.errors import DeliveryFailed
from paywall_core.events import PaymentEvent
from paywall_core.facts import RefundStatus
from paywall_core.ports.unit_of_work import DeliveryStatus, OperatorAct, RetriedDelivery
from paywall_core.testing import OutboxRow

from ..lives import refund  # noqa: TID252  - the tests' own package
from .world import ANNA, World

REFUNDED: PaymentEvent = refund(RefundStatus.SUCCEEDED)


def row(world: World, key: str) -> OutboxRow:
    """A row by its key."""
    return world.store.tables.outbox[key]


async def test_dead_letter_is_due_again_with_all_its_tries_before_it(world: World) -> None:
    """And the log of acts says who wanted it, and why."""
    started = await world.buy(clickid="", telegram_chat_id="")
    key = f"access_email:{started.order_id}:1"
    world.mailer.failure = DeliveryFailed("550 no such mailbox", permanent=True)
    await world.deliver_all()
    assert row(world, key).status is DeliveryStatus.DEAD
    world.mailer.failure = None
    world.clock.advance(timedelta(hours=3))
    assert await world.retry([key, key], ANNA) == [RetriedDelivery(key=key, order_id=started.order_id)]
    again = row(world, key)
    assert (again.status, again.attempts, again.due_at) == (DeliveryStatus.PENDING, 0, world.clock.now())
    assert (again.error, again.settled_at) == (None, None)
    assert world.store.tables.operator_acts == [
        OperatorAct(
            at=world.clock.now(),
            by="anna",
            why="the customer asked",
            act="outbox retry",
            subject=key,
            order_id=started.order_id,
        )
    ]
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED]


async def test_row_that_waits_for_its_next_try_is_due_at_once(world: World) -> None:
    """The reason was mended; nobody wants to wait an hour."""
    started = await world.buy(clickid="", telegram_chat_id="")
    world.mailer.failure = DeliveryFailed("421 busy", retry_after_seconds=3600)
    assert await world.deliver_all() == [DeliveryStatus.PENDING]
    world.mailer.failure = None
    assert len(await world.retry([f"access_email:{started.order_id}:1"], ANNA)) == 1
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED]


async def test_skipped_row_is_tried_again_and_decides_anew(world: World) -> None:
    """Skipped without mail, delivered with it; what is still unwanted is skipped again."""
    wanted, refunded = await world.buy(clickid="", telegram_chat_id=""), await world.buy(email="bob@example.com")
    await world.deliver_all(world.silent)
    await world.learn(refunded, REFUNDED)
    keys = [f"access_email:{one.order_id}:1" for one in (wanted, refunded)]
    assert {row(world, key).status for key in keys} == {DeliveryStatus.SKIPPED}
    assert [one.key for one in await world.retry(keys, ANNA)] == sorted(keys)
    await world.deliver_all()
    assert [row(world, key).status for key in keys] == [DeliveryStatus.DELIVERED, DeliveryStatus.SKIPPED]
    assert row(world, keys[1]).error == "the order is revoked"


async def test_delivered_leased_and_unknown_rows_are_left_alone(world: World) -> None:
    """Nothing goes out twice, and nothing is taken from a worker's hands; a dead worker's row is free."""
    started = await world.buy(clickid="")
    mail, message = (f"{name}:{started.order_id}:1" for name in ("access_email", "activation_message"))
    (first, second) = await world.outbox.lease(10)
    await world.outbox.deliver(first)
    assert (first.key, second.key) == (mail, message)
    assert await world.retry([mail, message, "no such key"], ANNA) == []
    assert not world.store.tables.operator_acts
    world.clock.advance(timedelta(seconds=world.policy.lease_seconds))
    assert [one.key for one in await world.retry([mail, message], ANNA)] == [message]
    await world.outbox.give_back(second)
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED]
    assert len(world.messenger.sent) == 1


async def test_row_that_no_order_owes_is_retried_too(world: World) -> None:
    """A look-up at the provider."""
    await world.record(world.say("evt_1", REFUNDED, references=("ch_1",)))
    assert await world.retry(["look_up:evt_1"], ANNA) == [RetriedDelivery(key="look_up:evt_1", order_id=None)]
    assert await world.deliver_all() == [DeliveryStatus.DELIVERED]
