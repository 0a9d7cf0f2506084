"""What the HTTP application is made of; the composition root fills it in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from adapters.http.client_address import Network
from adapters.http.rate_counters import RateCounter
from adapters.http.rate_limits import RateLimits
from adapters.metrics.measures import Measures
from paywall_core.locales import Locales
from paywall_core.plans import PlanCatalogue
from paywall_core.ports.clock import Clock
from paywall_core.ports.payments import PaymentGateway, PaymentWebhook
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.activate_access import ActivateAccessCommand, GrantedAccess
from paywall_core.use_cases.check_invariants import CheckInvariants
from paywall_core.use_cases.confirm_restore import ConfirmRestore
from paywall_core.use_cases.customer_portal import OpenCustomerPortal
from paywall_core.use_cases.measure_backlog import MeasureBacklog
from paywall_core.use_cases.record_payment import Record
from paywall_core.use_cases.request_restore import RequestRestore
from paywall_core.use_cases.session_status import GetSessionStatus
from paywall_core.use_cases.start_checkout import StartCheckoutCommand, StartedCheckout
from paywall_core.use_cases.track_event import TrackAd, TrackFunnel


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpDependencies:
    """Everything that the routes need.

    Attributes:
        readiness: whether the database answers and its schema serves this version.
        measures: where this process counts and times what it does.
        internal_tokens: accepted values of `X-Internal-Token`, newest first.
        locales: the languages of the pages, and the one where nobody asks for any.
        public_base_url: where customers find the pages.
        bot_url: link to the bot without a token, for a customer who is in already.
        checkout_origins: where a browser may be sent to pay, besides any https address.
        cors_origins: other sites whose scripts may call the API.
        rate_limits: how often one client address may ask.
        rate_counter: where that is counted; shared when several processes serve one address.
        trusted_proxies: whose `X-Forwarded-For` is believed.
    """

    start_checkout: Callable[[StartCheckoutCommand], Awaitable[StartedCheckout]]
    record_payment: Record
    session_status: GetSessionStatus
    activate_access: Callable[[ActivateAccessCommand], Awaitable[GrantedAccess]]
    access_status: GetAccessStatus
    request_restore: RequestRestore
    confirm_restore: ConfirmRestore
    customer_portal: OpenCustomerPortal
    track_funnel: TrackFunnel
    track_ad: TrackAd
    webhook: PaymentWebhook
    gateway: PaymentGateway
    plans: PlanCatalogue
    clock: Clock
    readiness: Callable[[], Awaitable[bool]]
    check_invariants: CheckInvariants
    measure_backlog: MeasureBacklog
    measures: Measures
    internal_tokens: Sequence[str]
    locales: Locales
    public_base_url: str
    bot_url: str
    checkout_origins: Sequence[str]
    cors_origins: Sequence[str]
    rate_limits: RateLimits
    rate_counter: RateCounter
    trusted_proxies: Sequence[Network]
