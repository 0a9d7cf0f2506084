"""All use cases over one in-memory store, with an outside world that does what it is told."""

from uuid import UUID

from msgspec import structs

from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.events import (
    PaymentEvent,
    PaymentNotification,
    PaymentSucceeded,
)
from paywall_core.locales import Locales
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.order import Order
from paywall_core.plans import Plan, PlanCatalogue
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.testing import (
    FakeAdPlatform,
    FakeClickTracker,
    FakeClock,
    FakeCodeMailer,
    FakeCustomerPortal,
    FakeGateway,
    FakeMessenger,
    InMemoryStore,
    SeededRandomness,
)
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.activate_access import ActivateAccess, ActivateAccessCommand, GrantedAccess
from paywall_core.use_cases.confirm_restore import ConfirmRestore
from paywall_core.use_cases.customer_portal import OpenCustomerPortal
from paywall_core.use_cases.deliver_outbox import DeliverOutbox, RetryPolicy
from paywall_core.use_cases.deliveries import Channels, Deliveries
from paywall_core.use_cases.forget_challenges import ForgetChallenges
from paywall_core.use_cases.forget_tracking import ForgetTracking
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.request_restore import RequestRestore
from paywall_core.use_cases.session_status import GetSessionStatus
from paywall_core.use_cases.start_checkout import StartCheckout, StartCheckoutCommand, StartedCheckout
from paywall_core.use_cases.sweep_lapsed import SweepLapsed
from paywall_core.use_cases.track_event import TrackAd, TrackFunnel

from ..strategies import FOR_LIFE, ONE_TIME, SUBSCRIPTION, eur  # noqa: TID252  - the tests' own package

COMMAND = StartCheckoutCommand(
    mode="one_time", plan="basic", email=" Anna@Example.com ", clickid="click-1", locale="en-US", telegram_chat_id="42"
)

LOCALES = Locales(supported=("ru", "en"), default="ru")


class World:
    """All use cases over one in-memory store."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = InMemoryStore()
        self.gateway = FakeGateway(self.clock)
        self.portal = FakeCustomerPortal()
        self.mailer = FakeMessenger()
        self.code_mailer = FakeCodeMailer()
        self.messenger = FakeMessenger()
        self.tracker = FakeClickTracker()
        self.ads = FakeAdPlatform()
        self.tokens = AccessTokens([b"a secret of the tests"])
        links = ActivationLinks(tokens=self.tokens, bot_username="bot")
        randomness = SeededRandomness()
        unit_of_work = self.store.unit_of_work
        plans = PlanCatalogue(
            [
                Plan(name="basic", terms=ONE_TIME),
                Plan(name="life", terms=FOR_LIFE),
                Plan(name="monthly", terms=SUBSCRIPTION),
            ]
        )
        self.start = StartCheckout(
            unit_of_work=unit_of_work,
            gateway=self.gateway,
            plans=plans,
            clock=self.clock,
            randomness=randomness,
            locales=LOCALES,
        )
        self.record = RecordPayment(unit_of_work=unit_of_work, clock=self.clock)
        self.session = GetSessionStatus(
            directory=self.store.directory,
            gateway=self.gateway,
            record_payment=self.record,
            links=links,
            clock=self.clock,
        )
        self.activate = ActivateAccess(unit_of_work=unit_of_work, tokens=self.tokens, clock=self.clock)
        self.status = GetAccessStatus(directory=self.store.directory, clock=self.clock)
        self.sweep = SweepLapsed(unit_of_work=unit_of_work, clock=self.clock, batch_size=2)
        self.policy = RetryPolicy(max_attempts=3)
        self.codes = OneTimeCodes([b"a secret of the tests"])
        channels = Channels(
            access_mailer=self.mailer,
            code_mailer=self.code_mailer,
            chat_messenger=self.messenger,
            click_tracker=self.tracker,
            ad_platform=self.ads,
        )
        self.request_restore = RequestRestore(unit_of_work=unit_of_work, clock=self.clock, randomness=randomness)
        self.confirm_restore = ConfirmRestore(
            unit_of_work=unit_of_work, codes=self.codes, links=links, clock=self.clock
        )
        self.forget = ForgetChallenges(unit_of_work=unit_of_work, clock=self.clock)
        self.forget_tracking = ForgetTracking(unit_of_work=unit_of_work, clock=self.clock)
        self.open_portal = OpenCustomerPortal(portal=self.portal)
        self.track_funnel, self.untracked_funnel = (
            TrackFunnel(
                unit_of_work=unit_of_work,
                directory=self.store.directory,
                clock=self.clock,
                randomness=randomness,
                configured=configured,
            )
            for configured in (True, False)
        )
        self.track_ad, self.track_listed_ad = (
            TrackAd(unit_of_work=unit_of_work, clock=self.clock, randomness=randomness, configured=True, names=names)
            for names in ((), ("Lead", "Purchase"))
        )
        self.outbox, self.silent = (
            DeliverOutbox(
                unit_of_work=unit_of_work,
                deliveries=Deliveries(channels=each, links=links, codes=self.codes),
                clock=self.clock,
                randomness=randomness,
                policy=self.policy,
            )
            for each in (channels, Channels())
        )

    def say(
        self,
        event_id: str | None,
        *events: PaymentEvent,
        order_id: UUID | None = None,
        references: tuple[str, ...] = (),
    ) -> PaymentNotification:
        """A notification from the provider."""
        return PaymentNotification(
            event_id=event_id,
            event_type="test",
            occurred_at=self.clock.now(),
            payload=b"{}",
            order_id=order_id,
            references=references,
            events=events,
        )

    def paid(self, started: StartedCheckout, event_id: str | None = "evt_paid") -> PaymentNotification:
        """The purchase's payment."""
        return self.say(
            event_id,
            PaymentSucceeded(
                payment_id="pi_1", paid_at=self.clock.now(), amount=eur(1500), session_id=started.session_id
            ),
            order_id=started.order_id,
            references=(started.session_id, "pi_1"),
        )

    async def buy(self, **changes: str) -> StartedCheckout:
        """A paid purchase."""
        started = await self.start(structs.replace(COMMAND, **changes))
        await self.record(self.paid(started, f"evt_{started.order_id}"))
        return started

    def order(self, order_id: UUID) -> Order:
        """The stored order."""
        return self.store.tables.orders[order_id]

    async def redeem(self, started: StartedCheckout, user: int) -> GrantedAccess:
        """Press the link as this user."""
        token = self.tokens.issue(started.order_id, self.order(started.order_id).facts.token_version)
        return await self.activate(ActivateAccessCommand(activation_token=token, telegram_user_id=user))

    async def deliver_all(self, outbox: DeliverOutbox | None = None) -> list[DeliveryStatus]:
        """Deliver what is due, once."""
        use_case = outbox or self.outbox
        return [await use_case.deliver(delivery) for delivery in await use_case.lease(10)]
