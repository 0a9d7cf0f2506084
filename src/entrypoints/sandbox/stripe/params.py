"""The parameters that the sandbox's Stripe understands, one struct a call; anything else is refused as unknown.

Names and limits are Stripe's own (its OpenAPI description; a test holds every name here against it).
"""

from typing import Annotated, Literal, TypeAlias

import msgspec

Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=5000)]
Metadata: TypeAlias = dict[Annotated[str, msgspec.Meta(max_length=40)], Annotated[str, msgspec.Meta(max_length=500)]]
Limit: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=100)]


class Params(msgspec.Struct, frozen=True, kw_only=True):
    """What every call takes."""

    expand: list[Text] = []


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on a time, Unix seconds."""

    gt: int | None = None
    gte: int | None = None
    lt: int | None = None
    lte: int | None = None

    def holds(self, moment: int) -> bool:
        """Whether a moment lies within."""
        return (
            (self.gt is None or moment > self.gt)
            and (self.gte is None or moment >= self.gte)
            and (self.lt is None or moment < self.lt)
            and (self.lte is None or moment <= self.lte)
        )


class ListParams(Params, frozen=True, kw_only=True):
    """Paging, newest first."""

    limit: Limit = 10
    starting_after: Text | None = None
    ending_before: Text | None = None


class CreatedListParams(ListParams, frozen=True, kw_only=True):
    """A list that can be narrowed by time."""

    created: int | Range | None = None


class ProductList(CreatedListParams, frozen=True, kw_only=True):
    """GET /v1/products."""

    active: bool | None = None


class PriceList(CreatedListParams, frozen=True, kw_only=True):
    """GET /v1/prices."""

    active: bool | None = None
    product: Text | None = None
    type: Literal["one_time", "recurring"] | None = None


class CustomerList(CreatedListParams, frozen=True, kw_only=True):
    """GET /v1/customers."""

    email: Text | None = None


class CustomerCreate(Params, frozen=True, kw_only=True):
    """POST /v1/customers."""

    email: Text | None = None
    name: Text | None = None
    metadata: Metadata = {}


class LineItem(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a checkout."""

    price: Text
    quantity: Annotated[int, msgspec.Meta(ge=1, le=999_999)] = 1


class PaymentIntentData(msgspec.Struct, frozen=True, kw_only=True):
    """What the payment intent of a checkout will carry."""

    metadata: Metadata = {}
    description: Text | None = None
    receipt_email: Text | None = None


class TrialEnd(msgspec.Struct, frozen=True, kw_only=True):
    """What happens when a trial is over."""

    missing_payment_method: Literal["cancel", "create_invoice", "pause"]


class TrialSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Of a trial."""

    end_behavior: TrialEnd


class SubscriptionData(msgspec.Struct, frozen=True, kw_only=True):
    """What the subscription of a checkout will carry."""

    metadata: Metadata = {}
    description: Text | None = None
    trial_period_days: Annotated[int, msgspec.Meta(ge=1, le=730)] | None = None
    trial_settings: TrialSettings | None = None


class SessionCreate(Params, frozen=True, kw_only=True):
    """POST /v1/checkout/sessions, hosted page only."""

    mode: Literal["payment", "subscription"] = "payment"
    line_items: list[LineItem]
    success_url: Text
    cancel_url: Text | None = None
    client_reference_id: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    customer: Text | None = None
    customer_creation: Literal["always", "if_required"] | None = None
    customer_email: Annotated[str, msgspec.Meta(max_length=800)] | None = None
    expires_at: int | None = None
    locale: Literal["auto", "de", "en", "en-GB", "es", "fr", "it", "pl", "pt", "ru", "tr"] | None = None
    metadata: Metadata = {}
    payment_intent_data: PaymentIntentData | None = None
    payment_method_collection: Literal["always", "if_required"] | None = None
    payment_method_types: list[Literal["card", "sepa_debit"]] | None = None
    subscription_data: SubscriptionData | None = None


class SessionList(CreatedListParams, frozen=True, kw_only=True):
    """GET /v1/checkout/sessions."""

    customer: Text | None = None
    payment_intent: Text | None = None
    status: Literal["open", "complete", "expired"] | None = None
    subscription: Text | None = None


class PaymentIntentList(CreatedListParams, frozen=True, kw_only=True):
    """GET /v1/payment_intents."""

    customer: Text | None = None


class ChargeList(CreatedListParams, frozen=True, kw_only=True):
    """GET /v1/charges."""

    customer: Text | None = None
    payment_intent: Text | None = None


class InvoiceList(CreatedListParams, frozen=True, kw_only=True):
    """GET /v1/invoices."""

    customer: Text | None = None
    status: Literal["draft", "open", "paid", "uncollectible", "void"] | None = None
    subscription: Text | None = None


class AssociatedPayment(msgspec.Struct, frozen=True, kw_only=True):
    """Which payment an invoice payment belongs to."""

    type: Literal["payment_intent"]
    payment_intent: Text | None = None


class InvoicePaymentList(CreatedListParams, frozen=True, kw_only=True):
    """GET /v1/invoice_payments."""

    invoice: Text | None = None
    payment: AssociatedPayment | None = None
    status: Literal["open", "paid", "canceled"] | None = None


class SubscriptionList(CreatedListParams, frozen=True, kw_only=True):
    """GET /v1/subscriptions; without a status, all but the cancelled."""

    customer: Text | None = None
    status: (
        Literal[
            "active", "all", "canceled", "incomplete", "incomplete_expired", "past_due", "paused", "trialing", "unpaid"
        ]
        | None
    ) = None


class SubscriptionUpdate(Params, frozen=True, kw_only=True):
    """POST /v1/subscriptions/{id}."""

    cancel_at_period_end: bool | None = None
    metadata: Metadata = {}


class RefundCreate(Params, frozen=True, kw_only=True):
    """POST /v1/refunds."""

    amount: Annotated[int, msgspec.Meta(ge=1)] | None = None
    charge: Text | None = None
    payment_intent: Text | None = None
    reason: Literal["duplicate", "fraudulent", "requested_by_customer"] | None = None
    metadata: Metadata = {}


class PaymentChildList(CreatedListParams, frozen=True, kw_only=True):
    """GET /v1/refunds and /v1/disputes."""

    charge: Text | None = None
    payment_intent: Text | None = None


class EventList(CreatedListParams, frozen=True, kw_only=True):
    """GET /v1/events."""

    delivery_success: bool | None = None
    type: Text | None = None
    types: Annotated[list[Text], msgspec.Meta(max_length=20)] | None = None


class Switch(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is on or off."""

    enabled: bool


class CustomerUpdateFeature(Switch, frozen=True, kw_only=True):
    """What a customer may change in the portal."""

    allowed_updates: list[Literal["address", "email", "name", "phone", "shipping", "tax_id"]] = []


class SubscriptionCancelFeature(Switch, frozen=True, kw_only=True):
    """Whether and how a customer may cancel in the portal."""

    mode: Literal["at_period_end", "immediately"] = "at_period_end"


class PortalFeatures(msgspec.Struct, frozen=True, kw_only=True):
    """What the portal offers."""

    customer_update: CustomerUpdateFeature | None = None
    invoice_history: Switch | None = None
    payment_method_update: Switch | None = None
    subscription_cancel: SubscriptionCancelFeature | None = None


class BusinessProfile(msgspec.Struct, frozen=True, kw_only=True):
    """What the portal says of the business."""

    headline: Annotated[str, msgspec.Meta(max_length=60)] | None = None
    privacy_policy_url: Text | None = None
    terms_of_service_url: Text | None = None


class PortalConfigurationCreate(Params, frozen=True, kw_only=True):
    """POST /v1/billing_portal/configurations."""

    features: PortalFeatures
    business_profile: BusinessProfile | None = None
    default_return_url: Text | None = None
    login_page: Switch | None = None
    metadata: Metadata = {}
    name: Text | None = None


class CustomerUpdateChange(msgspec.Struct, frozen=True, kw_only=True):
    """Some of `CustomerUpdateFeature`."""

    enabled: bool | None = None
    allowed_updates: list[Literal["address", "email", "name", "phone", "shipping", "tax_id"]] | None = None


class SubscriptionCancelChange(msgspec.Struct, frozen=True, kw_only=True):
    """Some of `SubscriptionCancelFeature`."""

    enabled: bool | None = None
    mode: Literal["at_period_end", "immediately"] | None = None


class PortalFeatureChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What the portal offers from now on; what is not named stays."""

    customer_update: CustomerUpdateChange | None = None
    invoice_history: Switch | None = None
    payment_method_update: Switch | None = None
    subscription_cancel: SubscriptionCancelChange | None = None


class PortalConfigurationUpdate(Params, frozen=True, kw_only=True):
    """POST /v1/billing_portal/configurations/{id}; what is not named stays."""

    active: bool | None = None
    business_profile: BusinessProfile | None = None
    default_return_url: Text | None = None
    features: PortalFeatureChanges | None = None
    login_page: Switch | None = None
    metadata: Metadata = {}
    name: Text | None = None


class PortalConfigurationList(ListParams, frozen=True, kw_only=True):
    """GET /v1/billing_portal/configurations."""

    active: bool | None = None
    is_default: bool | None = None


class WebhookEndpointCreate(Params, frozen=True, kw_only=True):
    """POST /v1/webhook_endpoints."""

    url: Text
    enabled_events: list[Text]
    api_version: Text | None = None
    description: Text | None = None
    metadata: Metadata = {}
