"""The state machine for embedding services: the core survives it, and broken ports do not."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Self, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import MultipleResults, run_state_machine_as_test
from msgspec import structs

import paywall_core.testing
from paywall_core.effects import Effect, SendAccessEmail
from paywall_core.facts import DisputeStatus
from paywall_core.notification import PaymentNotification
from paywall_core.order import Change
from paywall_core.plans import Plan
from paywall_core.policy import FOREVER
from paywall_core.ports.directory import AccessRecord
from paywall_core.ports.unit_of_work import AddedEvents, OwnedNotification, UnitOfWork
from paywall_core.testing import InMemoryDirectory, InMemoryStore, InMemoryUnitOfWork, PaywallMachine, Ports
from paywall_core.testing.model import PRICE_MINOR, Purchase
from paywall_core.testing.repositories import InMemoryOrders, InMemoryOutbox, InMemoryPaymentEvents
from paywall_core.testing.service import PLANS

T = TypeVar("T")

MONTH, LIFE, MONTHLY = PLANS

QUICK = settings(max_examples=30, stateful_step_count=40, derandomize=True, database=None)
FIND_ONE = settings(
    QUICK,
    max_examples=300,
    phases=[Phase.generate],  # whether there is one is asked, not which is the smallest
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


def test_nothing_breaks_the_core() -> None:
    """Hypothesis chooses, the model knows better, and both laws hold."""
    run_state_machine_as_test(PaywallMachine, settings=QUICK)


def test_ports_are_opened_and_closed_once_an_example_on_one_loop() -> None:
    """As the example in the module's docstring shows it."""
    opened: list[InMemoryStore] = []
    closed: list[InMemoryStore] = []

    class OurDatabase(PaywallMachine):
        async def open(self) -> Ports:
            opened.append(InMemoryStore())
            return Ports.of_store(opened[-1])

        async def close(self) -> None:
            closed.append(opened[-1])

    run_state_machine_as_test(OurDatabase, settings=settings(QUICK, max_examples=3, stateful_step_count=3))
    assert opened
    assert opened == closed


class Forgetful(InMemoryUnitOfWork):
    """A unit of work that is spoilt when it begins."""

    def spoil(self) -> None:
        """Do it."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.spoil()
        return self


class NothingIsParked(Forgetful):
    """What waits for its order is never found again."""

    def spoil(self) -> None:
        """Do it."""

        class Events(InMemoryPaymentEvents):
            async def parked(self, references: Sequence[str]) -> Sequence[PaymentNotification]:
                return []

        self.payment_events = Events(self._tables)


class EveryEventIsNew(Forgetful):
    """Repeats are not known."""

    def spoil(self) -> None:
        """Do it."""

        class Events(InMemoryPaymentEvents):
            async def add(
                self, owned: Sequence[OwnedNotification], *, received_at: datetime, references: Sequence[str] = ()
            ) -> AddedEvents:
                for told, _ in owned:
                    self._tables.events.pop(told.event_id or "", None)
                return await super().add(owned, received_at=received_at, references=references)

        self.payment_events = Events(self._tables)


class NoLinkIsMailed(Forgetful):
    """The outbox loses the e-mails with the activation link."""

    def spoil(self) -> None:
        """Do it."""

        class Outbox(InMemoryOutbox):
            async def enqueue(self, effects: Sequence[Effect], *, now: datetime) -> None:
                await super().enqueue([one for one in effects if not isinstance(one, SendAccessEmail)], now=now)

        self.outbox = Outbox(self._tables)
        self.orders = InMemoryOrders(self._tables, self.outbox)


class HistoryIsLost(Forgetful):
    """A change is written without its history."""

    def spoil(self) -> None:
        """Do it."""

        class Orders(InMemoryOrders):
            async def save(self, *changes: Change) -> None:
                await super().save(*changes)
                for change in changes:
                    del self._tables.history[change.order.id]

        self.orders = Orders(self._tables, InMemoryOutbox(self._tables))


class EverythingIsCommitted(Forgetful):
    """Leaving without a commit keeps what was written."""

    def spoil(self) -> None:
        """Do it."""
        self._store.tables = self._tables


class ReferencesAreForgotten(Forgetful):
    """An order is found by our own id alone."""

    def spoil(self) -> None:
        """Do it."""

        class Orders(InMemoryOrders):
            async def claim(self, wanted: Mapping[str, UUID | None]) -> Mapping[str, UUID | None]:
                return wanted

        self.orders = Orders(self._tables, InMemoryOutbox(self._tables))


class GenerousDirectory(InMemoryDirectory):
    """Says that access reaches a week further than it does."""

    async def access_of(self, telegram_user_id: int) -> AccessRecord | None:
        """A week more."""
        found = await super().access_of(telegram_user_id)
        until = None if found is None else found.access_until
        if found is None or until is None or until == FOREVER:
            return found
        return structs.replace(found, access_until=until + timedelta(days=7))


class StaleDirectory(InMemoryDirectory):
    """Takes a chat that was named at checkout for one that redeemed."""

    async def access_of(self, telegram_user_id: int) -> AccessRecord | None:
        """Redeemed, it says."""
        found = await super().access_of(telegram_user_id)
        return None if found is None else structs.replace(found, redeemed=True)


@pytest.fixture
def machine() -> Iterator[PaywallMachine]:
    """A machine that a test plays by hand; at the end the world heals, as after every example."""
    machine = PaywallMachine()
    yield machine
    machine.teardown()


def all_of(results: MultipleResults[T] | T) -> tuple[T, ...]:
    """What a rule gave, as a bundle would hold it."""
    assert isinstance(results, MultipleResults)
    return tuple(results.values)


def bought(machine: PaywallMachine, plan: Plan) -> Purchase:
    """A purchase that the service has been told of."""
    machine.begin_with_a_purchase(plan=plan, arrives=True)
    return machine.model.purchases[-1]


def begun(machine: PaywallMachine, plan: Plan) -> Purchase:
    """A purchase that is not paid."""
    machine.start_checkout(plan=plan, email="boris@example.com", clickid="")
    return machine.model.purchases[-1]


def test_a_refund_without_a_link_is_looked_up(machine: PaywallMachine) -> None:
    """The provider names a payment intent that nobody has heard of: it waits, and we ask."""
    purchase = bought(machine, MONTHLY)
    machine.redeem(purchase=purchase, user=101, age=0)
    machine.pass_time(step=timedelta(days=31))
    machine.renew(purchase=purchase, arrives=True, linked=False)
    (refund,) = all_of(machine.refund(purchase=purchase, amount_minor=PRICE_MINOR))
    machine.tell_of_refund(refund=refund, arrives=True)
    assert machine.model.lets_in(101, machine.clock.now())
    machine.the_gate_says_what_the_model_says()
    machine.pass_time(step=timedelta(minutes=2))
    machine.work(down=False)
    machine.pass_time(step=timedelta(days=8))
    assert not machine.model.lets_in(101, machine.clock.now())
    machine.the_gate_says_what_the_model_says()


def test_a_subscription_without_its_invoice_counts_for_two_days(machine: PaywallMachine) -> None:
    """The checkout is known to be paid before the period is."""
    purchase = begun(machine, MONTHLY)
    checkout, _ = all_of(machine.pay(purchase=purchase, arrives=False))
    machine.deliver(said=checkout)
    machine.deliver_into_a_power_cut(said=checkout)
    machine.a_valid_link_opens_exactly_while_a_payment_stands()
    assert machine.model.is_paid_for(purchase, machine.clock.now() + timedelta(hours=47))
    machine.pass_time(step=timedelta(days=8))
    machine.a_valid_link_opens_exactly_while_a_payment_stands()
    assert not machine.model.is_paid_for(purchase, machine.clock.now())


def test_nothing_comes_of_what_the_provider_would_not_do(machine: PaywallMachine) -> None:
    """Nobody pays twice, nothing renews after its end, no more is refunded than was paid."""
    once = bought(machine, MONTH)
    often = begun(machine, MONTHLY)
    pending = begun(machine, LIFE)
    machine.pay(purchase=often, arrives=True)
    machine.end_subscription(purchase=often, arrives=True)
    (refund,) = all_of(machine.refund(purchase=once, amount_minor=PRICE_MINOR))
    machine.move_refund(refund=refund, choice=0, arrives=True)
    (dispute,) = all_of(machine.dispute(purchase=once, status=DisputeStatus.OPEN))
    machine.move_dispute(dispute=dispute, choice=0, arrives=True)
    (other,) = all_of(machine.refund(purchase=often, amount_minor=400))
    machine.move_refund(refund=other, choice=2, arrives=True)
    before = len(machine.model.said)
    for did in (
        machine.pay(purchase=once, arrives=True),
        machine.pay_by_a_delayed_method(purchase=once, arrives=True, comes=True),
        machine.expire_checkout(purchase=once, arrives=True),
        machine.renew(purchase=often, arrives=True, linked=True),
        machine.fail_to_renew(purchase=often, arrives=True),
        machine.link_payments(purchase=once, arrives=True),
        machine.update_subscription(purchase=often, arrives=True, cancels=True),
        machine.end_subscription(purchase=often, arrives=True),
        machine.refund(purchase=once, amount_minor=400),
        machine.refund(purchase=pending, amount_minor=400),
        machine.dispute(purchase=pending, status=DisputeStatus.OPEN),
        machine.move_dispute(dispute=dispute, choice=0, arrives=True),
        machine.move_refund(refund=other, choice=0, arrives=True),
    ):
        assert isinstance(did, MultipleResults)
        assert did.values == ()
    assert len(machine.model.said) == before


@pytest.mark.parametrize("comes", [True, False])
def test_a_delayed_payment_comes_or_does_not(machine: PaywallMachine, comes: bool) -> None:
    """The link waits for the money."""
    purchase = begun(machine, LIFE)
    machine.pay_by_a_delayed_method(purchase=purchase, arrives=True, comes=comes)
    machine.redeem(purchase=purchase, user=102, age=0)
    assert machine.model.lets_in(102, machine.clock.now()) is comes
    machine.the_gate_says_what_the_model_says()


def test_what_is_lost_by_one_operator_is_given_back_by_another(machine: PaywallMachine) -> None:
    """Revoked, reinstated, sent again; and given-up mails are tried again."""
    purchase = bought(machine, LIFE)
    for _ in range(3):
        machine.work(down=True)
        machine.pass_time(step=timedelta(hours=1))
    machine.retry()
    machine.revoke(purchase=purchase)
    machine.resend(purchase=purchase)
    machine.reinstate(purchase=purchase)
    machine.reinstate(purchase=purchase)
    machine.resend(purchase=purchase)
    machine.sweep()
    machine.set_the_clock_back()
    machine.the_books_are_in_order()


def test_a_wrong_code_a_right_one_and_a_spent_one(machine: PaywallMachine) -> None:
    """The right code rotates the link once; without a payment it proves an address and no more."""
    purchase = bought(machine, MONTH)
    machine.request_restore(email=purchase.email)
    machine.request_restore(email=purchase.email)  # too soon
    machine.confirm_restore(email=purchase.email, user=101, right=False)
    machine.work(down=False)
    machine.confirm_restore(email=purchase.email, user=101, right=True)
    assert (purchase.version, purchase.user) == (2, 101)
    machine.confirm_restore(email=purchase.email, user=102, right=True)
    machine.redeem(purchase=purchase, user=103, age=1)
    machine.redeem_a_forged_token(purchase=purchase, user=103, at=5)
    assert purchase.user == 101
    machine.pass_time(step=timedelta(days=31))
    machine.redeem(purchase=purchase, user=103, age=0)
    machine.restore(email=purchase.email, user=None)
    assert purchase.version == 2


def fails(machine: type[PaywallMachine]) -> bool:
    """Whether the state machine finds anything."""
    try:
        run_state_machine_as_test(machine, settings=FIND_ONE)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize(
    "broken",
    [NothingIsParked, EveryEventIsNew, NoLinkIsMailed, HistoryIsLost, EverythingIsCommitted, ReferencesAreForgotten],
)
def test_a_broken_unit_of_work_is_found(broken: type[Forgetful]) -> None:
    """Each of these loses something that only a later step shows."""

    class Broken(PaywallMachine):
        async def open(self) -> Ports:
            store = InMemoryStore()

            def unit_of_work() -> UnitOfWork:
                return broken(store)

            return structs.replace(Ports.of_store(store), unit_of_work=unit_of_work)

    assert fails(Broken)


@pytest.mark.parametrize("broken", [GenerousDirectory, StaleDirectory])
def test_a_broken_directory_is_found(broken: type[InMemoryDirectory]) -> None:
    """Each of these lets somebody in who has not paid."""

    class Broken(PaywallMachine):
        async def open(self) -> Ports:
            store = InMemoryStore()
            return structs.replace(Ports.of_store(store), directory=broken(store))

    assert fails(Broken)


def test_the_state_machine_alone_needs_hypothesis() -> None:
    """A service that uses the fakes and not the machine has no need of it."""
    code = "import sys, paywall_core.testing; sys.exit('hypothesis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603  - our own code


def test_without_hypothesis_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a ModuleNotFoundError from somewhere inside."""
    monkeypatch.setitem(sys.modules, "hypothesis.stateful", None)
    for name in ("machine_base", "provider_rules", "reversal_rules", "state_machine"):
        monkeypatch.delitem(sys.modules, f"paywall_core.testing.{name}")
    with pytest.raises(ImportError, match=r"paywall-core\[testing\]"):
        _ = paywall_core.testing.PaywallMachine


def test_there_is_nothing_else_to_ask_for() -> None:
    """A misspelt name is an AttributeError, as of any module."""
    with pytest.raises(AttributeError, match="PaywalMachine"):
        _ = paywall_core.testing.PaywalMachine  # type: ignore[attr-defined]  # that it is none is what is tested
