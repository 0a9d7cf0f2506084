"""What each step of the customer's path hands on, to the last field, and where exactly each limit lies."""

import pytest
from msgspec import structs

from paywall_core.errors import InvalidInput, SessionNotFound
from paywall_core.facts import Mode
from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.ports.payments import CheckoutRequest
from paywall_core.use_cases.access_status import AccessStatus
from paywall_core.use_cases.session_status import SessionStatus

from ..strategies import DAY  # noqa: TID252  - the tests' own package
from .world import COMMAND, World


async def test_provider_is_told_all_that_the_checkout_needs(world: World) -> None:
    """Also whose click it was, and which chat asked: they come back with every event."""
    started = await world.start(COMMAND)
    assert world.gateway.requests == [
        CheckoutRequest(
            order_id=started.order_id,
            plan="basic",
            mode=Mode.ONE_TIME,
            email="Anna@Example.com",
            locale="en",
            clickid="click-1",
            telegram_chat_id="42",
        )
    ]
    assert [entry.cause for entry in world.store.tables.history[started.order_id]] == ["checkout"]


async def test_longest_click_and_longest_chat_are_taken(world: World) -> None:
    """One character more is refused, and the customer's page is told how many there may be."""
    longest = structs.replace(COMMAND, clickid="c" * 255, telegram_chat_id="-" + "1" * 20)
    order = world.order((await world.start(longest)).order_id)
    assert (order.clickid, order.telegram_chat_id) == (longest.clickid, longest.telegram_chat_id)
    with pytest.raises(InvalidInput) as refused:
        await world.start(structs.replace(COMMAND, clickid="c" * 256))
    assert "255" in refused.value.reason


async def test_gate_is_told_what_serves_the_user(world: World) -> None:
    """The plan and the language too, by which the bot speaks."""
    started = await world.buy()
    await world.redeem(started, 5)
    assert await world.status(5) == AccessStatus(
        is_paid=True, order_id=started.order_id, plan="basic", access_status=State.ACTIVE, locale="en"
    )


async def test_success_page_of_a_paid_order_does_not_say_that_money_is_awaited(world: World) -> None:
    """It shows the link; and from the moment at which access ends, that it is over, swept or not."""
    started = await world.buy()
    shown = await world.session(started.session_id)
    assert shown == SessionStatus(
        payment_status="paid",
        fulfillment_status=FulfillmentStatus.FULFILLED,
        access_status=State.TOKEN_ISSUED,
        activation_link=world.links.link(started.order_id, 1),
        checkout_completed=False,
    )
    world.clock.advance(30 * DAY)
    over = structs.replace(shown, access_status=State.EXPIRED, activation_link=None)
    assert await world.session(started.session_id) == over


async def test_unknown_session_is_named(world: World) -> None:
    """Whoever looks into it knows which one was asked for."""
    with pytest.raises(SessionNotFound) as missing:
        await world.session("cs_unknown")
    assert missing.value.session_id == "cs_unknown"
