"""The composition root: which adapter stands behind which port. The only module that imports dependency-injector.

Everything is built synchronously and connects to nothing; what must be closed is closed by `processes.py`.
"""

import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit
from uuid import UUID

from dependency_injector import containers, providers

from adapters.bot.api_client import PaywallApi
from adapters.bot.messenger import TelegramAccessMessenger
from adapters.db.database import Database
from adapters.http.dependencies import HttpDependencies
from adapters.smtp.mailer import SmtpAccessMailer
from adapters.stripe.client import StripePaymentGateway
from adapters.stripe.webhook import StripeWebhook
from adapters.tracking.mobi_slon import MobiSlonTracker
from entrypoints.settings import Settings
from entrypoints.worker import Worker
from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.facts import Mode, Terms
from paywall_core.plans import Plan, PlanCatalogue
from paywall_core.ports.clock import Clock, Randomness
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.activate_access import ActivateAccess
from paywall_core.use_cases.deliver_outbox import DeliverOutbox, RetryPolicy
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.session_status import GetSessionStatus
from paywall_core.use_cases.start_checkout import StartCheckout
from paywall_core.use_cases.sweep_lapsed import SweepLapsed


class SystemClock(Clock):
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)


class SystemRandomness(Randomness):
    """The machine's cryptographic randomness."""

    def new_id(self) -> UUID:
        """A random (version 4) id."""
        return uuid.uuid4()

    def fraction(self) -> float:
        """A number in [0, 1)."""
        return secrets.randbelow(2**53) / 2**53


def plan_catalogue(settings: Settings) -> PlanCatalogue:
    """The two plans of this service, on the operator's terms."""
    return PlanCatalogue(
        [
            Plan(
                name="one_time_basic",
                terms=Terms(mode=Mode.ONE_TIME, duration_days=settings.one_time_basic_days),
            ),
            Plan(
                name="sub_monthly",
                terms=Terms(mode=Mode.SUBSCRIPTION, grace_seconds=settings.grace_hours * 3600),
            ),
        ]
    )


def _mailer(settings: Settings) -> SmtpAccessMailer | None:
    smtp = settings.smtp
    if smtp is None:
        return None
    return SmtpAccessMailer(
        host=smtp.host,
        port=smtp.port,
        starttls=smtp.starttls,
        username=smtp.username,
        password=smtp.password,
        sender=smtp.sender,
    )


def _messenger(settings: Settings) -> TelegramAccessMessenger | None:
    bot = settings.bot
    return None if bot.token is None else TelegramAccessMessenger(token=bot.token, api_base=bot.api_base)


def _sale_tracker(settings: Settings) -> MobiSlonTracker | None:
    return None if settings.mobi_slon_url is None else MobiSlonTracker(settings.mobi_slon_url)


def _gateway(settings: Settings, clock: Clock) -> StripePaymentGateway:
    stripe = settings.stripe
    prices: Mapping[str, str] = stripe.prices
    return StripePaymentGateway(
        api_key=stripe.secret_key,
        api_base=stripe.api_base,
        prices=prices,
        public_base_url=settings.public_base_url,
        clock=clock,
    )


def _checkout_origins(settings: Settings) -> tuple[str, ...]:
    """Where a browser is sent to pay, when that is not Stripe's own https address."""
    base = settings.stripe.api_base
    if base is None:
        return ()
    parts = urlsplit(base)
    return (f"{parts.scheme}://{parts.netloc}",)


class Container(containers.DeclarativeContainer):
    """Every part, once per process."""

    settings = providers.Dependency(instance_of=Settings)

    clock = providers.Singleton(SystemClock)
    randomness = providers.Singleton(SystemRandomness)
    database = providers.Singleton(Database, settings.provided.database_url)
    unit_of_work = database.provided.unit_of_work
    directory = database.provided.directory

    plans = providers.Singleton(plan_catalogue, settings)
    tokens = providers.Singleton(AccessTokens, settings.provided.token_secrets)
    links = providers.Singleton(
        ActivationLinks,
        tokens=tokens,
        bot_username=settings.provided.bot.username,
        base_url=settings.provided.bot.link_base,
    )

    gateway = providers.Singleton(_gateway, settings, clock)
    webhook = providers.Singleton(StripeWebhook, settings.provided.stripe.webhook_secrets)
    mailer = providers.Singleton(_mailer, settings)
    messenger = providers.Singleton(_messenger, settings)
    sale_tracker = providers.Singleton(_sale_tracker, settings)

    start_checkout = providers.Singleton(
        StartCheckout,
        unit_of_work=unit_of_work,
        gateway=gateway,
        plans=plans,
        clock=clock,
        randomness=randomness,
        default_locale=settings.provided.default_locale,
    )
    record_payment = providers.Singleton(RecordPayment, unit_of_work=unit_of_work, clock=clock)
    session_status = providers.Singleton(
        GetSessionStatus,
        directory=directory,
        gateway=gateway,
        record_payment=record_payment,
        links=links,
        clock=clock,
    )
    activate_access = providers.Singleton(ActivateAccess, unit_of_work=unit_of_work, tokens=tokens, clock=clock)
    access_status = providers.Singleton(GetAccessStatus, directory=directory, clock=clock)
    sweep_lapsed = providers.Singleton(SweepLapsed, unit_of_work=unit_of_work, clock=clock)
    deliver_outbox = providers.Singleton(
        DeliverOutbox,
        unit_of_work=unit_of_work,
        mailer=mailer,
        messenger=messenger,
        sale_tracker=sale_tracker,
        links=links,
        clock=clock,
        randomness=randomness,
        policy=RetryPolicy(),
    )

    bot_url = providers.Callable(lambda s: f"{s.bot.link_base}/{s.bot.username}", settings)
    checkout_origins = providers.Callable(_checkout_origins, settings)
    worker = providers.Singleton(Worker, deliver_outbox=deliver_outbox, sweep_lapsed=sweep_lapsed)
    http_dependencies = providers.Singleton(
        HttpDependencies,
        start_checkout=start_checkout,
        record_payment=record_payment,
        session_status=session_status,
        activate_access=activate_access,
        access_status=access_status,
        webhook=webhook,
        gateway=gateway,
        plans=plans,
        clock=clock,
        readiness=database.provided.is_ready,
        internal_tokens=settings.provided.internal_tokens,
        default_locale=settings.provided.default_locale,
        public_base_url=settings.provided.public_base_url,
        bot_url=bot_url,
        checkout_origins=checkout_origins,
        cors_origins=settings.provided.cors_origins,
        on_recorded=worker.provided.wake,
    )
    api_client = providers.Singleton(
        PaywallApi,
        base_url=settings.provided.internal_api_url,
        internal_token=settings.provided.internal_tokens[0],
    )
