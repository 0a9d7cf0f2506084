"""Checkout sessions: opened, paid, declined, paid later, left to expire. Knows no HTTP."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from enum import StrEnum
from functools import partial
from typing import Final

import msgspec

from entrypoints.sandbox.stripe import billing_objects, payment_objects
from entrypoints.sandbox.stripe.billing import Billing
from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.errors import StripeRefusal, card_declined
from entrypoints.sandbox.stripe.params import (
    PaymentIntentData,
    SessionCreate,
    SubscriptionData,
    TrialEnd,
    TrialSettings,
)
from entrypoints.sandbox.stripe.payments import Payments
from entrypoints.sandbox.stripe.timeline import Due
from entrypoints.sandbox.stripe.world import World

_TTL_SECONDS: Final = 24 * 3600
_SHORTEST_TTL_SECONDS: Final = 30 * 60


class TestCard(StrEnum):
    """Stripe's test cards that the hosted page offers."""

    __test__ = False  # no test class, whatever its name suggests to a collector

    PAYS = "4242 4242 4242 4242"
    DECLINED = "4000 0000 0000 0002"


class Checkout:
    """Opens sessions and brings them to their end."""

    def __init__(self, world: World, payments: Payments, billing: Billing) -> None:
        self.origin = ""
        """Where the hosted page is served, `scheme://host:port`; known only once a port is bound."""
        self._world = world
        self._payments = payments
        self._billing = billing
        self._requests: dict[str, SessionCreate] = {}
        self._items: dict[str, list[Document]] = {}
        self._attempts: dict[str, Document] = {}

    def open(self, params: SessionCreate) -> Document:
        """A new session.

        Raises:
            StripeRefusal: the parameters do not fit one another, or name no price or customer.
        """
        _check(params)
        expires_at = params.expires_at or self._world.now() + _TTL_SECONDS
        if not _SHORTEST_TTL_SECONDS <= expires_at - self._world.now() <= _TTL_SECONDS:
            raise StripeRefusal(
                "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
                param="expires_at",
            )
        if params.customer:
            self._world.get("customer", params.customer, param="customer", status=400)
        items = [
            self._item(line.price, line.quantity, f"line_items[{at}]") for at, line in enumerate(params.line_items)
        ]
        kinds = {item["price"]["type"] for item in items}
        if params.mode == "payment" and "recurring" in kinds:
            raise StripeRefusal(
                "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or "
                "use only one-time prices.",
                param="line_items",
            )
        if params.mode == "subscription" and kinds != {"recurring"}:
            raise StripeRefusal(
                "You must provide at least one recurring price in `subscription` mode when using prices.", param="mode"
            )
        session_id = self._world.ids.new("cs_test", 60)
        url = f"{self.origin}/stripe/pay/{session_id}"
        session = billing_objects.checkout_session(
            self._world, params, url=url, session_id=session_id, items=items, expires_at=expires_at
        )
        if params.subscription_data and params.subscription_data.trial_period_days:
            session.update(amount_subtotal=0, amount_total=0)
        self._requests[session_id], self._items[session_id] = params, items
        return self._world.put(session)

    def offer_trial(self, session_id: str, *, days: int, without_card: bool = False) -> Document:
        """What a seller sets when a session is opened, set afterwards: nothing is paid for these days.

        `without_card`: the customer is not asked for one, and a trial that ends without pauses the subscription.
        """
        session = self._open_session(session_id)
        if session["mode"] != "subscription":
            raise StripeRefusal("Only a subscription has a trial.", param="mode")
        params = self._requests[session_id]
        data = msgspec.structs.replace(
            params.subscription_data or SubscriptionData(),
            trial_period_days=days,
            trial_settings=TrialSettings(end_behavior=TrialEnd(missing_payment_method="pause")),
        )
        session.update(
            amount_subtotal=0,
            amount_total=0,
            payment_method_collection="if_required" if without_card else "always",
        )
        self._requests[session_id] = msgspec.structs.replace(params, subscription_data=data)
        return session

    def trial_days(self, session_id: str) -> int:
        """For how many days nothing is paid."""
        data = self._requests[session_id].subscription_data
        return (data and data.trial_period_days) or 0

    def items(self, session_id: str) -> list[Document]:
        """What is bought."""
        self._world.get("checkout.session", session_id, param="session")
        return self._items[session_id]

    def pay(self, session_id: str, *, card: TestCard = TestCard.PAYS, email: str | None = None) -> Document:
        """The customer pays by card; `email` where the session names none. Returns the session.

        Raises:
            StripeRefusal: the card is declined (the session stays open), or the session is not open.
        """
        session = self._open_session(session_id)
        address = self._address(session, email)
        if card is TestCard.PAYS:
            return self._complete(session, address, delayed=False)
        if session["mode"] == "payment":
            with self._from_page():
                raise self._payments.decline(self._attempt(session, address), email=address)
        raise card_declined()  # nothing of a subscription exists before its card is good

    def pay_delayed(self, session_id: str, *, email: str | None = None) -> Document:
        """The customer pays by a method whose money comes later; the session is complete and unpaid."""
        session = self._open_session(session_id)
        if "sepa_debit" not in session["payment_method_types"]:
            raise StripeRefusal("The session does not offer this payment method.", param="payment_method_types")
        return self._complete(session, self._address(session, email), delayed=True)

    def settle_delayed(self, session_id: str, *, succeeds: bool) -> Document:
        """What the delayed payment came to.

        Raises:
            StripeRefusal: nothing is on its way for this session.
        """
        session = self._world.get("checkout.session", session_id, param="session")
        intent = self._intent_of(session)
        if session["status"] != "complete" or intent is None or intent["status"] != "processing":
            raise StripeRefusal("No payment of this session is on its way.")
        with self._world.no_request():
            if session["mode"] == "subscription":
                sub = self._world.get("subscription", session["subscription"])
                self._billing.settle_first(sub, succeeds=succeeds)
            else:
                self._payments.finish(intent, succeeds=succeeds)
            if succeeds:
                session["payment_status"] = "paid"
            word = "succeeded" if succeeds else "failed"
            self._world.emit(f"checkout.session.async_payment_{word}", session)
        return session

    def expire(self, session_id: str) -> Document:
        """Close an open session."""
        session = self._world.get("checkout.session", session_id, param="session")
        if session["status"] != "open":
            raise StripeRefusal(
                'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status '
                f"of {session['status']}.",
                param="session",
            )
        self._end(session)
        return session

    def due(self) -> Iterable[Due]:
        """The sessions that nobody pays."""
        for session in self._world.where("checkout.session", status="open"):
            yield Due(session["expires_at"], partial(self._end, session))

    def _end(self, session: Document) -> None:
        session.update(status="expired", url=None)
        self._world.emit("checkout.session.expired", session)

    def _complete(self, session: Document, address: str, *, delayed: bool) -> Document:
        params = self._requests[session["id"]]
        with self._from_page():
            if session["mode"] == "subscription":
                self._subscribe(session, params.subscription_data or SubscriptionData(), address, delayed=delayed)
            elif session["amount_total"]:
                intent = self._attempt(session, address)
                session.update(customer=intent["customer"], payment_intent=intent["id"])
                begin = self._payments.begin if delayed else self._payments.succeed_at_once
                begin(intent, email=address)
        session.update(
            customer_details=billing_objects.completed_customer_details(address),
            payment_status=("no_payment_required" if not session["amount_total"] else "unpaid" if delayed else "paid"),
            status="complete",
            url=None,
        )
        with self._world.no_request():
            self._world.emit("checkout.session.completed", session)
        return session

    def _subscribe(self, session: Document, data: SubscriptionData, address: str, *, delayed: bool) -> None:
        customer = self._customer(session, address)
        sub = self._billing.begin(
            customer,
            items=self._items[session["id"]],
            metadata=dict(data.metadata),
            description=data.description,
            trial_days=data.trial_period_days,
            delayed=delayed,
            has_method=not is_without_card(session),
            **(
                {"missing_payment_method": data.trial_settings.end_behavior.missing_payment_method}
                if data.trial_settings
                else {}
            ),
        )
        session.update(customer=customer["id"], invoice=sub["latest_invoice"], subscription=sub["id"])

    def _attempt(self, session: Document, address: str) -> Document:
        """The session's payment intent: one for all its tries."""
        known = self._attempts.get(session["id"])
        if known is not None:
            return known
        data = self._requests[session["id"]].payment_intent_data or PaymentIntentData()
        wanted = session["customer_creation"] == "always" or session["customer"]
        customer_id = self._customer(session, address)["id"] if wanted else None
        intent = self._payments.open_intent(
            amount=session["amount_total"],
            currency=session["currency"],
            customer_id=customer_id,
            metadata=dict(data.metadata),
            description=data.description,
            receipt_email=data.receipt_email,
            methods=list(session["payment_method_types"]),
        )
        self._attempts[session["id"]] = intent
        return intent

    def _customer(self, session: Document, address: str) -> Document:
        if session["customer"]:
            return self._world.get("customer", session["customer"])
        customer = self._world.put(payment_objects.customer(self._world, email=address, metadata={}))
        self._world.emit("customer.created", customer)
        return customer

    def _intent_of(self, session: Document) -> Document | None:
        if session["mode"] == "payment":
            return self._world.find("payment_intent", session["payment_intent"])
        links = self._world.where("invoice_payment", invoice=session["invoice"])
        return self._world.find("payment_intent", links[0]["payment"]["payment_intent"]) if links else None

    def _open_session(self, session_id: str) -> Document:
        session = self._world.get("checkout.session", session_id, param="session")
        if session["status"] != "open":
            raise StripeRefusal(f"This Checkout Session is {session['status']}.", param="session")
        return session

    def _address(self, session: Document, email: str | None) -> str:
        known = self._world.find("customer", session["customer"])
        address = session["customer_email"] or (known or {}).get("email") or (email or "").strip()
        if not address:
            raise StripeRefusal("Your email is required.", code="parameter_missing", param="email")
        return str(address)

    def _item(self, price_id: str, quantity: int, param: str) -> Document:
        price = self._world.get("price", price_id, param=f"{param}[price]", status=400)
        product = self._world.get("product", price["product"])
        return billing_objects.session_item(self._world, price, product, quantity)

    def _from_page(self) -> AbstractContextManager[str]:
        """The hosted page is itself a caller of Stripe's API, with keys of its own."""
        return self._world.request(self._world.ids.uuid())


def is_without_card(session: Document) -> bool:
    """Whether the customer is not asked for a way to pay."""
    return session["payment_method_collection"] == "if_required" and not session["amount_total"]


def _check(params: SessionCreate) -> None:
    if not params.line_items:
        raise StripeRefusal("Missing required param: line_items.", code="parameter_missing", param="line_items")
    if params.customer and params.customer_email:
        raise StripeRefusal("You may only specify one of these parameters: customer, customer_email.")
    pairs = (
        ("payment", "subscription_data", params.subscription_data),
        ("subscription", "payment_intent_data", params.payment_intent_data),
        ("subscription", "customer_creation", params.customer_creation),
        ("payment", "payment_method_collection", params.payment_method_collection),
    )
    for mode, name, value in pairs:
        if params.mode == mode and value is not None:
            raise StripeRefusal(f"You can not pass `{name}` in `{mode}` mode.", param=name)
    for name, url in (("success_url", params.success_url), ("cancel_url", params.cancel_url)):
        if url is not None and not url.startswith(("http://", "https://")):
            raise StripeRefusal("Not a valid URL", code="url_invalid", param=name)
