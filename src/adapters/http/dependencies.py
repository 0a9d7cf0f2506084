"""What the HTTP application is made of; the composition root fills it in."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from paywall_core.plans import PlanCatalogue
from paywall_core.ports.clock import Clock
from paywall_core.ports.payments import PaymentGateway, PaymentWebhook
from paywall_core.use_cases.access_status import GetAccessStatus
from paywall_core.use_cases.activate_access import ActivateAccess
from paywall_core.use_cases.record_payment import RecordPayment
from paywall_core.use_cases.session_status import GetSessionStatus
from paywall_core.use_cases.start_checkout import StartCheckout


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpDependencies:
    """Everything that the routes need.

    Attributes:
        readiness: whether the database answers and its schema is current.
        internal_tokens: accepted values of `X-Internal-Token`, newest first.
        bot_url: link to the bot without a token, for a customer who is in already.
        checkout_origins: where a browser may be sent to pay, besides any https address.
        cors_origins: other sites whose scripts may call the API.
        on_recorded: called after something may have been written to the outbox.
    """

    start_checkout: StartCheckout
    record_payment: RecordPayment
    session_status: GetSessionStatus
    activate_access: ActivateAccess
    access_status: GetAccessStatus
    webhook: PaymentWebhook
    gateway: PaymentGateway
    plans: PlanCatalogue
    clock: Clock
    readiness: Callable[[], Awaitable[bool]]
    internal_tokens: Sequence[str]
    default_locale: str
    public_base_url: str
    bot_url: str
    checkout_origins: Sequence[str]
    cors_origins: Sequence[str]
    on_recorded: Callable[[], None]
