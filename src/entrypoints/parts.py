"""What the settings become: each adapter and each value that the composition root puts behind a port.

Everything is built synchronously and connects to nothing. Which of these stands where, `container.py` says.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from adapters.bot.messenger import TelegramMessenger
from adapters.http.rate_counters import MemoryCounter, RateCounter, SurvivingCounter
from adapters.http.rate_limits import Rate, RateLimits
from adapters.smtp.mailer import SmtpMailer
from adapters.smtp.server import SmtpServer
from adapters.stripe.client import StripePaymentGateway
from adapters.stripe.ledger import StripeLedger
from adapters.stripe.portal import StripeCustomerPortal
from adapters.tracking.meta import MetaConversions
from adapters.tracking.mobi_slon import MobiSlonTracker
from entrypoints.chores import Chore, forgetting, hastening, reconciling, sweeping, watching
from entrypoints.setting_values import RateSetting
from entrypoints.settings import Settings
from entrypoints.worker import BOUNDS
from paywall_core.effects import Lane
from paywall_core.facts import Mode, Terms
from paywall_core.plans import Plan, PlanCatalogue
from paywall_core.ports.clock import Clock, Randomness
from paywall_core.ports.unit_of_work import UnitOfWorkFactory
from paywall_core.use_cases.check_invariants import CheckInvariants
from paywall_core.use_cases.forget_challenges import ForgetChallenges
from paywall_core.use_cases.forget_records import ForgetRecords
from paywall_core.use_cases.forget_tracking import ForgetTracking
from paywall_core.use_cases.hasten_deliveries import HastenDeliveries
from paywall_core.use_cases.reconcile import Reconcile
from paywall_core.use_cases.sweep_lapsed import SweepLapsed, SweepLimits

_MILLISECOND: Final = 10**6  # in nanoseconds
_LOW_62: Final = 2**62 - 1
_REDIS_SECONDS: Final = 2.0
_SWEEP_SECONDS: Final = 30.0
_HASTEN_SECONDS: Final = 60.0
_FORGET_SECONDS: Final = 60.0


class SystemClock(Clock):
    """The machine's clock."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)


class SystemRandomness(Randomness):
    """The machine's cryptographic randomness."""

    def new_id(self) -> UUID:
        """An id of version 7 (RFC 9562): the millisecond, and 74 random bits.

        What is written at one time lies in one place of an index: random ids would have each payment touch another page
        of each of a dozen indexes (docs/adr/0024-ids-in-the-order-of-time.md).
        """
        drawn = secrets.randbits(74)
        version, variant = 0x7 << 76, 0b10 << 62
        return UUID(int=time.time_ns() // _MILLISECOND << 80 | version | drawn >> 62 << 64 | variant | drawn & _LOW_62)

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


def plan_names(plans: PlanCatalogue) -> tuple[str, ...]:
    """What is counted by plan names these from the start."""
    return tuple(plan.name for plan in plans)


def mailer(settings: Settings) -> SmtpMailer | None:
    """The mail server; None: not configured."""
    smtp = settings.smtp
    if smtp is None:
        return None
    server = SmtpServer(
        host=smtp.host,
        port=smtp.port,
        starttls=smtp.starttls,
        username=smtp.username,
        password=smtp.password,
        connections=BOUNDS[Lane.MAIL] + BOUNDS[Lane.MAIL_NOTICE],  # no mail that has a place waits for a connection
    )
    return SmtpMailer(server=server, sender=smtp.sender, public_base_url=settings.public_base_url)


def messenger(settings: Settings) -> TelegramMessenger | None:
    """Telegram, as the worker writes to it; None: there is no bot token."""
    bot = settings.bot
    if bot.token is None:
        return None
    return TelegramMessenger(
        token=bot.token, api_base=bot.api_base, pay_url=bot.pay_url, public_base_url=settings.public_base_url
    )


def click_tracker(settings: Settings) -> MobiSlonTracker | None:
    """MobiSлон; None: not configured."""
    return None if settings.mobi_slon_url is None else MobiSlonTracker(settings.mobi_slon_url)


def ad_platform(settings: Settings) -> MetaConversions | None:
    """Meta's Conversions API; None: not configured."""
    meta = settings.meta
    if meta is None:
        return None
    return MetaConversions(
        pixel_id=meta.pixel_id,
        access_token=meta.access_token,
        api_version=meta.api_version,
        api_base=meta.api_base,
        source_url=f"{settings.public_base_url}/pay",
    )


def portal(settings: Settings, clock: Clock) -> StripeCustomerPortal:
    """Stripe's customer portal."""
    stripe = settings.stripe
    return StripeCustomerPortal(api_key=stripe.secret_key, api_base=stripe.api_base, clock=clock)


def ledger(settings: Settings, clock: Clock) -> StripeLedger:
    """Stripe's own record."""
    stripe = settings.stripe
    return StripeLedger(
        api_key=stripe.secret_key,
        api_base=stripe.api_base,
        public_base_url=settings.public_base_url,
        clock=clock,
    )


def sweep_limits(settings: Settings) -> SweepLimits:
    """How many endings at once are believed."""
    return SweepLimits(share=settings.sweep.max_share, number=settings.sweep.max_orders)


def forget_records(settings: Settings, unit_of_work: UnitOfWorkFactory, clock: Clock) -> ForgetRecords | None:
    """What deletes old records; None where they are kept for ever."""
    if settings.retention_days is None:
        return None
    return ForgetRecords(unit_of_work=unit_of_work, clock=clock, kept=timedelta(settings.retention_days))


def chores(
    settings: Settings,
    *,
    sweep: SweepLapsed,
    hasten: HastenDeliveries,
    forget_challenges: ForgetChallenges,
    forget_tracking: ForgetTracking,
    forget_records: ForgetRecords | None,
    reconcile: Reconcile,
    check_invariants: CheckInvariants,
) -> Sequence[Chore]:
    """What the worker does by the clock."""
    every = [
        sweeping(sweep, every_seconds=_SWEEP_SECONDS),
        hastening(hasten, every_seconds=_HASTEN_SECONDS),
        watching(check_invariants),
        forgetting("forget_challenges", forget_challenges, every_seconds=_FORGET_SECONDS),
        forgetting("forget_tracking", forget_tracking, every_seconds=_FORGET_SECONDS),
    ]
    if forget_records is not None:
        every.append(forgetting("forget_records", forget_records, every_seconds=_FORGET_SECONDS))
    if settings.reconcile_minutes is not None:
        every.append(reconciling(reconcile, minutes=settings.reconcile_minutes))
    return every


def _rate(setting: RateSetting | None) -> Rate | None:
    """One limit; None: off."""
    return None if setting is None else Rate(requests=setting.requests, unit=setting.unit)


def rate_limits(settings: Settings) -> RateLimits:
    """The limits for each client address."""
    limits = settings.rate_limits
    return RateLimits(
        checkout=_rate(limits.checkout),
        status=_rate(limits.status),
        activation=_rate(limits.activation),
        restore=_rate(limits.restore),
        tracking=_rate(limits.tracking),
    )


def rate_counter(settings: Settings) -> RateCounter:
    """Where requests are counted: in this process, or where all of them can see it."""
    if settings.redis_url is None:
        return MemoryCounter()
    from redis.asyncio import Redis  # noqa: PLC0415  - who counts alone does not load the driver

    from adapters.http.redis_counter import RedisCounter  # noqa: PLC0415  - as above

    redis = Redis.from_url(settings.redis_url, socket_timeout=_REDIS_SECONDS, socket_connect_timeout=_REDIS_SECONDS)
    return SurvivingCounter(RedisCounter(redis))


def gateway(settings: Settings, clock: Clock) -> StripePaymentGateway:
    """Stripe, for checkouts and prices."""
    stripe = settings.stripe
    prices: Mapping[str, str] = stripe.prices
    return StripePaymentGateway(
        api_key=stripe.secret_key,
        api_base=stripe.api_base,
        prices=prices,
        public_base_url=settings.public_base_url,
        clock=clock,
    )


def checkout_origins(settings: Settings) -> tuple[str, ...]:
    """Where a browser is sent to pay, when that is not Stripe's own https address."""
    base = settings.stripe.api_base
    if base is None:
        return ()
    parts = urlsplit(base)
    return (f"{parts.scheme}://{parts.netloc}",)
