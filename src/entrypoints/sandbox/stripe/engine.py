"""The state engine of the sandbox's Stripe: everything that a customer, a bank or Stripe itself can do. No I/O.

    engine.checkout.pay(session_id)            engine.billing.periods.renew(subscription_id)
    engine.aftermath.refund(payment_intent_id)

Every move is there by its short name too: `engine.pay(…)`, `engine.refund(…)`. What time alone brings is done by
`engine.catch_up()`, each thing with the moment at which it was due.
"""

from datetime import UTC, datetime

from entrypoints.sandbox.stripe.aftermath import Aftermath
from entrypoints.sandbox.stripe.billing import Billing
from entrypoints.sandbox.stripe.checkout import Checkout
from entrypoints.sandbox.stripe.payments import Payments
from entrypoints.sandbox.stripe.timeline import Timeline
from entrypoints.sandbox.stripe.world import World
from entrypoints.sandbox.troubles import Troubles


class Engine:
    """The moves, over one `World`; of the troubles it obeys `renewals_fail`."""

    def __init__(self, world: World, troubles: Troubles | None = None) -> None:
        self.world = world
        payments = Payments(world)
        self.billing = Billing(world, payments, troubles or Troubles())
        self.checkout = Checkout(world, payments, self.billing)
        self.aftermath = Aftermath(world)
        endings, dunning, pauses = self.billing.endings, self.billing.dunning, self.billing.pauses
        self._timeline = Timeline(
            world,
            always=(self.checkout.due, endings.due),
            when_asked=(self.billing.periods.due, dunning.due),
        )
        self.catch_up = self._timeline.catch_up

        self.offer_trial = self.checkout.offer_trial
        self.pay = self.checkout.pay
        self.pay_delayed = self.checkout.pay_delayed
        self.settle_delayed = self.checkout.settle_delayed
        self.expire = self.checkout.expire

        self.renew = self.billing.periods.renew
        self.retry = dunning.retry
        self.mark_unpaid = dunning.mark_unpaid
        self.pay_invoice = self.billing.pay_invoice
        self.void_invoice = self.billing.void_invoice
        self.mark_uncollectible = self.billing.mark_uncollectible
        self.plan_cancellation = endings.plan_cancellation
        self.cancel = endings.cancel
        self.expire_incomplete = endings.expire_incomplete
        self.pause = pauses.pause
        self.resume = pauses.resume
        self.pause_collection = pauses.pause_collection
        self.resume_collection = pauses.resume_collection

        self.refund = self.aftermath.refund
        self.finish_refund = self.aftermath.finish_refund
        self.cancel_refund = self.aftermath.cancel_refund
        self.open_dispute = self.aftermath.open_dispute
        self.answer_dispute = self.aftermath.answer_dispute
        self.escalate_dispute = self.aftermath.escalate_dispute
        self.prevent_dispute = self.aftermath.prevent_dispute
        self.close_dispute = self.aftermath.close_dispute

    def next_due(self) -> datetime | None:
        """When `catch_up` will have something to do; None: never, as things stand."""
        at = self._timeline.next_at()
        return None if at is None else datetime.fromtimestamp(at, UTC)
