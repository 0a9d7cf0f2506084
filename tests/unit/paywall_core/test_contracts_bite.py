"""A contract that a broken adapter keeps is worth nothing: each of these is broken in one way, and found out.

What databases do wrong is planted in our own adapter, in `tests/integration/planted`.
"""

import asyncio
from collections.abc import Sequence
from typing import Self
from uuid import UUID

import pytest
from msgspec import structs

from paywall_core.errors import DeliveryFailed
from paywall_core.order import Change, Order
from paywall_core.ports.delivery import AccessMessage, AccessMessenger
from paywall_core.ports.payments import CheckoutRequest, OpenedCheckout
from paywall_core.ports.unit_of_work import UnitOfWork
from paywall_core.testing import FakeClock, FakeGateway, InMemoryStore, InMemoryUnitOfWork, Ports
from paywall_core.testing.contract import AccessMessengerContract, DatabaseContract, PaymentGatewayContract
from paywall_core.testing.contract.base import EachOnItsOwnLoop
from paywall_core.testing.contract.messengers import MessengerContract


class EagerStore(InMemoryStore):
    """Writes through: there is no going back."""

    def unit_of_work(self) -> UnitOfWork:
        """A transaction that is none."""
        return EagerUnitOfWork(self)


class EagerUnitOfWork(InMemoryUnitOfWork):
    """Commits, whatever happens."""

    async def __aexit__(self, *error: object) -> None:
        """End it."""
        await self.commit()
        await super().__aexit__(None, None, None)


class OverEagerStore(DatabaseContract):
    """Its contract."""

    async def open(self) -> Ports:
        """Without a rollback."""
        return Ports.of_store(EagerStore())


class ForgetfulUnitOfWork(InMemoryUnitOfWork):
    """Saves whatever version is stored."""

    async def __aenter__(self) -> Self:
        """Begin."""
        begun = await super().__aenter__()
        save = begun.orders.save

        async def save_anyhow(*changes: Change) -> None:
            for change in changes:
                stored = await begun.orders.get(change.order.id)
                assert isinstance(stored, Order)
                await save(structs.replace(change, order=structs.replace(change.order, version=stored.version + 1)))

        begun.orders.save = save_anyhow  # type: ignore[method-assign]  # that is how it is broken
        return begun


class Messages(AccessMessengerContract):
    """A messenger that is broken in some way."""

    how = "well"

    async def set_up(self) -> None:
        """It has brought nothing yet."""
        self.texts: list[str] = []
        self.refusal: DeliveryFailed | None = None
        self.messenger = Broken(self)

    async def arrived(self) -> Sequence[str]:
        """What it brought."""
        return self.texts

    async def refuse(self, *, permanent: bool) -> None:
        """As it is told."""
        reason = f"no {self.to}" if self.how == "chatty" else "no"
        self.refusal = DeliveryFailed(reason, permanent=permanent and self.how != "undecided")


class Broken(AccessMessenger):
    """Does it wrong."""

    def __init__(self, test: Messages) -> None:
        self.test = test

    async def send_access(self, message: AccessMessage) -> None:
        """Wrap, repeat, mix up, or swallow."""
        if self.test.refusal is not None and self.test.how != "swallowing":
            raise self.test.refusal
        link = message.activation_link
        await asyncio.sleep(0)
        self.test.texts += {
            "wrapping": [f"{link[:40]}=\n{link[40:]}"],
            "repeating": [link, link],
            "mixing": [" ".join([*self.test.texts, link])],
        }.get(self.test.how, [link])


WHOLE, AT_ONCE, REFUSED = (
    "test_link_arrives_whole_in_every_language",
    "test_links_sent_at_once_do_not_mix",
    "test_refusal_says_whether_trying_again_can_help",
)


@pytest.mark.parametrize(
    ("how", "found_by"),
    [
        ("wrapping", WHOLE),
        ("repeating", WHOLE),
        ("mixing", AT_ONCE),
        ("chatty", REFUSED),
        ("undecided", REFUSED),
        ("swallowing", REFUSED),
        ("well", None),
    ],
)
def test_broken_messenger_is_found_out(how: str, found_by: str | None) -> None:
    """By the test that is there for it."""
    failed = set()
    for name, arguments in ((WHOLE, {}), (AT_ONCE, {}), (REFUSED, {"permanent": True})):
        test = Messages()
        test.how = how
        try:
            getattr(test, name)(**arguments)
        except (AssertionError, pytest.fail.Exception):
            failed.add(name)
    assert found_by is None if not failed else found_by in failed


class ForgetfulGateway(FakeGateway):
    """Opens a new checkout each time."""

    async def open_checkout(self, request: CheckoutRequest) -> OpenedCheckout:
        """Another."""
        return await super().open_checkout(structs.replace(request, order_id=UUID(int=len(self.requests))))


class OverForgetfulGateway(PaymentGatewayContract):
    """Its contract."""

    async def set_up(self) -> None:
        """It is up."""
        self.gateway = ForgetfulGateway(FakeClock())


def run(test: EachOnItsOwnLoop, name: str) -> None:
    """As pytest does: the coroutine has become a plain test."""
    getattr(test, name)()


def test_database_without_a_rollback_is_found_out() -> None:
    """By the first test of a unit of work."""
    with pytest.raises(AssertionError):
        run(OverEagerStore(), "test_what_was_not_committed_is_gone")


def test_database_without_a_version_check_is_found_out() -> None:
    """By the test of `save`."""

    class OverForgetfulStore(DatabaseContract):
        async def open(self) -> Ports:
            store = InMemoryStore()
            return structs.replace(Ports.of_store(store), unit_of_work=lambda: ForgetfulUnitOfWork(store))

    with pytest.raises(pytest.fail.Exception, match="ConcurrentUpdate"):
        run(OverForgetfulStore(), "test_save_checks_the_version")


def test_gateway_that_opens_two_checkouts_for_an_order_is_found_out() -> None:
    """A customer could pay twice."""
    with pytest.raises(AssertionError):
        run(OverForgetfulGateway(), "test_order_has_one_checkout_however_often_it_is_asked_for")


def test_ports_are_closed_however_a_test_ends() -> None:
    """And what went wrong is what is raised."""
    ends: list[str] = []

    class Failing(EachOnItsOwnLoop):
        async def test_it(self) -> None:
            raise LookupError

        async def tear_down(self) -> None:
            ends.append("closed")

    with pytest.raises(LookupError):
        run(Failing(), "test_it")
    assert ends == ["closed"]


def test_far_side_must_be_named() -> None:
    """A contract over nothing does not pass."""
    for ask in (MessengerContract().arrived(), MessengerContract().refuse(permanent=True)):
        with pytest.raises(NotImplementedError):
            asyncio.run(ask)
    with pytest.raises(NotImplementedError):
        asyncio.run(PaymentGatewayContract().go_down())
