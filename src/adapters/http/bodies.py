"""The shapes of the calls, field by field as on the user's page: what is asked, and what is answered.

How a field reads in the API's description stands beside it. Its limits there are the core's own: it is the core that
refuses what is beyond them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, TypeAlias
from uuid import UUID

from litestar.openapi.spec import OpenAPIType, Schema
from msgspec import Struct

from adapters.http.fields import ReadBy, refuse, said, texts
from paywall_core.facts import Mode
from paywall_core.lifecycle import FulfillmentStatus, State
from paywall_core.telegram_user import MAX_TELEGRAM_ID
from paywall_core.tracking import FUNNEL_EVENTS
from paywall_core.use_cases.track_event import MAX_PARAMS

_MAX_DIGITS: Final = len(str(MAX_TELEGRAM_ID))


def telegram_user_id(field: str, value: Any) -> int:
    """A positive integer; a string of digits is taken too."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MAX_TELEGRAM_ID:
        refuse(field, "must be a positive integer, or a string of digits")
    return value


Email: TypeAlias = Annotated[
    str,
    said("The customer's address; compared without case.", "anna@example.com", format="email", maxLength=254),
]
_A_USER: Final[dict[str, Any]] = {
    "minimum": 1,
    "maximum": MAX_TELEGRAM_ID,
    "pattern": f"^[0-9]{{1,{_MAX_DIGITS}}}$",
}
TelegramUserId: TypeAlias = Annotated[
    int,
    ReadBy(telegram_user_id),
    said("Whom Telegram knows by this number.", 77000001, type=["integer", "string"], **_A_USER),
]
OptionalTelegramUserId: TypeAlias = Annotated[
    int | None,
    ReadBy(telegram_user_id),
    said(
        "If it is given, the new token is redeemed for this user at once.",
        77000001,
        oneOf=None,
        type=["integer", "string", "null"],
        **_A_USER,
    ),
]
OneTimeCode: TypeAlias = Annotated[
    str, said("The six digits that were mailed. A string: the first of them may be zero.", "024680")
]
ActivationToken: TypeAlias = Annotated[
    str, said("From the activation link. Secret: whoever has it can redeem it.", "A" * 62)
]
FunnelStatus: TypeAlias = Annotated[str, said("The step of the funnel.", "block1_completed", enum=[*FUNNEL_EVENTS])]
ClickId: TypeAlias = Annotated[str, said("The click that the step belongs to.", "w8h2f5k", minLength=1, maxLength=255)]
SessionId: TypeAlias = Annotated[
    str | None,
    said("The checkout session; `pay_success` counts only with the one that was paid.", "cs_test_a1", maxLength=255),
]
PagePath: TypeAlias = Annotated[str | None, said("Where it happened; for our log.", "/quiz/3", maxLength=1024)]
TrackingParams: TypeAlias = Annotated[
    Mapping[str, str] | None,
    ReadBy(texts),
    said(
        "Further parameters, passed on as they come. Numbers and booleans become text; nulls are left out.",
        {"utm_source": "newsletter"},
        oneOf=None,
        type=["object", "null"],
        maxProperties=MAX_PARAMS,
        propertyNames=Schema(max_length=64),
        additionalProperties=Schema(
            type=[OpenAPIType.STRING, OpenAPIType.NUMBER, OpenAPIType.BOOLEAN, OpenAPIType.NULL], max_length=1024
        ),
    ),
]
OrderId: TypeAlias = Annotated[UUID, said("Our id of the order.")]
OptionalOrderId: TypeAlias = Annotated[UUID | None, said("Our id of the order that serves this user best.")]
PlanName: TypeAlias = Annotated[str, said("What was bought.", "one_time_basic")]
ActivationLink: TypeAlias = Annotated[
    str | None,
    said("Leads into Telegram. Secret: whoever has it can redeem it.", "https://t.me/paywall_bot?start=AAAA"),
]


class CheckoutBody(Struct, kw_only=True):
    """What the customer chose."""

    mode: Annotated[str, said("How the plan is paid; it must be the plan's own.", enum=[str(mode) for mode in Mode])]
    plan: Annotated[
        str, said("`one_time_basic` is paid once, `sub_monthly` every month.", enum=["one_time_basic", "sub_monthly"])
    ]
    email: Email
    clickid: Annotated[
        str, said("The tracker's click id; required, and empty for an organic customer.", "w8h2f5k", maxLength=255)
    ]
    locale: Annotated[
        str | None,
        said("Language of everything that the customer gets; one that is not spoken is the default one.", "ru", "en"),
    ] = None
    telegram_chat_id: Annotated[
        str | None,
        said(
            "The chat that gets the activation button once the payment is there.",
            "77000001",
            pattern="^(-?[0-9]{1,20})?$",
        ),
    ] = None


class CheckoutAnswer(Struct, kw_only=True):
    """Where the customer pays."""

    checkout_url: Annotated[str, said("The payment provider's page.", format="uri")]
    session_id: Annotated[str, said("The provider's id of the checkout.")]
    order_id: OrderId


class WebhookAnswer(Struct, kw_only=True, omit_defaults=True):
    """Taken."""

    received: bool
    duplicate: Annotated[bool, said("There, and true, only for an event that was taken before.")] = False


class SessionStatusQuery(Struct, kw_only=True):
    """Which session."""

    session_id: Annotated[str, said("As `checkout-session` answered it.", "cs_test_a1")]


class SessionStatusAnswer(Struct, kw_only=True):
    """How a checkout session stands."""

    payment_status: Annotated[str, said("Stripe's word.", enum=["unpaid", "paid", "no_payment_required"])]
    fulfillment_status: FulfillmentStatus
    access_status: State
    activation_link: ActivationLink


class PortalBody(Struct, kw_only=True):
    """Who wants to look after the payments."""

    email: Email


class PortalAnswer(Struct, kw_only=True):
    """Where that is done."""

    portal_url: Annotated[
        str, said("The payment provider's own login page; it proves the address by a code.", format="uri")
    ]


class ActivateBody(Struct, kw_only=True):
    """A token, and who redeems it."""

    activation_token: ActivationToken
    telegram_user_id: TelegramUserId


class ActivateAnswer(Struct, kw_only=True):
    """Access is granted."""

    access_granted: bool
    order_id: OrderId
    plan: PlanName
    access_status: State
    access_expires_at: Annotated[datetime | None, said("End of the paid time, grace not counted; null: for life.")]


class AccessStatusBody(Struct, kw_only=True):
    """Who is asked about."""

    telegram_user_id: TelegramUserId


class AccessStatusAnswer(Struct, kw_only=True):
    """May this user in?"""

    is_paid: Annotated[bool, said("Access is good now.")]
    order_id: OptionalOrderId
    plan: Annotated[str | None, said("What was bought.", "one_time_basic")]
    access_status: State | None


class RestoreRequestBody(Struct, kw_only=True):
    """Who says to have paid."""

    email: Email


class RestoreRequestAnswer(Struct, kw_only=True):
    """The request was taken; not a word about whether the address is known."""

    otp_delivery_sent: bool


class RestoreConfirmBody(Struct, kw_only=True):
    """The answer to the code, and who is to be let in at once, if anybody."""

    email: Email
    otp: OneTimeCode
    telegram_user_id: OptionalTelegramUserId = None


class BotRestoreConfirmBody(Struct, kw_only=True):
    """The answer to the code, and who is to be let in at once."""

    email: Email
    otp: OneTimeCode
    telegram_user_id: TelegramUserId


class RestoreConfirmAnswer(Struct, kw_only=True):
    """The old link is worthless now."""

    status: Annotated[str, said("Always `restored`.", enum=["restored"])]
    activation_link: ActivationLink
    access_granted: Annotated[bool, said("The new token was redeemed at once; then there is no link.")]


class MetaEventQuery(Struct, kw_only=True):
    """An event for the Conversions API. Where none of the optional ones is given, the request's own are sent."""

    status: Annotated[str, said("The event's name.", "Lead", minLength=1, maxLength=40)]
    fbclid: Annotated[str | None, said("The ad's click id; its case is kept.", "IwAR2xYz", maxLength=512)] = None
    ip: Annotated[str | None, said("The visitor's address.", "203.0.113.7", maxLength=64)] = None
    ua: Annotated[str | None, said("The visitor's browser.", "Mozilla/5.0", maxLength=1024)] = None


class FunnelQuery(Struct, kw_only=True):
    """A step of the funnel, as a beacon or an image tells it."""

    status: FunnelStatus
    clickid: ClickId
    session_id: SessionId = None
    page_path: PagePath = None


class FunnelBody(Struct, kw_only=True):
    """A step of the funnel."""

    status: FunnelStatus
    clickid: ClickId
    session_id: SessionId = None
    page_path: PagePath = None
    tracking_params: TrackingParams = None


class StatusAnswer(Struct, kw_only=True):
    """One word."""

    status: str
