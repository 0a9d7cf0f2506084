"""The composition root: which adapter stands behind which port. The only module that imports dependency-injector.

Everything is built synchronously and connects to nothing; what must be closed is closed by `processes.py`.
"""

import asyncio

from dependency_injector import containers, providers

from adapters.bot.api_client import PaywallApi
from adapters.db.database import Database
from adapters.http.dependencies import HttpDependencies
from adapters.metrics.measures import Measures
from adapters.stripe.webhook import StripeWebhook
from entrypoints import parts
from entrypoints.settings import Settings
from entrypoints.tracing import traces
from entrypoints.worker import Worker
from paywall_core.access_token import AccessTokens
from paywall_core.activation_link import ActivationLinks
from paywall_core.one_time_code import OneTimeCodes
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.activate_access import ActivateAccess
from paywall_core.use_cases.check_invariants import CheckInvariants
from paywall_core.use_cases.confirm_restore import ConfirmRestore
from paywall_core.use_cases.customer_portal import OpenCustomerPortal
from paywall_core.use_cases.deliver_outbox import DeliverOutbox, RetryPolicy
from paywall_core.use_cases.deliveries import Channels, Deliveries
from paywall_core.use_cases.forget_challenges import ForgetChallenges
from paywall_core.use_cases.forget_tracking import ForgetTracking
from paywall_core.use_cases.hasten_deliveries import HastenDeliveries
from paywall_core.use_cases.look_up_parked import LookUpParked
from paywall_core.use_cases.measure_backlog import MeasureBacklog
from paywall_core.use_cases.operate_order import ReinstateAccess, ResendLink, RevokeAccess
from paywall_core.use_cases.place_lost import PlaceLostOrders
from paywall_core.use_cases.prepare_notices import NoticeChannels, Notices
from paywall_core.use_cases.reconcile import Reconcile
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.record_together import RecordTogether
from paywall_core.use_cases.request_restore import RequestRestore
from paywall_core.use_cases.retry_deliveries import RetryDeliveries
from paywall_core.use_cases.session_status import GetSessionStatus
from paywall_core.use_cases.start_checkout import StartCheckout
from paywall_core.use_cases.sweep_lapsed import SweepLapsed
from paywall_core.use_cases.track_event import TrackAd, TrackFunnel


class Container(containers.DeclarativeContainer):
    """Every part, once per process."""

    settings = providers.Dependency(instance_of=Settings)

    clock = providers.Singleton(parts.SystemClock)
    randomness = providers.Singleton(parts.SystemRandomness)
    plans = providers.Singleton(parts.plan_catalogue, settings)
    measures = providers.Singleton(Measures, providers.Callable(parts.plan_names, plans))
    outbox_bell = providers.Singleton(asyncio.Event)
    database = providers.Singleton(
        Database,
        settings.provided.database_url,
        on_enqueued=outbox_bell.provided.set,
        on_changed=measures.provided.changed,
    )
    unit_of_work = database.provided.unit_of_work
    directory = database.provided.directory

    traces = providers.Singleton(traces, settings, clock)

    tokens = providers.Singleton(AccessTokens, settings.provided.token_secrets)
    codes = providers.Singleton(OneTimeCodes, settings.provided.token_secrets)
    links = providers.Singleton(
        ActivationLinks,
        tokens=tokens,
        bot_username=settings.provided.bot.username,
        base_url=settings.provided.bot.link_base,
    )

    gateway = providers.Singleton(parts.gateway, settings, clock)
    webhook = providers.Singleton(StripeWebhook, settings.provided.stripe.webhook_secrets)
    mailer = providers.Singleton(parts.mailer, settings)
    messenger = providers.Singleton(parts.messenger, settings)
    click_tracker = providers.Singleton(parts.click_tracker, settings)
    ad_platform = providers.Singleton(parts.ad_platform, settings)
    portal = providers.Singleton(parts.portal, settings, clock)
    ledger = providers.Singleton(parts.ledger, settings, clock)
    rate_counter = providers.Singleton(parts.rate_counter, settings)

    start_checkout = providers.Singleton(
        StartCheckout,
        unit_of_work=unit_of_work,
        gateway=traces.provided.gateway.call(gateway),
        plans=plans,
        clock=clock,
        randomness=randomness,
        locales=settings.provided.locales,
    )
    record_payment = providers.Singleton(RecordPayment, unit_of_work=unit_of_work, clock=clock)
    record_together = providers.Singleton(RecordTogether, record_payment, lanes=database.provided.writers)
    session_status = providers.Singleton(
        GetSessionStatus,
        directory=directory,
        gateway=gateway,
        record_payment=traces.provided.recording.call(record_payment, "success page"),
        links=links,
        clock=clock,
    )
    activate_access = providers.Singleton(ActivateAccess, unit_of_work=unit_of_work, tokens=tokens, clock=clock)
    access_status = providers.Singleton(GetAccessStatus, directory=directory, clock=clock)
    sweep_limits = providers.Singleton(parts.sweep_limits, settings)
    sweep_lapsed = providers.Singleton(SweepLapsed, unit_of_work=unit_of_work, clock=clock, limits=sweep_limits)
    place_lost = providers.Singleton(PlaceLostOrders, unit_of_work=unit_of_work, plans=plans)
    reconcile = providers.Singleton(
        Reconcile,
        unit_of_work=unit_of_work,
        ledger=ledger,
        gateway=gateway,
        archive=database.provided.archive,
        directory=directory,
        record_payment=traces.provided.recording.call(record_payment, "reconcile"),
        place_lost=place_lost,
        clock=clock,
    )
    look_up_parked = providers.Singleton(
        LookUpParked,
        unit_of_work=unit_of_work,
        ledger=ledger,
        record_payment=traces.provided.recording.call(record_payment, "look-up"),
        clock=clock,
    )
    check_invariants = providers.Singleton(
        CheckInvariants, watch=database.provided.watch, archive=database.provided.archive, clock=clock
    )
    measure_backlog = providers.Singleton(MeasureBacklog, watch=database.provided.watch, clock=clock)
    revoke_access = providers.Singleton(RevokeAccess, unit_of_work=unit_of_work, clock=clock)
    reinstate_access = providers.Singleton(ReinstateAccess, unit_of_work=unit_of_work, clock=clock)
    resend_link = providers.Singleton(ResendLink, unit_of_work=unit_of_work, clock=clock)
    retry_deliveries = providers.Singleton(RetryDeliveries, unit_of_work=unit_of_work, clock=clock)
    forget_challenges = providers.Singleton(ForgetChallenges, unit_of_work=unit_of_work, clock=clock)
    forget_tracking = providers.Singleton(ForgetTracking, unit_of_work=unit_of_work, clock=clock)
    forget_records = providers.Singleton(parts.forget_records, settings, unit_of_work, clock)
    request_restore = providers.Singleton(RequestRestore, unit_of_work=unit_of_work, clock=clock, randomness=randomness)
    confirm_restore = providers.Singleton(
        ConfirmRestore, unit_of_work=unit_of_work, codes=codes, links=links, clock=clock
    )
    customer_portal = providers.Singleton(OpenCustomerPortal, portal=portal)
    track_funnel = providers.Singleton(
        TrackFunnel,
        unit_of_work=unit_of_work,
        directory=directory,
        clock=clock,
        randomness=randomness,
        configured=providers.Callable(lambda s: s.mobi_slon_url is not None, settings),
    )
    track_ad = providers.Singleton(
        TrackAd,
        unit_of_work=unit_of_work,
        clock=clock,
        randomness=randomness,
        configured=providers.Callable(lambda s: s.meta is not None, settings),
        names=providers.Callable(lambda s: () if s.meta is None else s.meta.event_names, settings),
    )
    channels = providers.Singleton(
        Channels,
        access_mailer=mailer,
        code_mailer=mailer,
        chat_messenger=messenger,
        click_tracker=click_tracker,
        ad_platform=ad_platform,
    )
    notices = providers.Singleton(
        Notices,
        channels=providers.Singleton(NoticeChannels, mailer=mailer, chat=messenger),
        enabled=settings.provided.notices,
        links=links,
        open_portal=customer_portal,
    )
    deliveries = providers.Singleton(
        Deliveries, channels=channels, notices=notices, look_up=look_up_parked, links=links, codes=codes
    )
    retry_policy = providers.Singleton(RetryPolicy)
    deliver_outbox = providers.Singleton(
        DeliverOutbox,
        unit_of_work=unit_of_work,
        deliveries=deliveries,
        clock=clock,
        randomness=randomness,
        policy=retry_policy,
    )
    hasten_deliveries = providers.Singleton(
        HastenDeliveries, unit_of_work=unit_of_work, clock=clock, policy=retry_policy
    )

    bot_url = providers.Callable(lambda s: f"{s.bot.link_base}/{s.bot.username}", settings)
    checkout_origins = providers.Callable(parts.checkout_origins, settings)
    rate_limits = providers.Singleton(parts.rate_limits, settings)
    worker = providers.Singleton(
        Worker,
        deliver_outbox=deliver_outbox,
        deliver=traces.provided.delivering.call(deliver_outbox.provided.deliver),
        chores=providers.Callable(
            parts.chores,
            settings,
            sweep=sweep_lapsed,
            hasten=hasten_deliveries,
            forget_challenges=forget_challenges,
            forget_tracking=forget_tracking,
            forget_records=forget_records,
            reconcile=reconcile,
            check_invariants=check_invariants,
        ),
        listen=database.provided.listen,
        awake=outbox_bell,
        measures=measures,
        clock=clock,
    )
    http_dependencies = providers.Singleton(
        HttpDependencies,
        start_checkout=traces.provided.checkout.call(start_checkout),
        record_payment=traces.provided.recording.call(record_together, "webhook"),
        session_status=session_status,
        activate_access=traces.provided.activating.call(activate_access),
        access_status=access_status,
        webhook=webhook,
        gateway=gateway,
        plans=plans,
        clock=clock,
        readiness=database.provided.is_ready,
        check_invariants=check_invariants,
        measure_backlog=measure_backlog,
        measures=measures,
        internal_tokens=settings.provided.internal_tokens,
        locales=settings.provided.locales,
        public_base_url=settings.provided.public_base_url,
        bot_url=bot_url,
        checkout_origins=checkout_origins,
        cors_origins=settings.provided.cors_origins,
        request_restore=request_restore,
        confirm_restore=confirm_restore,
        customer_portal=customer_portal,
        track_funnel=track_funnel,
        track_ad=track_ad,
        rate_limits=rate_limits,
        rate_counter=rate_counter,
        trusted_proxies=settings.provided.trusted_proxies,
    )
    api_client = providers.Singleton(
        PaywallApi,
        base_url=settings.provided.internal_api_url,
        internal_token=settings.provided.internal_tokens[0],
    )
