"""What happens to money: a charge succeeds, waits or fails. Knows no checkout and no invoice."""

from typing import Any, Final

from entrypoints.sandbox.stripe import payment_objects as objects
from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.errors import StripeRefusal, card_declined
from entrypoints.sandbox.stripe.payment_objects import Method
from entrypoints.sandbox.stripe.world import World

_LAST4: Final = {"card": "4242", "sepa_debit": "3000"}
_DECLINED_LAST4: Final = "0002"


class Payments:
    """Moves payment intents and charges, and says so in events, in Stripe's usual order."""

    def __init__(self, world: World) -> None:
        self._world = world

    def open_intent(self, **fields: Any) -> Document:
        """A new intent; see `payment_objects.payment_intent`."""
        intent = self._world.put(objects.payment_intent(self._world, **fields))
        self._world.emit("payment_intent.created", intent)
        return intent

    def succeed_at_once(self, intent: Document, *, email: str | None) -> Document:
        """A card that pays; returns the charge."""
        charge = self._charge(intent, method="card", email=email)
        self._succeed(intent, charge)
        return charge

    def begin(self, intent: Document, *, email: str | None) -> Document:
        """A delayed method: the money is on its way, for days."""
        charge = self._charge(intent, method="sepa_debit", email=email)
        intent.update(status="processing")
        self._world.emit("payment_intent.processing", intent)
        self._world.emit("charge.pending", charge)
        return charge

    def decline(self, intent: Document, *, email: str | None) -> StripeRefusal:
        """A card that does not pay: the intent waits for another one. Returns what the customer is told."""
        charge = self._charge(intent, method="card", email=email, last4=_DECLINED_LAST4)
        return self._fail(intent, charge, card_declined())

    def require_action(self, intent: Document) -> None:
        """The card's bank wants to see the customer: nothing is charged until they come (3-D Secure)."""
        intent.update(
            next_action={"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}},
            payment_method=self._world.ids.new("pm"),
            status="requires_action",
        )
        self._world.emit("payment_intent.requires_action", intent)

    def finish(self, intent: Document, *, succeeds: bool) -> None:
        """What the delayed method came to."""
        charge = self._world.get("charge", intent["latest_charge"])
        if succeeds:
            self._succeed(intent, charge)
            return
        self._fail(
            intent,
            charge,
            StripeRefusal(
                "The customer's bank account could not be debited.",
                status=402,
                type_="card_error",
                code="payment_intent_payment_attempt_failed",
            ),
        )

    def _charge(self, intent: Document, *, method: Method, email: str | None, last4: str | None = None) -> Document:
        intent["payment_method"] = self._world.ids.new("pm")
        charge = objects.charge(self._world, intent, method=method, email=email, last4=last4 or _LAST4[method])
        intent["latest_charge"] = charge["id"]
        return self._world.put(charge)

    def _succeed(self, intent: Document, charge: Document) -> None:
        charge.update(
            amount_captured=charge["amount"],
            balance_transaction=self._world.ids.new("txn"),
            captured=True,
            outcome=_outcome(None),
            paid=True,
            status="succeeded",
        )
        intent.update(amount_received=intent["amount"], last_payment_error=None, next_action=None, status="succeeded")
        self._world.emit("charge.succeeded", charge)
        self._world.emit("payment_intent.succeeded", intent)

    def _fail(self, intent: Document, charge: Document, refusal: StripeRefusal) -> StripeRefusal:
        charge.update(
            failure_code=refusal.code,
            failure_message=refusal.message,
            outcome=_outcome(refusal.extra.get("decline_code", "generic_decline")),
            paid=False,
            status="failed",
        )
        intent.update(
            last_payment_error={**refusal.body()["error"], "charge": charge["id"]},
            next_action=None,
            payment_method=None,
            status="requires_payment_method",
        )
        self._world.emit("charge.failed", charge)
        self._world.emit("payment_intent.payment_failed", intent)
        return refusal


def _outcome(reason: str | None) -> Document:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "declined_by_network" if reason else "approved_by_network",
        "reason": reason,
        "risk_level": "normal",
        "risk_score": 12,
        "seller_message": "The bank did not return any further details." if reason else "Payment complete.",
        "type": "issuer_declined" if reason else "authorized",
    }
