"""What can happen to a payment after it was made: refunds and disputes. Knows no checkout and no subscription."""

from entrypoints.sandbox.stripe import payment_objects as objects
from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.world import World


class Aftermath:
    """Moves refunds and disputes, and the charge beneath them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def charge_of(self, payment_id: str) -> Document:
        """The charge itself, or the latest one of a payment intent."""
        charge = self._world.find("charge", payment_id)
        if charge is not None:
            return charge
        intent = self._world.get("payment_intent", payment_id, param="payment_intent", status=400)
        if intent["status"] != "succeeded":
            raise StripeRefusal(
                f"This PaymentIntent ({payment_id}) does not have a successful charge.",
                code="payment_intent_unexpected_state",
            )
        return self._world.get("charge", intent["latest_charge"])

    def refund(
        self,
        payment_id: str,
        *,
        amount: int | None = None,
        reason: str | None = None,
        metadata: dict[str, str] | None = None,
        pending: bool = False,
    ) -> Document:
        """Give money back: all that is left, or `amount` in minor units; `pending` as with a bank debit."""
        charge = self.charge_of(payment_id)
        left = charge["amount"] - charge["amount_refunded"]
        if not charge["paid"]:
            raise StripeRefusal(f"Charge {charge['id']} has not been paid.", param="charge")
        if left == 0:
            raise StripeRefusal(
                f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded", param="charge"
            )
        wanted = left if amount is None else amount
        if not 0 < wanted <= left:
            raise StripeRefusal(
                f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})",
                code="amount_too_large",
                param="amount",
            )
        refund = self._world.put(
            objects.refund(
                self._world,
                charge,
                amount=wanted,
                reason=reason,
                metadata=dict(metadata or {}),
                status="pending" if pending else "succeeded",
            )
        )
        self._set_refunded(charge, charge["amount_refunded"] + wanted)
        self._world.emit("charge.refunded", charge)
        self._world.emit("refund.created", refund)
        return refund

    def finish_refund(self, refund_id: str, *, succeeds: bool) -> Document:
        """A pending refund arrived, or a refund came back from the bank: the money is with the seller again."""
        refund = self._world.get("refund", refund_id)
        if refund["status"] == "failed":
            raise StripeRefusal("The refund has failed already.")
        if succeeds:
            self._world.update("refund.updated", refund, status="succeeded")
            return refund
        before = refund["status"]
        refund.update(status="failed", failure_reason="expired_or_canceled_card")
        charge = self._world.get("charge", refund["charge"])
        self._set_refunded(charge, charge["amount_refunded"] - refund["amount"])
        for type_ in ("refund.updated", "charge.refund.updated"):
            self._world.emit(type_, refund, {"status": before})
        self._world.emit("refund.failed", refund)
        return refund

    def open_dispute(self, payment_id: str, *, inquiry: bool = False, reason: str = "fraudulent") -> Document:
        """The customer's bank takes the money back, or only asks."""
        charge = self.charge_of(payment_id)
        if charge["disputed"]:
            raise StripeRefusal("The charge is disputed already.")
        dispute = self._world.put(objects.dispute(self._world, charge, reason=reason, inquiry=inquiry))
        charge["disputed"] = True
        self._world.emit("charge.dispute.created", dispute)
        if not inquiry:
            self._world.emit("charge.dispute.funds_withdrawn", dispute)
        return dispute

    def escalate_dispute(self, dispute_id: str) -> Document:
        """An inquiry becomes a dispute."""
        dispute = self._world.get("dispute", dispute_id)
        if dispute["status"] != "warning_needs_response":
            raise StripeRefusal("Only an open inquiry can be escalated.")
        self._world.update("charge.dispute.updated", dispute, status="needs_response", is_charge_refundable=False)
        self._world.emit("charge.dispute.funds_withdrawn", dispute)
        return dispute

    def close_dispute(self, dispute_id: str, *, won: bool) -> Document:
        """The bank's decision; an inquiry is closed as such when it is won."""
        dispute = self._world.get("dispute", dispute_id)
        if dispute["status"] in ("won", "lost", "warning_closed"):
            raise StripeRefusal("The dispute is closed already.")
        was_inquiry = dispute["status"].startswith("warning")
        dispute["status"] = "lost" if not won else "warning_closed" if was_inquiry else "won"
        if dispute["status"] == "won":
            self._world.emit("charge.dispute.funds_reinstated", dispute)
        self._world.emit("charge.dispute.closed", dispute)
        return dispute

    def _set_refunded(self, charge: Document, amount: int) -> None:
        charge.update(amount_refunded=amount, refunded=amount == charge["amount"])
