"""Money that goes back: refunds and disputes, as a part of the state machine.

What moves at the provider and what the provider says of it are two steps, so that either may come first.
"""

from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, multiple, precondition, rule
from msgspec import Struct

from paywall_core.events import ChargeRefunded, DisputeUpdated, RefundUpdated
from paywall_core.facts import DisputeStatus, RefundStatus
from paywall_core.notification import PaymentNotification
from paywall_core.testing.machine_base import money
from paywall_core.testing.model import PRICE_MINOR, Purchase
from paywall_core.testing.provider_rules import MOSTLY, ProviderRules

_NEXT_REFUND: Final = {
    RefundStatus.PENDING: (RefundStatus.SUCCEEDED, RefundStatus.FAILED, RefundStatus.CANCELLED),
    RefundStatus.SUCCEEDED: (RefundStatus.FAILED,),
}
_NEXT_DISPUTE: Final = {
    DisputeStatus.INQUIRY: (DisputeStatus.INQUIRY_CLOSED, DisputeStatus.OPEN),
    DisputeStatus.OPEN: (DisputeStatus.WON, DisputeStatus.LOST, DisputeStatus.PREVENTED),
    DisputeStatus.LOST: (DisputeStatus.WON,),
}


class Refund(Struct, kw_only=True, eq=False):
    """A refund at the provider, as it stands there."""

    id: str
    purchase: Purchase
    payment: str
    amount_minor: int
    status: RefundStatus


class Dispute(Struct, kw_only=True, eq=False):
    """A dispute at the provider, as it stands there."""

    id: str
    purchase: Purchase
    payment: str
    status: DisputeStatus


class ReversalRules(ProviderRules):
    """Refunds and disputes of what was paid."""

    refunds = Bundle[Refund]("refunds")
    disputes = Bundle[Dispute]("disputes")

    @precondition(lambda self: any(one.payments for one in self.model.purchases))
    @rule(target=refunds, purchase=ProviderRules.purchases, amount_minor=st.sampled_from([PRICE_MINOR, 400]))
    def refund(self, purchase: Purchase, amount_minor: int) -> MultipleResults[Refund]:
        """Part of the last payment or all of it goes back; the provider has not said so yet."""
        if not purchase.payments:
            return multiple()
        payment = purchase.payments[-1]
        going = purchase.refunded.get(payment, 0) + amount_minor
        if going > PRICE_MINOR:
            return multiple()
        purchase.refunded[payment] = going
        return multiple(
            Refund(
                id=f"re_{self.number()}",
                purchase=purchase,
                payment=payment,
                amount_minor=amount_minor,
                status=RefundStatus.PENDING,
            )
        )

    @rule(target=ProviderRules.said, refund=refunds, arrives=MOSTLY)
    def tell_of_refund(self, refund: Refund, arrives: bool) -> MultipleResults[PaymentNotification]:
        """The provider tells of the refund itself."""
        return self._tell_of_refund(refund, arrives)

    @rule(target=ProviderRules.said, refund=refunds, arrives=MOSTLY)
    def tell_of_refunded_charge(self, refund: Refund, arrives: bool) -> MultipleResults[PaymentNotification]:
        """The provider tells how much of the charge has gone back."""
        charge = f"ch_{refund.payment}"
        event = ChargeRefunded(
            charge_id=charge,
            amount=money(PRICE_MINOR),
            refunded_minor=refund.purchase.refunded[refund.payment],
            payment=refund.payment,
        )
        return self.tell(arrives, self.say(event, references=(refund.payment, charge)))

    @rule(target=ProviderRules.said, refund=refunds, choice=st.integers(0, 2), arrives=MOSTLY)
    def move_refund(self, refund: Refund, choice: int, arrives: bool) -> MultipleResults[PaymentNotification]:
        """It goes through, fails, or is cancelled."""
        further = _NEXT_REFUND.get(refund.status)
        if further is None:
            return multiple()
        refund.status = further[choice % len(further)]
        if refund.status is not RefundStatus.SUCCEEDED:
            refund.purchase.refunded[refund.payment] -= refund.amount_minor
        return self._tell_of_refund(refund, arrives)

    @precondition(lambda self: any(one.payments for one in self.model.purchases))
    @rule(
        target=disputes,
        purchase=ProviderRules.purchases,
        status=st.sampled_from([DisputeStatus.INQUIRY, DisputeStatus.OPEN]),
    )
    def dispute(self, purchase: Purchase, status: DisputeStatus) -> MultipleResults[Dispute]:
        """The customer's bank asks about the last payment, or takes it; the provider has not said so yet."""
        if not purchase.payments:
            return multiple()
        return multiple(
            Dispute(id=f"dp_{self.number()}", purchase=purchase, payment=purchase.payments[-1], status=status)
        )

    @rule(target=ProviderRules.said, dispute=disputes, arrives=MOSTLY)
    def tell_of_dispute(self, dispute: Dispute, arrives: bool) -> MultipleResults[PaymentNotification]:
        """The provider tells how the dispute stands."""
        return self._tell_of_dispute(dispute, arrives)

    @rule(target=ProviderRules.said, dispute=disputes, choice=st.integers(0, 2), arrives=MOSTLY)
    def move_dispute(self, dispute: Dispute, choice: int, arrives: bool) -> MultipleResults[PaymentNotification]:
        """It is opened, won, lost, prevented."""
        further = _NEXT_DISPUTE.get(dispute.status)
        if further is None:
            return multiple()
        dispute.status = further[choice % len(further)]
        return self._tell_of_dispute(dispute, arrives)

    def _tell_of_refund(self, refund: Refund, arrives: bool) -> MultipleResults[PaymentNotification]:
        event = RefundUpdated(
            refund_id=refund.id, amount=money(refund.amount_minor), status=refund.status, payment=refund.payment
        )
        return self.tell(arrives, self.say(event, references=(refund.payment,)))

    def _tell_of_dispute(self, dispute: Dispute, arrives: bool) -> MultipleResults[PaymentNotification]:
        event = DisputeUpdated(dispute_id=dispute.id, status=dispute.status, payment=dispute.payment)
        return self.tell(arrives, self.say(event, references=(dispute.payment,)))
