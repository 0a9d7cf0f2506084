"""What the console shows of the sandbox's Stripe: a JSON-able picture of the state. Reads only."""

from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.intervals import period_end
from entrypoints.sandbox.stripe.invoices import subscription_id_of
from entrypoints.sandbox.stripe.webhooks import WebhookDispatcher
from entrypoints.sandbox.stripe.world import World


def snapshot(world: World, webhooks: WebhookDispatcher) -> Document:
    """Sessions, payments, subscriptions, refunds, disputes and events with their deliveries; newest first."""
    intents = {one["id"]: one for one in world.all("payment_intent")}
    bills = {one["id"]: one for one in world.all("invoice")}
    billed = {
        link["payment"]["payment_intent"]: subscription_id_of(bills[link["invoice"]])
        for link in world.all("invoice_payment")
    }
    return {
        "sessions": [_session(one, _intent_of(world, one, intents)) for one in _newest(world, "checkout.session")],
        "payments": [_payment(world, one, billed.get(one["id"])) for one in _newest(world, "payment_intent")],
        "subscriptions": [_subscription(one, bills[one["latest_invoice"]]) for one in _newest(world, "subscription")],
        "refunds": [
            _only(one, "id", "amount", "currency", "status", "payment_intent") for one in _newest(world, "refund")
        ],
        "disputes": [
            _only(one, "id", "amount", "currency", "status", "payment_intent") for one in _newest(world, "dispute")
        ],
        "events": [_event(one, webhooks) for one in _newest(world, "event")],
    }


def _newest(world: World, kind: str) -> list[Document]:
    return world.all(kind)[::-1]


def _only(one: Document, *names: str) -> Document:
    return {name: one[name] for name in names}


def _session(one: Document, intent: Document | None) -> Document:
    details = one["customer_details"] or {}
    return {
        **_only(one, "id", "mode", "status", "payment_status", "currency", "created", "expires_at", "url"),
        "amount": one["amount_total"],
        "email": details.get("email"),
        "order_id": one["metadata"].get("order_id"),
        "payment_intent": intent["id"] if intent else None,
        "subscription": one["subscription"],
        "can_settle": one["status"] == "complete" and intent is not None and intent["status"] == "processing",
        "can_expire": one["status"] == "open",
        "can_offer_trial": one["status"] == "open" and one["mode"] == "subscription" and one["amount_total"] > 0,
    }


def _intent_of(world: World, session: Document, intents: dict[str, Document]) -> Document | None:
    if session["mode"] == "payment":
        return intents.get(session["payment_intent"] or "")
    links = world.where("invoice_payment", invoice=session["invoice"]) if session["invoice"] else []
    return intents.get(links[0]["payment"]["payment_intent"]) if links else None


def _payment(world: World, one: Document, subscription_id: str | None) -> Document:
    charge = world.find("charge", one["latest_charge"])
    return {
        **_only(one, "id", "amount", "currency", "status", "created", "customer"),
        "order_id": one["metadata"].get("order_id"),
        "subscription": subscription_id,
        "method": charge["payment_method_details"]["type"] if charge else None,
        "amount_refunded": charge["amount_refunded"] if charge else 0,
        "disputed": bool(charge and charge["disputed"]),
        "can_refund": bool(charge and charge["paid"] and charge["amount_refunded"] < charge["amount"]),
    }


def _subscription(one: Document, latest: Document) -> Document:
    return {
        **_only(one, "id", "status", "cancel_at_period_end", "created", "ended_at", "latest_invoice", "customer"),
        "order_id": one["metadata"].get("order_id"),
        "current_period_end": period_end(one),
        "collection_paused": one["pause_collection"] is not None,
        "invoice_status": latest["status"],
    }


def _event(one: Document, webhooks: WebhookDispatcher) -> Document:
    return {
        **_only(one, "id", "type", "created", "pending_webhooks"),
        "object_id": one["data"]["object"]["id"],
        "deliveries": [
            {"at": attempt.at.isoformat(), "outcome": attempt.outcome, "status": attempt.status, "error": attempt.error}
            for attempt in webhooks.attempts.get(one["id"], [])
        ],
    }
