"""What can happen to a payment after it was made: refunds and disputes. Knows no checkout and no subscription."""

from typing import Any, Final

from entrypoints.sandbox.stripe import payment_objects as objects
from entrypoints.sandbox.stripe.catalogue import Document
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.world import World

_FAILURES: Final = {"card": "expired_or_canceled_card", "sepa_debit": "declined"}


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
        pending: bool | None = None,
    ) -> Document:
        """Give money back: all that is left, or `amount` in minor units.

        A refund to a bank account is `pending` until it has arrived; one to a card is not, unless it is said.
        """
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
        if pending is None:
            pending = charge["payment_method_details"]["type"] != "card"
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
        if refund["status"] not in ("pending", "succeeded"):
            raise StripeRefusal(f"The refund has {refund['status']} already.")
        if succeeds:
            if refund["status"] != "pending":
                raise StripeRefusal("The refund has arrived already.")
            self._move_refund(refund, status="succeeded")
            return refund
        self._take_back(refund)
        refund["failure_balance_transaction"] = self._world.ids.new("txn")
        self._move_refund(refund, status="failed", failure_reason=_FAILURES.get(_method(refund), "unknown"))
        self._world.emit("refund.failed", refund)
        return refund

    def cancel_refund(self, refund_id: str) -> Document:
        """The seller takes a refund back before it has arrived.

        Raises:
            StripeRefusal: it is not pending.
        """
        refund = self._world.get("refund", refund_id)
        if refund["status"] != "pending":
            raise StripeRefusal("Only a pending refund can be cancelled.")
        self._take_back(refund)
        self._move_refund(refund, status="canceled", failure_reason="merchant_request")
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
        if dispute["status"] not in ("warning_needs_response", "warning_under_review"):
            raise StripeRefusal("Only an open inquiry can be escalated.")
        details = _case(dispute, "chargeback")
        self._world.update(
            "charge.dispute.updated",
            dispute,
            is_charge_refundable=False,
            payment_method_details=details,
            status="needs_response",
        )
        self._world.emit("charge.dispute.funds_withdrawn", dispute)
        return dispute

    def answer_dispute(self, dispute_id: str) -> Document:
        """The seller sends evidence, and the bank looks at it.

        Raises:
            StripeRefusal: nobody waits for an answer.
        """
        dispute = self._world.get("dispute", dispute_id)
        if not dispute["status"].endswith("needs_response"):
            raise StripeRefusal(f"The dispute is {dispute['status']}.")
        details = dispute["evidence_details"]
        self._world.update(
            "charge.dispute.updated",
            dispute,
            evidence={**dispute["evidence"], "uncategorized_text": "The customer has used what was bought."},
            evidence_details={**details, "has_evidence": True, "submission_count": details["submission_count"] + 1},
            status=dispute["status"].replace("needs_response", "under_review"),
        )
        return dispute

    def prevent_dispute(self, dispute_id: str) -> Document:
        """Stripe resolves it with the card network before it is one; the seller keeps the money.

        Raises:
            StripeRefusal: it is closed.
        """
        dispute = self._open_dispute(dispute_id)
        was_inquiry = dispute["status"].startswith("warning")
        dispute.update(payment_method_details=_case(dispute, "block"), status="prevented")
        if not was_inquiry:
            self._world.emit("charge.dispute.funds_reinstated", dispute)
        self._world.emit("charge.dispute.closed", dispute)
        return dispute

    def close_dispute(self, dispute_id: str, *, won: bool) -> Document:
        """The bank's decision; an inquiry is closed as such when it is won."""
        dispute = self._open_dispute(dispute_id)
        was_inquiry = dispute["status"].startswith("warning")
        dispute["status"] = "lost" if not won else "warning_closed" if was_inquiry else "won"
        if dispute["status"] == "won":
            self._world.emit("charge.dispute.funds_reinstated", dispute)
        self._world.emit("charge.dispute.closed", dispute)
        return dispute

    def _open_dispute(self, dispute_id: str) -> Document:
        dispute = self._world.get("dispute", dispute_id)
        if dispute["status"] in ("won", "lost", "prevented", "warning_closed"):
            raise StripeRefusal("The dispute is closed already.")
        return dispute

    def _move_refund(self, refund: Document, **changes: Any) -> None:
        """Both events that tell of a refund's change: the newer name and the older one."""
        previous = {name: refund.get(name) for name in changes}
        refund.update(changes)
        refund.pop("pending_reason", None)
        for type_ in ("refund.updated", "charge.refund.updated"):
            self._world.emit(type_, refund, previous)

    def _take_back(self, refund: Document) -> None:
        charge = self._world.get("charge", refund["charge"])
        self._set_refunded(charge, charge["amount_refunded"] - refund["amount"])

    def _set_refunded(self, charge: Document, amount: int) -> None:
        charge.update(amount_refunded=amount, refunded=amount == charge["amount"])


def _method(refund: Document) -> str:
    return str(refund["destination_details"]["type"])


def _case(dispute: Document, case_type: str) -> Document:
    details = dispute["payment_method_details"]
    return {**details, "card": {**details["card"], "case_type": case_type}}
