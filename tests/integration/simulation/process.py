"""One process of the simulated deployment: the real use cases over the real SQL adapter, and a life that may end.

A process that dies does so at once: its connections are gone, what was not committed is rolled back, and none of its
tasks has any effect any more, however it unwinds.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final

from adapters.db.database import Database
from adapters.db.pool import SqlitePool
from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.effects import NoticeKind
from paywall_core.errors import DeliveryFailed
from paywall_core.locales import Locales
from paywall_core.notification import PaymentNotification
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.plans import PlanCatalogue
from paywall_core.ports.clock import Clock
from paywall_core.ports.payments import CustomerPortal, PaymentGateway, PaymentLedger
from paywall_core.ports.unit_of_work import Delivery
from paywall_core.testing import SeededRandomness
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.activate_access import ActivateAccess
from paywall_core.use_cases.check_invariants import CheckInvariants
from paywall_core.use_cases.confirm_restore import ConfirmRestore
from paywall_core.use_cases.customer_portal import OpenCustomerPortal
from paywall_core.use_cases.deliver_outbox import DeliverOutbox, RetryPolicy
from paywall_core.use_cases.deliveries import Channels, Deliveries
from paywall_core.use_cases.delivering import Send, Unwanted
from paywall_core.use_cases.hasten_deliveries import HastenDeliveries
from paywall_core.use_cases.look_up_parked import LookUpParked
from paywall_core.use_cases.operate_order import ReinstateAccess, ResendLink, RevokeAccess
from paywall_core.use_cases.place_lost import PlaceLostOrders
from paywall_core.use_cases.prepare_notices import NoticeChannels, Notices
from paywall_core.use_cases.reconcile import Reconcile
from paywall_core.use_cases.record_payment import RecordedPayment, RecordPayment
from paywall_core.use_cases.record_together import RecordTogether
from paywall_core.use_cases.request_restore import RequestRestore
from paywall_core.use_cases.retry_deliveries import RetryDeliveries
from paywall_core.use_cases.session_status import GetSessionStatus
from paywall_core.use_cases.start_checkout import StartCheckout
from paywall_core.use_cases.sweep_lapsed import SweepLapsed

from .faults import Fault, Faults
from .loop import OWNER
from .sqlite import ProcessDied, SimulatedConnection, disk_error

LEASED_AT: Final[ContextVar[float]] = ContextVar("leased_at")
"""When the delivery that is under way was leased, in seconds of the loop's clock."""

SECRET: Final = b"the secret of the simulated deployment"
TOKENS: Final = AccessTokens([SECRET])
CODES: Final = OneTimeCodes([SECRET])
LINKS: Final = ActivationLinks(tokens=TOKENS, bot_username="bot")
LOCALES: Final = Locales(supported=("ru", "en"), default="ru")
_BATCH: Final = 8
_POLICY: Final = RetryPolicy()


class Site:
    """One place where a process runs, again and again: what it has open is gone when the next one comes."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.host: Process | None = None
        self.path = path
        self._open: list[SimulatedConnection] = []

    def occupy(self, host: "Process") -> Database:
        """From now on connections belong to this process; its database, with nothing open."""
        self.abandon()
        self.host = host
        pool = SqlitePool(str(self.path), connect=self._connect)
        return Database(f"sqlite+aiosqlite:///{self.path}", pool=pool)

    def abandon(self) -> None:
        """Drop all connections, as a killed process does."""
        for connection in self._open:
            connection.abandon()
        self._open.clear()

    async def _connect(self) -> SimulatedConnection:
        if self.host is None or OWNER.get() != self.host.name:
            raise ProcessDied  # what is left of the process before this one
        connection = SimulatedConnection(self.path, self.host)
        await connection
        self._open.append(connection)
        return connection


class Outside:
    """The ways out of a process, each a port of the core's; see `outside.py` and `stripe_doors.py`."""

    def __init__(
        self,
        *,
        gateway: PaymentGateway,
        ledger: PaymentLedger,
        portal: CustomerPortal,
        channels: Channels,
        notice_channels: NoticeChannels,
    ) -> None:
        self.gateway = gateway
        self.ledger = ledger
        self.portal = portal
        self.channels = channels
        self.notice_channels = notice_channels


class _CountedTogether(RecordTogether):
    """Says how often webhooks shared a transaction: what else fails is meant to fail in those, too."""

    def __init__(self, record: RecordPayment, faults: Faults, *, lanes: int) -> None:
        super().__init__(record, lanes=lanes)
        self._faults = faults

    async def do_all(self, asked: Sequence[PaymentNotification]) -> Sequence[RecordedPayment | Exception]:
        """Count it."""
        if len(asked) > 1:
            self._faults.happened(Fault.TOGETHER)
        return await super().do_all(asked)


class _CountedDeliveries(DeliverOutbox):
    """Says how often deliveries were prepared by one transaction."""

    def __init__(self, faults: Faults, **more: Any) -> None:
        super().__init__(**more)
        self._faults = faults

    async def _prepare_all(self, deliveries: Sequence[Delivery]) -> Sequence[Send | Unwanted | DeliveryFailed]:
        if len(deliveries) > 1:
            self._faults.happened(Fault.DELIVERED_TOGETHER)
        return await super()._prepare_all(deliveries)


class Process:
    """A running process: an API, a worker and a bot in one, so that each may do anything at any time.

    Attributes:
        name: unique in the history; also the owner of its tasks.
        is_alive: until it dies.
    """

    def __init__(self, site: Site, number: int, *, faults: Faults, now: Callable[[], float]) -> None:
        self.site = site
        self.name = f"{site.name}.{number}"
        self.is_alive = True
        self._faults = faults
        self._now = now
        self.database = site.occupy(self)

    def wire(self, outside: Outside, *, clock: Clock, plans: PlanCatalogue, seed: int) -> None:
        """Put the use cases together, as the container does."""
        database = self.database
        unit_of_work, directory = database.unit_of_work, database.directory
        gateway, randomness = outside.gateway, SeededRandomness(seed)
        common: dict[str, Any] = {"unit_of_work": unit_of_work, "clock": clock}
        self.start_checkout = StartCheckout(
            **common, gateway=gateway, plans=plans, randomness=randomness, locales=LOCALES
        )
        record = RecordPayment(**common)
        self.record_payment = _CountedTogether(record, self._faults, lanes=database.writers)
        self.session_status = GetSessionStatus(
            directory=directory, gateway=gateway, record_payment=record, links=LINKS, clock=clock
        )
        self.activate = ActivateAccess(**common, tokens=TOKENS)
        self.access_status = GetAccessStatus(directory=directory, clock=clock)
        self.sweep = SweepLapsed(**common)
        self.hasten = HastenDeliveries(**common, policy=_POLICY)
        self.reconcile = Reconcile(
            **common,
            ledger=outside.ledger,
            gateway=gateway,
            archive=database.archive,
            directory=directory,
            record_payment=record,
            place_lost=PlaceLostOrders(unit_of_work=unit_of_work, plans=plans),
        )
        self.request_restore = RequestRestore(**common, randomness=randomness)
        self.confirm_restore = ConfirmRestore(**common, codes=CODES, links=LINKS)
        self.revoke = RevokeAccess(**common)
        self.reinstate = ReinstateAccess(**common)
        self.resend = ResendLink(**common)
        self.retry = RetryDeliveries(**common)
        self.check = CheckInvariants(watch=database.watch, archive=database.archive, clock=clock)
        notices = Notices(
            channels=outside.notice_channels,
            enabled=tuple(NoticeKind),
            links=LINKS,
            open_portal=OpenCustomerPortal(portal=outside.portal),
        )
        deliveries = Deliveries(
            channels=outside.channels,
            notices=notices,
            look_up=LookUpParked(**common, ledger=outside.ledger, record_payment=record),
            links=LINKS,
            codes=CODES,
        )
        self.outbox = _CountedDeliveries(
            self._faults, **common, deliveries=deliveries, randomness=randomness, policy=_POLICY
        )

    async def work(self) -> int:
        """One round of the worker's: lease, and deliver side by side; how many were leased."""
        LEASED_AT.set(self._now())  # of this round: what it delivers inherits it
        leased: Sequence[Delivery] = await self.outbox.lease(_BATCH)
        done = await asyncio.gather(*(self.outbox.deliver(one) for one in leased), return_exceptions=True)
        # As the worker: what one delivery raises stops no other, and its lease runs out. A death stops all.
        for one in done:
            if isinstance(one, BaseException) and not isinstance(one, Exception):
                raise one
        return len(leased)

    async def step(self) -> None:
        """An await: others may go, and the process may die."""
        self.check_alive()
        await asyncio.sleep(0)
        self.check_alive()
        if self._faults.strikes(Fault.DIED):
            self.die()
            raise ProcessDied

    def check_alive(self) -> None:
        """Nothing that a dead process tries has any effect."""
        if not self.is_alive or OWNER.get() != self.name:
            raise ProcessDied

    def die(self) -> None:
        """Now, without a word."""
        self.is_alive = False
        self.site.abandon()

    async def before_statement(self, sql: str) -> None:
        """A statement is a chance for everything to happen."""
        await self.step()
        if sql == "COMMIT":
            if self._faults.strikes(Fault.DIED_BEFORE_COMMIT):
                self.die()
                raise ProcessDied
            if self._faults.strikes(Fault.COMMIT_FAILED):
                raise disk_error("the commit")
        elif self._faults.strikes(Fault.STATEMENT_FAILED):
            raise disk_error("the statement")

    def after_statement(self, sql: str) -> None:
        """A commit that is done, and nobody knows."""
        if sql != "COMMIT":
            return
        if self._faults.strikes(Fault.DIED_AFTER_COMMIT):
            self.die()
            raise ProcessDied
        if self._faults.strikes(Fault.COMMIT_UNKNOWN):
            raise disk_error("the answer to the commit")
