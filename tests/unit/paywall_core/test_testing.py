"""The corners of the public fakes and of the errors that no use case reaches."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from msgspec import structs

from paywall_core.effects import NoticeKind
from paywall_core.errors import ConcurrentUpdate, DeliveryFailed, IllegalTransition, InvalidPayload
from paywall_core.order import Change, Order
from paywall_core.ports.delivery import AccessMessage, ClickReport, NoticeAction, NoticeMessage
from paywall_core.testing import FakeClickTracker, FakeClock, FakeGateway, InMemoryStore

from .strategies import ONE_TIME, START


def order(number: int = 1) -> Order:
    """An order."""
    return Order.place(
        order_id=UUID(int=number),
        email="anna@example.com",
        plan="basic",
        terms=ONE_TIME,
        clickid="",
        locale="ru",
        telegram_chat_id=None,
        now=START,
    )


async def test_second_order_of_one_id_is_refused() -> None:
    """As a primary key would."""
    async with InMemoryStore().unit_of_work() as uow:
        await uow.orders.add(order())
        with pytest.raises(ConcurrentUpdate):
            await uow.orders.add(order())


async def test_save_of_another_version_is_refused() -> None:
    """As the version check in the update would."""
    async with InMemoryStore().unit_of_work() as uow:
        await uow.orders.add(order())
        with pytest.raises(ConcurrentUpdate) as raised:
            await uow.orders.save(Change(order=structs.replace(order(), version=3)))
        assert raised.value.order_id == order().id
        assert await uow.orders.history(order().id) == ()


async def test_session_is_found_among_others() -> None:
    """Orders without a session are passed over."""
    store = InMemoryStore()
    async with store.unit_of_work() as uow:
        await uow.orders.add(order())
        await uow.commit()
    assert await store.directory.session("cs_none") is None


async def test_fakes_do_what_they_are_told() -> None:
    """A price, and a failing tracker."""
    assert (await FakeGateway(FakeClock()).price_of("basic")).amount.amount_minor == 1000
    tracker = FakeClickTracker()
    tracker.failure = DeliveryFailed("no")
    with pytest.raises(DeliveryFailed):
        await tracker.report(ClickReport(key="k", status="pay_success", clickid="c"))


def test_secrets_and_addresses_stay_out_of_reprs() -> None:
    """A message may be logged by mistake; its link and its address must not be."""
    message = AccessMessage(
        key="k", order_id=UUID(int=1), plan="p", locale="ru", to="anna@example.com", activation_link="https://t.me/x"
    )
    assert repr(message) == "AccessMessage(key='k', locale='ru')"
    notice = NoticeMessage(
        key="k",
        order_id=UUID(int=1),
        plan="p",
        locale="ru",
        to="anna@example.com",
        kind=NoticeKind.RESTORED,
        has_access=True,
        action=NoticeAction.ACTIVATE,
        url="https://t.me/x",
    )
    assert repr(notice) == "NoticeMessage(key='k', locale='ru')"


def test_errors_carry_fields() -> None:
    """Adapters map errors by their fields."""
    assert InvalidPayload("no type").reason == "no type"
    assert IllegalTransition(state="a", event="b").target is None
    assert FakeClock().now() == datetime(2026, 1, 1, tzinfo=UTC)
