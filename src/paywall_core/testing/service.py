"""The whole service over somebody's ports: every use case that the state machine drives, and a fake outside."""

from types import TracebackType
from typing import Final, Self

from msgspec import Struct

from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.effects import NoticeKind
from paywall_core.errors import DeliveryFailed
from paywall_core.facts import Mode, Terms
from paywall_core.locales import Locales
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.plans import Plan, PlanCatalogue
from paywall_core.ports.directory import OrderDirectory
from paywall_core.ports.operations import BacklogWatch, InvariantWatch, OrderArchive, OutboxArchive
from paywall_core.ports.unit_of_work import UnitOfWork, UnitOfWorkFactory
from paywall_core.testing.clock import FakeClock, SeededRandomness
from paywall_core.testing.outside import (
    FakeClickTracker,
    FakeCodeMailer,
    FakeCustomerPortal,
    FakeGateway,
    FakeLedger,
    FakeMessenger,
    FakeNoticeMessenger,
)
from paywall_core.testing.store import InMemoryStore
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.activate_access import ActivateAccess
from paywall_core.use_cases.check_invariants import CheckInvariants
from paywall_core.use_cases.confirm_restore import ConfirmRestore
from paywall_core.use_cases.customer_portal import OpenCustomerPortal
from paywall_core.use_cases.deliver_outbox import DeliverOutbox, RetryPolicy
from paywall_core.use_cases.deliveries import Channels, Deliveries
from paywall_core.use_cases.look_up_parked import LookUpParked
from paywall_core.use_cases.operate_order import ReinstateAccess, ResendLink, RevokeAccess
from paywall_core.use_cases.prepare_notices import NoticeChannels, Notices
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.request_restore import RequestRestore
from paywall_core.use_cases.retry_deliveries import RetryDeliveries
from paywall_core.use_cases.start_checkout import StartCheckout
from paywall_core.use_cases.sweep_lapsed import SweepLapsed

PLANS: Final = (
    Plan(name="month", terms=Terms(mode=Mode.ONE_TIME, duration_days=30)),
    Plan(name="life", terms=Terms(mode=Mode.ONE_TIME)),
    Plan(name="monthly", terms=Terms(mode=Mode.SUBSCRIPTION, grace_seconds=72 * 3600)),
)
"""What the state machine sells."""

_SECRET: Final = b"a secret that is known to tests alone"


class Ports(Struct, frozen=True, kw_only=True):
    """Everything of yours that the core writes to and reads from; all of one database, empty at first.

    Attributes:
        unit_of_work: gives a fresh transaction.
        directory: the reads of the hot paths.
        archive, outbox: what operators look up.
        watch: counts what must never be.
        backlog: measures what waits.
    """

    unit_of_work: UnitOfWorkFactory
    directory: OrderDirectory
    archive: OrderArchive
    outbox: OutboxArchive
    watch: InvariantWatch
    backlog: BacklogWatch

    @classmethod
    def of_store(cls, store: InMemoryStore) -> Self:
        """The ports of an in-memory store."""
        archive = store.archive
        return cls(
            unit_of_work=store.unit_of_work,
            directory=store.directory,
            archive=archive,
            outbox=archive,
            watch=archive,
            backlog=archive,
        )


class PowerCut(Exception):  # noqa: N818  - an event, not a fault of the program
    """The process died at the moment at which it would have committed."""


class Doomed(UnitOfWork):
    """A transaction whose process dies instead of committing it."""

    def __init__(self, inner: UnitOfWork) -> None:
        self._inner = inner

    async def __aenter__(self) -> Self:
        """Begin."""
        begun = await self._inner.__aenter__()
        self.orders = begun.orders
        self.payment_events = begun.payment_events
        self.restore_challenges = begun.restore_challenges
        self.tracking_log = begun.tracking_log
        self.outbox = begun.outbox
        self.operator_log = begun.operator_log
        self.reconciliation = begun.reconciliation
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End without a commit."""
        await self._inner.__aexit__(exc_type, exc, traceback)

    async def commit(self) -> None:
        """Die."""
        raise PowerCut


class Service:
    """Every use case, once over `ports`, and two of them over transactions that never commit."""

    def __init__(self, ports: Ports, clock: FakeClock) -> None:
        unit_of_work, randomness = ports.unit_of_work, SeededRandomness()
        self.ports = ports
        self.gateway = FakeGateway(clock)
        self.ledger = FakeLedger()
        self.mailer = FakeMessenger()
        self.chat = FakeMessenger()
        self.code_mailer = FakeCodeMailer()
        self.notices = FakeNoticeMessenger()
        self.tracker = FakeClickTracker()
        self.tokens = AccessTokens([_SECRET])
        self.links = ActivationLinks(tokens=self.tokens, bot_username="bot")
        codes = OneTimeCodes([_SECRET])
        self.start = StartCheckout(
            unit_of_work=unit_of_work,
            gateway=self.gateway,
            plans=PlanCatalogue(PLANS),
            clock=clock,
            randomness=randomness,
            locales=Locales(supported=("en",), default="en"),
        )
        self.record = RecordPayment(unit_of_work=unit_of_work, clock=clock)
        self.activate = ActivateAccess(unit_of_work=unit_of_work, tokens=self.tokens, clock=clock)
        self.status = GetAccessStatus(directory=ports.directory, clock=clock)
        self.request_restore = RequestRestore(unit_of_work=unit_of_work, clock=clock, randomness=randomness)
        self.confirm_restore = ConfirmRestore(unit_of_work=unit_of_work, codes=codes, links=self.links, clock=clock)
        self.revoke = RevokeAccess(unit_of_work=unit_of_work, clock=clock)
        self.reinstate = ReinstateAccess(unit_of_work=unit_of_work, clock=clock)
        self.resend = ResendLink(unit_of_work=unit_of_work, clock=clock)
        self.retry = RetryDeliveries(unit_of_work=unit_of_work, clock=clock)
        self.sweep = SweepLapsed(unit_of_work=unit_of_work, clock=clock)
        self.check = CheckInvariants(watch=ports.watch, archive=ports.archive, clock=clock)
        self.record_and_die = RecordPayment(unit_of_work=lambda: Doomed(unit_of_work()), clock=clock)
        self.activate_and_die = ActivateAccess(
            unit_of_work=lambda: Doomed(unit_of_work()), tokens=self.tokens, clock=clock
        )
        channels = Channels(
            access_mailer=self.mailer,
            code_mailer=self.code_mailer,
            chat_messenger=self.chat,
            click_tracker=self.tracker,
        )
        notices = Notices(
            channels=NoticeChannels(mailer=self.notices, chat=self.notices),
            enabled=tuple(NoticeKind),
            links=self.links,
            open_portal=OpenCustomerPortal(portal=FakeCustomerPortal()),
        )
        look_up = LookUpParked(unit_of_work=unit_of_work, ledger=self.ledger, record_payment=self.record, clock=clock)
        self.worker = DeliverOutbox(
            unit_of_work=unit_of_work,
            deliveries=Deliveries(channels=channels, notices=notices, look_up=look_up, links=self.links, codes=codes),
            clock=clock,
            randomness=randomness,
            policy=RetryPolicy(max_attempts=3),
        )

    def set_outside(self, *, down: bool) -> None:
        """Mail, chat, tracker and the provider's own record fail from now on, or work again."""
        for channel in (self.mailer, self.chat, self.code_mailer, self.notices, self.tracker):
            channel.failure = DeliveryFailed("the far side is down") if down else None
        self.ledger.down = down
