"""The application as the tests run it: on a real database, over HTTP, with a signed provider and a faked gateway."""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import Any, Final, Protocol

import httpx
import msgspec

from adapters.db.database import Database
from adapters.http.app import create_app
from adapters.http.dependencies import HttpDependencies
from adapters.http.rate_counters import MemoryCounter
from adapters.http.rate_limits import RateLimits
from adapters.i18n import spoken
from adapters.metrics.measures import Measures
from adapters.stripe.webhook import StripeWebhook
from entrypoints.server import serving
from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.email_address import email_key
from paywall_core.facts import Mode, Terms
from paywall_core.locales import Locales
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.plans import Plan, PlanCatalogue
from paywall_core.ports.directory import OrderDirectory
from paywall_core.ports.operations import BacklogWatch, InvariantWatch, OrderArchive
from paywall_core.ports.unit_of_work import UnitOfWork
from paywall_core.restore_challenge import RestoreChallenge
from paywall_core.testing import FakeClock, FakeCustomerPortal, FakeGateway, SeededRandomness
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.activate_access import ActivateAccess
from paywall_core.use_cases.check_invariants import CheckInvariants
from paywall_core.use_cases.confirm_restore import ConfirmRestore
from paywall_core.use_cases.customer_portal import OpenCustomerPortal
from paywall_core.use_cases.measure_backlog import MeasureBacklog
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.record_together import RecordTogether
from paywall_core.use_cases.request_restore import RequestRestore
from paywall_core.use_cases.session_status import GetSessionStatus
from paywall_core.use_cases.start_checkout import StartCheckout
from paywall_core.use_cases.track_event import TrackAd, TrackFunnel

SECRET: Final = "whsec_test"
SECRETS: Final = (b"a secret of the tests",)
INTERNAL: Final = {"X-Internal-Token": "an internal token"}
CHECKOUT: Final = {
    "mode": "one_time",
    "plan": "one_time_basic",
    "email": "anna@example.com",
    "clickid": "click",
    "locale": "en",
}
UNLIMITED: Final = RateLimits(checkout=None, status=None, activation=None, restore=None, tracking=None)
PLANS: Final = PlanCatalogue(
    [
        Plan(name="one_time_basic", terms=Terms(mode=Mode.ONE_TIME, duration_days=30)),
        Plan(name="sub_monthly", terms=Terms(mode=Mode.SUBSCRIPTION, grace_seconds=3600)),
    ]
)


class Watch(InvariantWatch, BacklogWatch, Protocol):
    """What must never be, and what waits."""


class Storage(Protocol):
    """A database: a real one, or the core's in memory."""

    def unit_of_work(self) -> UnitOfWork:
        """A fresh transaction."""
        ...

    @property
    def directory(self) -> OrderDirectory:
        """The hot paths' reads."""
        ...

    @property
    def archive(self) -> OrderArchive:
        """An operator's reads."""
        ...

    @property
    def watch(self) -> Watch:
        """What must never be, and what waits."""
        ...


class CountingCodes(OneTimeCodes):
    """Counts how often an answer was compared with a code."""

    def __init__(self) -> None:
        super().__init__(SECRETS)
        self.compared = 0

    def matches(self, challenge_id: Any, answer: str) -> bool:
        """Count, and compare."""
        self.compared += 1
        return super().matches(challenge_id, answer)


@dataclass
class World:
    """What the application talks to, for a test to look at and to move."""

    clock: FakeClock
    gateway: FakeGateway
    portal: FakeCustomerPortal
    codes: CountingCodes
    tokens: AccessTokens
    randomness: SeededRandomness


_seeds = count()  # several services on one database must not draw the same ids


def new_world() -> World:
    """A world at the start of 2026."""
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    return World(
        clock=clock,
        gateway=FakeGateway(clock),
        portal=FakeCustomerPortal(),
        codes=CountingCodes(),
        tokens=AccessTokens(SECRETS),
        randomness=SeededRandomness(next(_seeds)),
    )


async def always_ready() -> bool:
    """For a database that cannot be away."""
    return True


def http_dependencies(
    storage: Storage,
    world: World,
    *,
    readiness: Callable[[], Awaitable[bool]] = always_ready,
    trackers: bool = True,
    **changes: Any,
) -> HttpDependencies:
    """The application's parts; `changes` replace some of them."""
    clock, randomness = world.clock, world.randomness
    unit_of_work, directory = storage.unit_of_work, storage.directory
    links = ActivationLinks(tokens=world.tokens, bot_username="paywall_bot")
    locales = Locales(supported=spoken(), default="ru")
    record = RecordPayment(unit_of_work=unit_of_work, clock=clock)
    parts = HttpDependencies(
        start_checkout=StartCheckout(
            unit_of_work=unit_of_work,
            gateway=world.gateway,
            plans=PLANS,
            clock=clock,
            randomness=randomness,
            locales=locales,
        ),
        record_payment=RecordTogether(record),
        session_status=GetSessionStatus(
            directory=directory, gateway=world.gateway, record_payment=record, links=links, clock=clock
        ),
        activate_access=ActivateAccess(unit_of_work=unit_of_work, tokens=world.tokens, clock=clock),
        access_status=GetAccessStatus(directory=directory, clock=clock),
        request_restore=RequestRestore(unit_of_work=unit_of_work, clock=clock, randomness=randomness),
        confirm_restore=ConfirmRestore(unit_of_work=unit_of_work, codes=world.codes, links=links, clock=clock),
        customer_portal=OpenCustomerPortal(portal=world.portal),
        track_funnel=TrackFunnel(
            unit_of_work=unit_of_work, directory=directory, clock=clock, randomness=randomness, configured=trackers
        ),
        track_ad=TrackAd(unit_of_work=unit_of_work, clock=clock, randomness=randomness, configured=trackers),
        webhook=StripeWebhook([SECRET]),
        gateway=world.gateway,
        plans=PLANS,
        clock=clock,
        readiness=readiness,
        check_invariants=CheckInvariants(watch=storage.watch, archive=storage.archive, clock=clock),
        measure_backlog=MeasureBacklog(watch=storage.watch, clock=clock),
        measures=Measures(plan.name for plan in PLANS),
        internal_tokens=["an internal token", "an older internal token"],
        locales=locales,
        public_base_url="http://testserver.local",
        bot_url="https://t.me/paywall_bot",
        checkout_origins=(),
        cors_origins=("https://quiz.example",),
        rate_limits=UNLIMITED,
        rate_counter=MemoryCounter(),
        trusted_proxies=(),
    )
    return replace(parts, **changes)


@dataclass
class Service:
    """The running application and what a test looks at beside it."""

    client: httpx.AsyncClient
    database: Database
    world: World

    @property
    def clock(self) -> FakeClock:
        """Its time."""
        return self.world.clock

    @property
    def gateway(self) -> FakeGateway:
        """Its payment provider."""
        return self.world.gateway

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        """A JSON call."""
        return await self.client.post(path, json=body, headers=headers)

    async def webhook(self, event: dict[str, Any]) -> httpx.Response:
        """A signed event of Stripe's."""
        body = msgspec.json.encode(event)
        return await self.client.post("/api/stripe/webhook", content=body, headers=self.signature(body))

    def signature(self, body: bytes) -> dict[str, str]:
        """The header that Stripe would send."""
        return signature(body, self.clock)

    def paid(self, started: dict[str, Any], event_id: str = "evt_1", **changes: Any) -> dict[str, Any]:
        """The event of a paid checkout."""
        session = {
            "id": started["session_id"],
            "object": "checkout.session",
            "mode": "payment",
            "status": "complete",
            "payment_status": "paid",
            "payment_intent": f"pi_{started['order_id']}",
            "amount_total": 1500,
            "currency": "eur",
            "metadata": {"order_id": started["order_id"]},
            **changes,
        }
        return {
            "id": event_id,
            "object": "event",
            "type": "checkout.session.completed",
            "created": int(self.clock.now().timestamp()),
            "data": {"object": session},
        }

    async def checkout(self, **changes: Any) -> dict[str, Any]:
        """A checkout that was started; the call's answer."""
        answer = await self.post("/api/payment/checkout-session", {**CHECKOUT, **changes})
        assert answer.status_code == 200, answer.text
        started: dict[str, Any] = answer.json()
        return started

    async def buy(self, **changes: Any) -> dict[str, Any]:
        """A paid purchase; the checkout's answer."""
        started = await self.checkout(**changes)
        assert (await self.webhook(self.paid(started, f"evt_{started['order_id']}"))).status_code == 200
        return started

    async def refund(self, started: dict[str, Any]) -> None:
        """All the money of a purchase goes back."""
        refund = {
            "id": f"re_{started['order_id']}",
            "amount": 1500,
            "currency": "eur",
            "status": "succeeded",
            "payment_intent": f"pi_{started['order_id']}",
        }
        event = {"id": f"evt_{refund['id']}", "object": "event", "type": "refund.created", "created": 1}
        assert (await self.webhook({**event, "data": {"object": refund}})).status_code == 200

    async def status(self, started: dict[str, Any]) -> dict[str, Any]:
        """How the purchase's session stands."""
        answer = await self.client.get(f"/api/payment/session-status?session_id={started['session_id']}")
        status: dict[str, Any] = answer.json()
        return status

    async def link(self, started: dict[str, Any]) -> str:
        """The purchase's link."""
        return str((await self.status(started))["activation_link"])

    async def challenge(self, email: str = "anna@example.com") -> RestoreChallenge | None:
        """The address's challenge."""
        async with self.database.unit_of_work() as uow:
            return await uow.restore_challenges.hold(email_key(email))

    async def code(self, email: str = "anna@example.com") -> str:
        """The code that the worker would mail."""
        challenge = await self.challenge(email)
        assert challenge is not None
        return self.world.codes.derive(challenge.id)


def token_of(link: str | None) -> str:
    """The token in an activation link."""
    assert link is not None
    assert link.startswith("https://t.me/paywall_bot?start=")
    return link.removeprefix("https://t.me/paywall_bot?start=")


def signature(body: bytes, clock: FakeClock) -> dict[str, str]:
    """The header that Stripe would send."""
    seconds = int(clock.now().timestamp())
    mac = hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, "sha256").hexdigest()
    return {"stripe-signature": f"t={seconds},v1={mac}"}


def check_problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """It is an RFC 9457 problem of this code."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["type"] == f"urn:paywall:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    return problem


def wrong_fields(answer: httpx.Response) -> dict[str, str]:
    """The fields of an invalid request, each with its message."""
    problem = check_problem(answer, 400, "validation_failed")
    found = {error["field"]: error["message"] for error in problem["errors"]}
    assert len(found) == len(problem["errors"])
    return found


@asynccontextmanager
async def client_of(parts: HttpDependencies) -> AsyncIterator[httpx.AsyncClient]:
    """The application of these parts on a port of its own, and a client of it."""
    async with (
        serving(create_app(parts), host="127.0.0.1", port=0) as origin,
        httpx.AsyncClient(base_url=origin, timeout=30) as client,
    ):
        yield client


@asynccontextmanager
async def running(database: Database, **changes: Any) -> AsyncIterator[Service]:
    """The application on a port of its own; `changes` as in `http_dependencies`, and `storage` in place of it."""
    world = new_world()
    measures = Measures(plan.name for plan in PLANS)
    database.on_changed = measures.changed
    parts = {"storage": database, "readiness": database.is_ready, "measures": measures, **changes}
    async with client_of(http_dependencies(parts.pop("storage"), world, **parts)) as client:
        yield Service(client=client, database=database, world=world)
