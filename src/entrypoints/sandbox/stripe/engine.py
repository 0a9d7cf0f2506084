"""The state engine of the sandbox's Stripe: everything that a customer, a bank or Stripe itself can do. No I/O.

    engine.checkout.pay(session_id)            engine.billing.renew(subscription_id)
    engine.aftermath.refund(payment_intent_id)

The most used moves are there by a short name too: `engine.pay(…)`, `engine.refund(…)`.
"""

from entrypoints.sandbox.stripe.aftermath import Aftermath
from entrypoints.sandbox.stripe.billing import Billing
from entrypoints.sandbox.stripe.checkout import Checkout
from entrypoints.sandbox.stripe.payments import Payments
from entrypoints.sandbox.stripe.world import World


class Engine:
    """The moves, over one `World`."""

    def __init__(self, world: World) -> None:
        self.world = world
        payments = Payments(world)
        self.billing = Billing(world, payments)
        self.checkout = Checkout(world, payments, self.billing)
        self.aftermath = Aftermath(world)
        self.pay = self.checkout.pay
        self.pay_delayed = self.checkout.pay_delayed
        self.settle_delayed = self.checkout.settle_delayed
        self.expire = self.checkout.expire
        self.renew = self.billing.renew
        self.pay_invoice = self.billing.pay_invoice
        self.plan_cancellation = self.billing.plan_cancellation
        self.cancel = self.billing.cancel
        self.refund = self.aftermath.refund
        self.finish_refund = self.aftermath.finish_refund
        self.open_dispute = self.aftermath.open_dispute
        self.escalate_dispute = self.aftermath.escalate_dispute
        self.close_dispute = self.aftermath.close_dispute
