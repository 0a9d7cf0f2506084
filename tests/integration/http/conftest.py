"""The application on a real database, with a signed provider and a faked gateway."""

import hmac
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from adapters.db.database import Database
from adapters.http.app import create_app
from adapters.http.dependencies import HttpDependencies
from adapters.stripe.webhook import StripeWebhook
from entrypoints.server import serving
from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.facts import Mode, Terms
from paywall_core.plans import Plan, PlanCatalogue
from paywall_core.testing import FakeClock, FakeGateway, SeededRandomness
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.activate_access import ActivateAccess
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.session_status import GetSessionStatus
from paywall_core.use_cases.start_checkout import StartCheckout

SECRET = "whsec_test"
INTERNAL = {"X-Internal-Token": "an internal token"}
CHECKOUT = {
    "mode": "one_time",
    "plan": "one_time_basic",
    "email": "anna@example.com",
    "clickid": "click",
    "locale": "en",
}


@dataclass
class Service:
    """The running application and what a test looks at beside it."""

    client: httpx.AsyncClient
    database: Database
    gateway: FakeGateway
    clock: FakeClock
    tokens: AccessTokens

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        """A JSON call."""
        return await self.client.post(path, json=body, headers=headers)

    async def webhook(self, event: dict[str, Any]) -> Any:
        """A signed event of Stripe's."""
        body = msgspec.json.encode(event)
        return await self.client.post("/api/stripe/webhook", content=body, headers=self.signature(body))

    def signature(self, body: bytes) -> dict[str, str]:
        """The header that Stripe would send."""
        seconds = int(self.clock.now().timestamp())
        mac = hmac.new(SECRET.encode(), f"{seconds}.".encode() + body, "sha256").hexdigest()
        return {"stripe-signature": f"t={seconds},v1={mac}"}

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

    async def buy(self) -> dict[str, Any]:
        """A paid purchase; the checkout's answer."""
        started: dict[str, Any] = (await self.post("/api/payment/checkout-session", CHECKOUT)).json()
        assert (await self.webhook(self.paid(started, f"evt_{started['order_id']}"))).status_code == 200
        return started


@pytest.fixture
async def service(database: Database) -> AsyncIterator[Service]:
    """The application on one of the databases."""
    clock = FakeClock(datetime(2026, 1, 1, tzinfo=UTC))
    gateway = FakeGateway(clock)
    tokens = AccessTokens([b"a secret of the tests"])
    record = RecordPayment(unit_of_work=database.unit_of_work, clock=clock)
    plans = PlanCatalogue(
        [
            Plan(name="one_time_basic", terms=Terms(mode=Mode.ONE_TIME, duration_days=30)),
            Plan(name="sub_monthly", terms=Terms(mode=Mode.SUBSCRIPTION, grace_seconds=3600)),
        ]
    )
    dependencies = HttpDependencies(
        start_checkout=StartCheckout(
            unit_of_work=database.unit_of_work,
            gateway=gateway,
            plans=plans,
            clock=clock,
            randomness=SeededRandomness(),
            default_locale="ru",
        ),
        record_payment=record,
        session_status=GetSessionStatus(
            directory=database.directory,
            gateway=gateway,
            record_payment=record,
            links=ActivationLinks(tokens=tokens, bot_username="paywall_bot"),
            clock=clock,
        ),
        activate_access=ActivateAccess(unit_of_work=database.unit_of_work, tokens=tokens, clock=clock),
        access_status=GetAccessStatus(directory=database.directory, clock=clock),
        webhook=StripeWebhook([SECRET]),
        gateway=gateway,
        plans=plans,
        clock=clock,
        readiness=database.is_ready,
        internal_tokens=["an internal token", "an older internal token"],
        default_locale="ru",
        public_base_url="http://testserver.local",
        bot_url="https://t.me/paywall_bot",
        checkout_origins=(),
        cors_origins=(),
        on_recorded=lambda: None,
    )
    async with (
        serving(create_app(dependencies), host="127.0.0.1", port=0) as origin,
        httpx.AsyncClient(base_url=origin) as client,
    ):
        yield Service(client=client, database=database, gateway=gateway, clock=clock, tokens=tokens)
