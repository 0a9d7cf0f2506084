"""What happens at Stripe and at the banks behind it. Each act draws whose; False: it is not possible now."""

from datetime import timedelta
from typing import Final

from .people import TRIAL_DAYS, known
from .records import Payment
from .simulation import Customer, Simulation

_TRIALS: Final = 0.15


def pay_calmly(sim: Simulation, customer: Customer) -> None:
    """A purchase that is paid before anything goes wrong."""
    for order_id in customer.orders:
        trial = timedelta(sim.choice.choice(TRIAL_DAYS)) if sim.choice.random() < _TRIALS else None
        sim.stripe.pay(sim.stripe.purchases[order_id], trial=trial)


def settle(sim: Simulation) -> bool:
    """A delayed method's money comes, or does not."""
    if waiting := [purchase for purchase in known(sim) if purchase.is_processing]:
        sim.stripe.settle(sim.choice.choice(waiting), is_paid=sim.choice.random() < 0.7)
    return bool(waiting)


def expire(sim: Simulation) -> bool:
    """A session runs out; rarely Stripe says so of one that was paid."""
    purchases = [p for p in sim.stripe.purchases.values() if not p.expiries]
    if purchases:
        sim.stripe.expire(sim.choice.choice(purchases))
    return bool(purchases)


def collect(sim: Simulation) -> bool:
    """An invoice that stayed open is paid after all, or given up; not one whose money is on its way."""
    unpaid = [i for p in known(sim) if not p.is_processing for i in p.invoices if i.status == "open"]
    if unpaid:
        invoice = sim.choice.choice(unpaid)
        (sim.stripe.collect if sim.choice.random() < 0.7 else sim.stripe.give_up)(invoice)
    return bool(unpaid)


def change_plans(sim: Simulation) -> bool:
    """A subscription ends now, is planned to end, or is not any more."""
    if live := [purchase for purchase in known(sim) if purchase.is_live]:
        purchase = sim.choice.choice(live)
        if sim.choice.random() < 0.3:
            sim.stripe.end(purchase)
        else:
            sim.stripe.plan_end(purchase, is_planned=not purchase.cancel_at_period_end)
    return bool(live)


def refund(sim: Simulation) -> bool:
    """A payment goes back, in whole or in part."""
    if payments := [payment for payment in _payments(sim) if payment.refunded < payment.amount]:
        payment = sim.choice.choice(payments)
        rest = payment.amount - payment.refunded
        amount = rest if sim.choice.random() < 0.6 else max(1, rest // 3)
        sim.stripe.refund(payment, amount, status=sim.choice.choice(("pending", "succeeded")))
        sim.tell(f"refunded {amount} of {payment.id}")
    return bool(payments)


def move_refund(sim: Simulation) -> bool:
    """A refund goes through, fails or is cancelled."""
    refunds = [r for payment in _payments(sim) for r in payment.refunds if r.status in ("pending", "succeeded")]
    if refunds:
        refund = sim.choice.choice(refunds)
        status = "failed" if refund.status == "succeeded" else sim.choice.choice(("succeeded", "failed", "canceled"))
        sim.stripe.move_refund(refund, status)
        sim.tell(f"refund {refund.id} is {status}")
    return bool(refunds)


def dispute(sim: Simulation) -> bool:
    """A bank asks about a payment, or takes it back."""
    if payments := [payment for payment in _payments(sim) if len(payment.disputes) < 2]:
        payment = sim.choice.choice(payments)
        sim.stripe.dispute(payment, sim.choice.choice(("warning_needs_response", "needs_response", "needs_response")))
        sim.tell(f"{payment.id} is disputed: {payment.disputes[-1].status}")
    return bool(payments)


_NEXT: Final = {
    "warning_needs_response": ("warning_closed", "needs_response"),
    "needs_response": ("under_review", "won", "lost", "prevented"),
    "under_review": ("won", "lost"),
    "lost": ("won",),
}


def move_dispute(sim: Simulation) -> bool:
    """A dispute goes on, or is decided."""
    disputes = [d for payment in _payments(sim) for d in payment.disputes if d.status in _NEXT]
    if disputes:
        dispute = sim.choice.choice(disputes)
        sim.stripe.move_dispute(dispute, sim.choice.choice(_NEXT[dispute.status]))
        sim.tell(f"dispute {dispute.id} is {dispute.status}")
    return bool(disputes)


def _payments(sim: Simulation) -> list[Payment]:
    return [payment for purchase in known(sim) for payment in purchase.payments]
