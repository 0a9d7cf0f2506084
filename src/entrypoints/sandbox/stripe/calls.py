"""Every call of the API that the sandbox serves: what it takes, what it does. One table, `CALLS`. Knows no HTTP."""

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import msgspec

from entrypoints.sandbox.stripe import params as p
from entrypoints.sandbox.stripe import payment_objects, settings_objects
from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.engine import Engine
from entrypoints.sandbox.stripe.errors import StripeRefusal, no_such
from entrypoints.sandbox.stripe.lists import page, page_of, same

_P = TypeVar("_P", bound=p.Params)


class Call(msgspec.Struct, Generic[_P], frozen=True, kw_only=True):
    """A call: `path` is relative to `/v1/`; what stands in braces is handed to `run` after the parameters."""

    method: str
    path: str
    params: type[_P]
    run: Callable[..., Document]


class Calls:
    """What the calls do, one method each; a method's struct says what it takes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._world = engine.world
        self._account_id = engine.world.ids.new("acct", 16)

    def get(self, kind: str, object_id: str) -> Document:
        """Any object by its id."""
        return self._world.get(kind, object_id)

    def page(self, kind: str, params: p.ListParams, url: str, names: tuple[str, ...]) -> Document:
        """A list narrowed by fields of the same names."""
        return page(self._world, kind, params, url, wanted=same(params, *names))

    def account(self, _params: p.Params) -> Document:
        """The seller's account."""
        return settings_objects.account(self._world, self._account_id)

    def create_customer(self, params: p.CustomerCreate) -> Document:
        """A customer without a purchase."""
        made = payment_objects.customer(self._world, email=params.email, name=params.name, metadata=params.metadata)
        self._world.put(made)
        self._world.emit("customer.created", made)
        return made

    def create_session(self, params: p.SessionCreate) -> Document:
        """A checkout."""
        return self._engine.checkout.open(params)

    def line_items(self, params: p.ListParams, session_id: str) -> Document:
        """What a checkout sells, first line first."""
        items = self._engine.checkout.items(session_id)
        return page_of(items, items[::-1], params, f"/v1/checkout/sessions/{session_id}/line_items")

    def expire_session(self, _params: p.Params, session_id: str) -> Document:
        """Close a checkout."""
        return self._engine.expire(session_id)

    def list_invoices(self, params: p.InvoiceList) -> Document:
        """Invoices, by subscription too, which is on the parent now."""
        fits = same(params, "customer", "status")

        def wanted(bill: Document) -> bool:
            sub = bill["parent"]["subscription_details"]["subscription"]
            return fits(bill) and params.subscription in (None, sub)

        return page(self._world, "invoice", params, "/v1/invoices", wanted=wanted)

    def list_invoice_payments(self, params: p.InvoicePaymentList) -> Document:
        """From a payment to its invoice, or back."""
        fits = same(params, "invoice", "status")
        asked = params.payment.payment_intent if params.payment else None

        def wanted(link: Document) -> bool:
            return fits(link) and asked in (None, link["payment"]["payment_intent"])

        return page(self._world, "invoice_payment", params, "/v1/invoice_payments", wanted=wanted)

    def list_subscriptions(self, params: p.SubscriptionList) -> Document:
        """Subscriptions; the cancelled only when asked for."""

        def wanted(sub: Document) -> bool:
            if params.customer not in (None, sub["customer"]):
                return False
            return params.status == "all" or (
                sub["status"] != "canceled" if params.status is None else sub["status"] == params.status
            )

        return page(self._world, "subscription", params, "/v1/subscriptions", wanted=wanted)

    def update_subscription(self, params: p.SubscriptionUpdate, subscription_id: str) -> Document:
        """Plan its end, or take that back."""
        planned = params.cancel_at_period_end
        if planned is None:
            planned = self._world.get("subscription", subscription_id)["cancel_at_period_end"]
        return self._engine.plan_cancellation(subscription_id, planned=planned, metadata=params.metadata)

    def cancel_subscription(self, _params: p.Params, subscription_id: str) -> Document:
        """End it now."""
        return self._engine.cancel(subscription_id)

    def create_refund(self, params: p.RefundCreate) -> Document:
        """Give money back."""
        payment_id = params.charge or params.payment_intent
        if payment_id is None:
            raise StripeRefusal(
                "One of the following params should be provided for this request: payment_intent or charge."
            )
        if params.charge is not None and self._world.find("charge", params.charge) is None:
            raise no_such("charge", params.charge, param="charge", status=400)
        return self._engine.refund(payment_id, amount=params.amount, reason=params.reason, metadata=params.metadata)

    def list_events(self, params: p.EventList) -> Document:
        """Stripe's event list."""
        if params.type is not None and params.types is not None:
            raise StripeRefusal("You may only specify one of these parameters: type, types.")
        types = params.types if params.types is not None else [params.type] if params.type else None

        def wanted(event: Document) -> bool:
            delivered = event["pending_webhooks"] == 0
            return (types is None or any(_type_fits(event["type"], asked) for asked in types)) and (
                params.delivery_success in (None, delivered)
            )

        return page(self._world, "event", params, "/v1/events", wanted=wanted)

    def create_portal_configuration(self, params: p.PortalConfigurationCreate) -> Document:
        """A configuration; the first is the default."""
        kind = "billing_portal.configuration"
        made = settings_objects.portal_configuration(
            self._world, params, login_base=self._engine.checkout.origin, is_default=not self._world.where(kind)
        )
        return self._world.put(made)

    def update_portal_configuration(self, params: p.PortalConfigurationUpdate, configuration_id: str) -> Document:
        """Change what a configuration says, or switch its login page."""
        configuration = self._world.get("billing_portal.configuration", configuration_id, param="configuration")
        settings_objects.change_portal_configuration(
            self._world, configuration, params, login_base=self._engine.checkout.origin
        )
        return configuration

    def create_webhook_endpoint(self, params: p.WebhookEndpointCreate) -> Document:
        """An endpoint; its secret is in this answer only."""
        made = settings_objects.webhook_endpoint(
            self._world,
            url=params.url,
            enabled_events=params.enabled_events,
            api_version=params.api_version,
            description=params.description,
            metadata=params.metadata,
        )
        self._world.put(made)
        secret = self._world.ids.new("whsec", 32)
        self._world.endpoint_secrets[made["id"]] = secret
        return {**made, "secret": secret}


def _type_fits(type_: str, asked: str) -> bool:
    """`invoice.*` is a prefix."""
    return type_.startswith(asked[:-1]) if asked.endswith("*") else type_ == asked


def _retrieve(path: str, kind: str) -> Call[p.Params]:
    def run(calls: Calls, _params: p.Params, object_id: str) -> Document:
        return calls.get(kind, object_id)

    return Call(method="GET", path=f"{path}/{{id}}", params=p.Params, run=run)


def _listing(path: str, kind: str, params: type[p.ListParams], *names: str) -> Call[p.ListParams]:
    def run(calls: Calls, asked: p.ListParams) -> Document:
        return calls.page(kind, asked, f"/v1/{path}", names)

    return Call(method="GET", path=path, params=params, run=run)


CALLS: Final[tuple[Call[Any], ...]] = (
    Call(method="GET", path="account", params=p.Params, run=Calls.account),
    _listing("products", "product", p.ProductList, "active"),
    _retrieve("products", "product"),
    _listing("prices", "price", p.PriceList, "active", "product", "type"),
    _retrieve("prices", "price"),
    Call(method="POST", path="customers", params=p.CustomerCreate, run=Calls.create_customer),
    _listing("customers", "customer", p.CustomerList, "email"),
    _retrieve("customers", "customer"),
    Call(method="POST", path="checkout/sessions", params=p.SessionCreate, run=Calls.create_session),
    _listing(
        "checkout/sessions", "checkout.session", p.SessionList, "customer", "payment_intent", "status", "subscription"
    ),
    _retrieve("checkout/sessions", "checkout.session"),
    Call(method="GET", path="checkout/sessions/{id}/line_items", params=p.ListParams, run=Calls.line_items),
    Call(method="POST", path="checkout/sessions/{id}/expire", params=p.Params, run=Calls.expire_session),
    _listing("payment_intents", "payment_intent", p.PaymentIntentList, "customer"),
    _retrieve("payment_intents", "payment_intent"),
    _listing("charges", "charge", p.ChargeList, "customer", "payment_intent"),
    _retrieve("charges", "charge"),
    Call(method="GET", path="invoices", params=p.InvoiceList, run=Calls.list_invoices),
    _retrieve("invoices", "invoice"),
    Call(method="GET", path="invoice_payments", params=p.InvoicePaymentList, run=Calls.list_invoice_payments),
    _retrieve("invoice_payments", "invoice_payment"),
    Call(method="GET", path="subscriptions", params=p.SubscriptionList, run=Calls.list_subscriptions),
    _retrieve("subscriptions", "subscription"),
    Call(method="POST", path="subscriptions/{id}", params=p.SubscriptionUpdate, run=Calls.update_subscription),
    Call(method="DELETE", path="subscriptions/{id}", params=p.Params, run=Calls.cancel_subscription),
    Call(method="POST", path="refunds", params=p.RefundCreate, run=Calls.create_refund),
    _listing("refunds", "refund", p.PaymentChildList, "charge", "payment_intent"),
    _retrieve("refunds", "refund"),
    _listing("disputes", "dispute", p.PaymentChildList, "charge", "payment_intent"),
    _retrieve("disputes", "dispute"),
    Call(method="GET", path="events", params=p.EventList, run=Calls.list_events),
    _retrieve("events", "event"),
    Call(
        method="POST",
        path="billing_portal/configurations",
        params=p.PortalConfigurationCreate,
        run=Calls.create_portal_configuration,
    ),
    Call(
        method="POST",
        path="billing_portal/configurations/{id}",
        params=p.PortalConfigurationUpdate,
        run=Calls.update_portal_configuration,
    ),
    _listing(
        "billing_portal/configurations",
        "billing_portal.configuration",
        p.PortalConfigurationList,
        "active",
        "is_default",
    ),
    _retrieve("billing_portal/configurations", "billing_portal.configuration"),
    Call(method="POST", path="webhook_endpoints", params=p.WebhookEndpointCreate, run=Calls.create_webhook_endpoint),
    _listing("webhook_endpoints", "webhook_endpoint", p.ListParams),
    _retrieve("webhook_endpoints", "webhook_endpoint"),
)
