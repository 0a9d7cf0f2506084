"""One history: a deployment, the world around it, and some dozens of steps in which things happen and go wrong.

    phase one   steps: customers, Stripe, workers and operators act; faults strike; safety is checked after every step
    phase two   nothing fails any more: within `HEALING` everything owed must have come, and stays right afterwards

Everything that is drawn comes from the seed, each step from a source of its own: a step that is left out (when a
failure is shrunk) changes nothing of what the others draw.
"""

import random
import sqlite3
from collections.abc import Callable, Collection, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from adapters.db.connection import database_errors
from adapters.stripe.webhook import StripeWebhook
from paywall_core.errors import IllegalTransition, PaywallError
from paywall_core.facts import Mode, Terms
from paywall_core.plans import Plan, PlanCatalogue
from paywall_core.ports.clock import Clock
from paywall_core.ports.delivery import AccessMessage, ClickReport, CodeMessage
from paywall_core.use_cases.deliveries import Channels
from paywall_core.use_cases.prepare_notices import NoticeChannels

from .doors import OutgoingDoor, StripeDoor
from .faults import Fault, Faults
from .loop import SimulatedLoop
from .process import LEASED_AT, Outside, Process, Site
from .sqlite import ProcessDied
from .stripe import BEGIN, SimulatedStripe, StripeEvent, sign
from .truth import Claims, Register

PLANS: Final = PlanCatalogue(
    [
        Plan(name="basic", terms=Terms(mode=Mode.ONE_TIME, duration_days=30)),
        Plan(name="life", terms=Terms(mode=Mode.ONE_TIME)),
        Plan(name="monthly", terms=Terms(mode=Mode.SUBSCRIPTION, grace_seconds=48 * 3600)),
    ]
)
WEBHOOK: Final = StripeWebhook(["whsec_simulation"])
SITES: Final = ("api-1", "api-2", "worker-1", "worker-2")
_LEASE_SECONDS: Final = 120.0
_TURNS: Final = (
    0,
    10,
    50,
    200,
    1000,
    1000,
)  # of the loop in one step: some tasks are done at once, some take many steps


class Violation(AssertionError):  # noqa: N818  - what it is called in the field
    """One of the laws does not hold."""


class Machine:
    """What histories share: the directory of the database file, and the sites where processes run."""

    def __init__(self, directory: Path, template: Path) -> None:
        self._directory = directory
        self._template = template.read_bytes()
        self._histories = 0
        self.path = directory / "history-0.db"
        self.sites = [Site(name, self.path) for name in SITES]
        self.reset()

    def reset(self) -> None:
        """An empty database with our schema: a new file, so that nothing of the history before can reach it."""
        for site in self.sites:
            site.abandon()
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        self._histories += 1
        self.path = self._directory / f"history-{self._histories}.db"
        self.path.write_bytes(self._template)
        for site in self.sites:
            site.path = self.path


class MachineClock(Clock):
    """The clock of the machine that the product runs on; it may be wrong."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self.skew = timedelta()

    def true_now(self) -> datetime:
        """What time it is."""
        return BEGIN + timedelta(seconds=self._loop.time())

    def now(self) -> datetime:
        """What time the machine thinks it is."""
        return self.true_now() + self.skew


@dataclass(kw_only=True, eq=False)
class Customer:
    """A person with an address, two Telegram accounts, and what was received so far.

    Attributes:
        links: of each order, the links that the customer has seen, the newest last.
        codes: one-time codes that were mailed, the newest last.
        proven: own accounts for which a right code was ever given: each of the customer's orders may be bound to them.
        chat: the private chat named at checkout, or None.
    """

    number: int
    email: str
    users: tuple[int, int]
    chat: str | None
    clickid: str
    orders: list[UUID] = field(default_factory=list)
    links: dict[UUID, list[str]] = field(default_factory=dict)
    codes: list[str] = field(default_factory=list)
    proven: set[int] = field(default_factory=set)


class Simulation:
    """The world of one history.

    Args:
        machine: where it runs; used by one history at a time.
        seed: all that is drawn follows from it.
        without: steps that are left out.
    """

    def __init__(self, machine: Machine, seed: int, *, without: Collection[int] = ()) -> None:
        self.seed = seed
        self.choice = random.Random(f"{seed}")  # noqa: S311  - repeatable on purpose
        self.without = frozenset(without)
        self.loop = SimulatedLoop(self.choice)
        self.clock = MachineClock(self.loop)
        self.faults = Faults(self.choice)
        self.stripe = SimulatedStripe(self.clock.true_now)
        self.claims: Register = {}
        self.sales: dict[str, int] = {}
        self.mails: dict[str, AccessMessage] = {}
        self.story: list[str] = []
        self.failed: Violation | None = None
        self.reconciled_at = self.clock.true_now()
        self.busy = 0
        self.jumps = 0
        self._step = 0
        self._machine = machine
        machine.reset()
        self.observer = sqlite3.connect(f"file:{machine.path}?mode=ro", uri=True, isolation_level=None)
        self._births = 0
        self.processes = [self._start(site) for site in machine.sites]
        self.customers = [self._customer(number) for number in range(self.choice.randint(1, 3))]

    # The steps.

    def run(self, steps: int, act: Callable[["Simulation"], None], check: Callable[["Simulation"], None]) -> None:
        """Phase one.

        Raises:
            Violation: a law was broken; the story so far is in `story`.
        """
        for self._step in range(steps):
            self.choice.seed(f"{self.seed}/{self._step}")
            if self._step not in self.without:
                act(self)
                self.loop.run_turns(self.choice.choice(_TURNS))
                self._count_races()
                check(self)
                if self.failed:
                    raise self.failed

    def close(self) -> None:
        """End all processes, let their tasks unwind, and let go of the database."""
        for process in self.processes:
            process.die()
        self.loop.drain()
        self.observer.close()
        for site in self._machine.sites:
            site.abandon()
        self.loop.close()

    def tell(self, text: str) -> None:
        """A line of the story."""
        skew = f" (clock {self.clock.skew})" if self.clock.skew else ""
        self.story.append(f"step {self._step:3d}  {self.clock.true_now():%m-%d %H:%M:%S}{skew}  {text}")

    def violation(self, text: str) -> None:
        """A law is broken: the history ends with this step."""
        self.tell(f"VIOLATION {text}")
        if self.failed is None:
            self.failed = Violation(text)

    def attempt(self, process: Process, what: str, work: Coroutine[Any, Any, None]) -> None:
        """Somebody does something by this process; whatever of the foreseen goes wrong with it is part of the story."""
        self.tell(f"{process.name}: {what}")
        self.busy += 1
        self.loop.start(process.name, self._attempt(process, what, work))

    async def _attempt(self, process: Process, what: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except ProcessDied:
            self.tell(f"{process.name}: died while it was to {what}")
        except IllegalTransition as error:
            if not what.startswith("operator"):  # an operator may ask for what the state does not allow
                self.violation(f"{what}: {error}")
        except database_errors(PaywallError) as error:
            self.tell(f"{process.name}: {what}: {type(error).__name__}: {str(error).splitlines()[0][:100]}")
        except Exception as error:  # noqa: BLE001  - whatever else it is, it is a bug, and the history tells of it
            self.violation(f"{what} crashed: {error!r}")
        finally:
            self.busy -= 1

    # Processes.

    def alive(self) -> list[Process]:
        """Those that run; if none does, one is started."""
        running = [process for process in self.processes if process.is_alive]
        return running or [self.restart(0)]

    def any_process(self) -> Process:
        """One of those that run."""
        return self.choice.choice(self.alive())

    def restart(self, place: int) -> Process:
        """Start a process where one has died."""
        process = self._start(self._machine.sites[place])
        self.processes[place] = process
        self.tell(f"{process.name} started")
        return process

    def _start(self, site: Site) -> Process:
        self._births += 1
        faults, choice = self.faults, self.choice
        process = Process(site, self._births, faults=faults, now=self.loop.time)
        stripe = StripeDoor(self.stripe, process, faults, self.clock, PLANS)

        def door(*failures: Fault) -> OutgoingDoor:
            return OutgoingDoor(process, faults, choice, self._arrived, (failures[0], failures[1]))

        mail = door(Fault.MAIL_FAILED, Fault.MAIL_ANSWER_LOST)
        chat = door(Fault.CHAT_FAILED, Fault.CHAT_ANSWER_LOST)
        tracker = door(Fault.TRACKER_FAILED, Fault.TRACKER_ANSWER_LOST)
        outside = Outside(
            gateway=stripe,
            ledger=stripe,
            portal=stripe,
            channels=Channels(access_mailer=mail, code_mailer=mail, chat_messenger=chat, click_tracker=tracker),
            notice_channels=NoticeChannels(mailer=mail, chat=chat),
        )
        process.wire(outside, clock=self.clock, plans=PLANS, seed=self.seed * 1000 + self._births)
        return process

    # What arrives outside.

    def _arrived(self, process: Process, key: str, what: object) -> None:
        """Something reached somebody. What was delivered already may not come again, unless a lease had run out."""
        row = self.observer.execute("SELECT status FROM outbox WHERE key = ?", (key,)).fetchone()
        leased_for = self.loop.time() - LEASED_AT.get()
        if row is None:
            self.violation(f"{key} went out, and nobody owed it")
        elif row[0] != "pending" and leased_for < _LEASE_SECONDS and not self.jumps:
            self.violation(f"{key} went out again, and was {row[0]} already")
        self.tell(f"{process.name}: {key} arrived")
        if isinstance(what, AccessMessage):
            self.mails[key] = what
            self.see_link(what.order_id, what.activation_link)
        elif isinstance(what, CodeMessage):
            for customer in self.customers:
                if customer.email == what.to:
                    customer.codes.append(what.code)
        elif isinstance(what, ClickReport):
            self.sales[key] = self.sales.get(key, 0) + 1

    def see_link(self, order_id: UUID, link: str) -> None:
        """The customer has a link in hands."""
        for customer in self.customers:
            if order_id in customer.orders and link not in customer.links.setdefault(order_id, []):
                customer.links[order_id].append(link)

    def claims_of(self, order_id: UUID) -> Claims:
        """Who has proven what about this order."""
        return self.claims.setdefault(order_id, Claims())

    def has_proven(self, user: int, order_id: UUID) -> bool:
        """Whether a user ever handed in a link of this order's, or the right code for its address."""
        purchase = self.stripe.purchases.get(order_id)
        by_code = any(user in one.proven for one in self.customers if purchase and one.email == purchase.email)
        return by_code or user in self.claims_of(order_id).presented

    # Stripe's webhooks.

    async def deliver(self, process: Process, event: StripeEvent) -> None:
        """Stripe posts an event; it counts as told when the answer says so."""
        event.under_way += 1
        try:
            at = int(self.clock.true_now().timestamp())
            notification = WEBHOOK.read(event.body, sign(event.body, at), now=self.clock.now())
            await process.record_payment(notification)
            process.check_alive()
            if not self.faults.strikes(Fault.ACKNOWLEDGEMENT_LOST):
                event.told += 1
        finally:
            event.under_way -= 1

    # Helpers.

    def calm(self, work: Callable[[Process], Coroutine[Any, Any, object]]) -> None:
        """Do something that must not fail, while nothing goes wrong."""
        rates, self.faults.rates = self.faults.rates, {}
        skew, self.clock.skew = self.clock.skew, timedelta()
        process = self.alive()[0]
        with suppress(ProcessDied):
            self.loop.finish(work(process), process.name)
        self.faults.rates, self.clock.skew = rates, skew

    def _customer(self, number: int) -> Customer:
        first = 100 * (number + 1)
        draw = self.choice.random
        return Customer(
            number=number,
            email=f"Customer{number}@Example.com",
            users=(first + 1, first + 2),
            chat=str(first + 1) if draw() < 0.5 else None,
            clickid=f"click-{number}" if draw() < 0.5 else "",
        )

    def _count_races(self) -> None:
        if self.loop.races:
            self.faults.struck[Fault.RACED] += self.loop.races
            self.loop.races = 0
