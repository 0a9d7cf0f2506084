"""All use cases over one in-memory store, with an outside world that does what it is told."""

from collections import Counter
from collections.abc import Collection
from uuid import UUID

from msgspec import structs

from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.effects import NoticeKind, SendNotice
from paywall_core.events import CheckoutCompleted, PaymentEvent, PaymentSucceeded
from paywall_core.facts import Period
from paywall_core.lifecycle import State
from paywall_core.locales import Locales
from paywall_core.notification import PaymentNotification
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.operator import Operator
from paywall_core.order import Order
from paywall_core.plans import Plan, PlanCatalogue
from paywall_core.ports.delivery import NoticeMessage
from paywall_core.ports.payments import ListedEvent
from paywall_core.ports.unit_of_work import DeliveryStatus
from paywall_core.testing import (
    FakeAdPlatform,
    FakeClickTracker,
    FakeClock,
    FakeCodeMailer,
    FakeCustomerPortal,
    FakeGateway,
    FakeLedger,
    FakeMessenger,
    FakeNoticeMessenger,
    InMemoryStore,
    OutboxRow,
    SeededRandomness,
)
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.activate_access import ActivateAccess, ActivateAccessCommand, GrantedAccess
from paywall_core.use_cases.check_invariants import CheckInvariants
from paywall_core.use_cases.confirm_restore import ConfirmRestore
from paywall_core.use_cases.customer_portal import OpenCustomerPortal
from paywall_core.use_cases.deliver_outbox import DeliverOutbox, RetryPolicy
from paywall_core.use_cases.deliveries import Channels, Deliveries
from paywall_core.use_cases.forget_challenges import ForgetChallenges
from paywall_core.use_cases.forget_tracking import ForgetTracking
from paywall_core.use_cases.look_up_parked import LookUpParked
from paywall_core.use_cases.operate_order import ReinstateAccess, ResendLink, RevokeAccess
from paywall_core.use_cases.place_lost import PlaceLostOrders
from paywall_core.use_cases.prepare_notices import NoticeChannels, Notices
from paywall_core.use_cases.reconcile import Reconcile
from paywall_core.use_cases.record_payment import RecordedPayment, RecordPayment
from paywall_core.use_cases.request_restore import RequestRestore
from paywall_core.use_cases.retry_deliveries import RetryDeliveries
from paywall_core.use_cases.session_status import GetSessionStatus
from paywall_core.use_cases.start_checkout import StartCheckout, StartCheckoutCommand, StartedCheckout
from paywall_core.use_cases.sweep_lapsed import SweepLapsed
from paywall_core.use_cases.track_event import TrackAd, TrackFunnel

from ..strategies import DAY, FOR_LIFE, ONE_TIME, SUBSCRIPTION, eur  # noqa: TID252  - the tests' own package

COMMAND = StartCheckoutCommand(
    mode="one_time", plan="basic", email=" Anna@Example.com ", clickid="click-1", locale="en-US", telegram_chat_id="42"
)

ANNA = Operator(by="anna", why="the customer asked")

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
        self.notice_mailer = FakeNoticeMessenger()
        self.notice_chat = FakeNoticeMessenger()
        self.ledger = FakeLedger()
        self.tracker = FakeClickTracker()
        self.ads = FakeAdPlatform()
        self.tokens = AccessTokens([b"a secret of the tests"])
        self.links = links = ActivationLinks(tokens=self.tokens, bot_username="bot")
        self.randomness = randomness = SeededRandomness()
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
        self.look_up = LookUpParked(
            unit_of_work=unit_of_work, ledger=self.ledger, record_payment=self.record, clock=self.clock
        )
        self.place_lost = PlaceLostOrders(unit_of_work=unit_of_work, plans=plans)
        self.reconcile = Reconcile(
            unit_of_work=unit_of_work,
            ledger=self.ledger,
            gateway=self.gateway,
            archive=self.store.archive,
            directory=self.store.directory,
            record_payment=self.record,
            place_lost=self.place_lost,
            clock=self.clock,
        )
        self.revoke = RevokeAccess(unit_of_work=unit_of_work, clock=self.clock)
        self.reinstate = ReinstateAccess(unit_of_work=unit_of_work, clock=self.clock)
        self.resend = ResendLink(unit_of_work=unit_of_work, clock=self.clock)
        self.retry = RetryDeliveries(unit_of_work=unit_of_work, clock=self.clock)
        self.check = CheckInvariants(watch=self.store.archive, archive=self.store.archive, clock=self.clock)
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
        notice_channels = NoticeChannels(mailer=self.notice_mailer, chat=self.notice_chat)
        self.outbox = self.worker(channels, notice_channels)
        self.silent = self.worker(Channels(), NoticeChannels())
        self._said = 0

    def worker(
        self,
        channels: Channels,
        notice_channels: NoticeChannels,
        enabled: Collection[NoticeKind] = tuple(NoticeKind),
    ) -> DeliverOutbox:
        """An outbox worker over these ways to the outside."""
        notices = Notices(channels=notice_channels, enabled=enabled, links=self.links, open_portal=self.open_portal)
        return DeliverOutbox(
            unit_of_work=self.store.unit_of_work,
            deliveries=Deliveries(
                channels=channels, notices=notices, look_up=self.look_up, links=self.links, codes=self.codes
            ),
            clock=self.clock,
            randomness=self.randomness,
            policy=self.policy,
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

    async def start_subscription(self, **changes: str) -> StartedCheckout:
        """A subscription that is not paid yet."""
        return await self.start(structs.replace(COMMAND, mode="subscription", plan="monthly", **changes))

    async def subscribe(self, period: Period | None = None, **changes: str) -> StartedCheckout:
        """A subscription whose first invoice `in_1` is paid; thirty days from now, unless another period is given."""
        now = self.clock.now()
        started = await self.start_subscription(**changes)
        subscription = f"sub_{started.order_id}"
        await self.learn(
            started,
            CheckoutCompleted(session_id=started.session_id, subscription_id=subscription),
            PaymentSucceeded(
                payment_id="in_1",
                paid_at=now,
                amount=eur(900),
                period=period or Period(start=now, end=now + 30 * DAY),
                payment_intent_id="pi_1",
                subscription_id=subscription,
            ),
        )
        return started

    async def learn(self, started: StartedCheckout, *events: PaymentEvent) -> RecordedPayment:
        """The provider pushes an event about this order."""
        self._said += 1
        return await self.record(self.say(f"evt_{self._said}", *events, order_id=started.order_id))

    def put_on_record(self, said: PaymentNotification) -> ListedEvent:
        """The provider has this event on record."""
        listed = ListedEvent(
            event_id=said.event_id or "", event_type=said.event_type, occurred_at=said.occurred_at, notification=said
        )
        self.ledger.events.append(listed)
        return listed

    def state(self, started: StartedCheckout) -> State:
        """The order's state on record."""
        return self.order(started.order_id).state

    def rows(self, *kinds: NoticeKind) -> list[OutboxRow]:
        """The outbox rows of these kinds of notice."""
        return [r for r in self.store.outbox if isinstance(r.effect, SendNotice) and r.effect.kind in kinds]

    @property
    def told(self) -> list[NoticeMessage]:
        """What the customers were told, by mail first."""
        return self.notice_mailer.sent + self.notice_chat.sent

    @property
    def statuses(self) -> Counter[DeliveryStatus]:
        """How far the outbox is."""
        return Counter(row.status for row in self.store.outbox)

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
        return [await use_case.deliver(delivery) for delivery in await use_case.lease(20)]
