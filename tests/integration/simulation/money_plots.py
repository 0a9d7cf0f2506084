"""Lives in which money goes back, comes again, or is paid for a period that is known late."""

from datetime import timedelta
from typing import Final

from .lives import Heard, Life, about
from .records import Payment

_DAY: Final = timedelta(days=1)
_LINK: Final = "invoice_payment"
_HOW: Final = ("refund", "disputed", "lost")


# Money goes back, or is said to.


def take_back(life: Life, payment: Payment, how: str | None = None) -> Heard:
    """A refund, a dispute, or a dispute that nobody hears of until it is lost; which words tell of it."""
    stripe, how = life.sim.stripe, how or life.sim.choice.choice(_HOW)
    if how == "refund":
        stripe.refund(payment, payment.amount - payment.refunded, status="succeeded")
        return about(payment.refunds[-1].id, payment.charge_id)
    stripe.dispute(payment, "needs_response")
    if how == "lost":
        stripe.move_dispute(payment.disputes[-1], "lost")
        return lambda event: event.about == payment.disputes[-1].id and event.type.endswith("closed")
    return about(payment.disputes[-1].id)


def give_back(life: Life, payment: Payment) -> None:
    """The refund fails, the dispute is won."""
    for refund in payment.refunds:
        if refund.status in ("pending", "succeeded"):
            life.sim.stripe.move_refund(refund, "failed")
    for dispute in payment.disputes:
        if dispute.status in ("needs_response", "lost"):
            life.sim.stripe.move_dispute(dispute, "won")


GIVEN: Final = about("refund", "charge.dispute.closed")


def to_and_fro(life: Life, payment: Payment) -> None:
    """Money goes back and comes again, in one way and in another; the last word comes as anything comes."""
    for how in life.sim.choice.sample(_HOW, 2):
        life.told(take_back(life, payment, how))
        give_back(life, payment)
        life.told(GIVEN)
    taken = take_back(life, payment, life.sim.choice.choice(("refund", "lost")))
    if life.draw() < 0.5:
        life.comes(taken)
        return
    life.told(taken)
    give_back(life, payment)
    life.comes(GIVEN)


def taken_and_given(life: Life) -> None:
    """Money goes back and comes again, before the end of access and after it."""
    life.paid()
    life.perhaps_let_in()
    payment, draw = life.last_payment, life.draw()
    life.purchase.renews = False
    if payment is None:
        return
    if draw < 0.3:
        life.told(take_back(life, payment))
        life.passes(days=3 if life.is_subscription and life.sim.stripe.interval == _DAY else 31)
        give_back(life, payment)
        life.comes(GIVEN)
        return
    if draw < 0.6:
        life.goes_to_end(after=_DAY)
    to_and_fro(life, payment)


def no_harm_done(life: Life) -> None:
    """An inquiry, and a refund of a part: neither changes anything, whatever becomes of it and however it stands."""
    stripe, draw = life.sim.stripe, life.draw()
    life.paid()
    life.perhaps_let_in()
    life.purchase.renews = False
    payment = life.last_payment
    if payment is None:
        return
    if draw < 0.25:
        life.goes_to_end(after=_DAY)
    elif draw < 0.5:
        life.told(take_back(life, payment))
    stripe.dispute(payment, "warning_needs_response")
    stripe.refund(payment, 100, status="pending")
    told = about(payment.disputes[-1].id, payment.refunds[-1].id)
    if life.draw() < 0.5:
        life.told(told)
    stripe.move_dispute(payment.disputes[-1], "warning_closed")
    stripe.move_refund(payment.refunds[-1], "failed")
    life.comes(told)


def lost_unheard(life: Life) -> None:
    """Nobody hears of a dispute until it is lost; perhaps of an older period, perhaps after the end."""
    life.paid()
    life.perhaps_let_in()
    life.purchase.renews = life.draw() < 0.5
    payment, draw = life.last_payment, life.draw()
    if draw < 0.6 and life.is_subscription:
        life.passes(seconds=life.sim.stripe.interval.total_seconds() * (1 if draw < 0.3 else 4))
        life.told()
    elif draw > 0.8:
        life.goes_to_end(after=_DAY)
    if payment is not None:
        life.sim.stripe.dispute(payment, "needs_response")
        life.sim.stripe.move_dispute(payment.disputes[-1], "lost")
        life.comes(about("charge.dispute.closed"))


def told_before_its_payment(life: Life) -> None:
    """What befalls a payment is traced to its order before the payment itself is heard of, or its session ran out."""
    life.sim.stripe.pay(life.purchase)
    payment = life.last_payment
    if payment is None:
        return
    if life.draw() < 0.4:
        life.sim.stripe.expire(life.purchase)  # by mistake
        life.told(about("checkout.session.expired"))
    life.told(take_back(life, payment, "refund"))
    if life.draw() < 0.5:
        life.sim.stripe.move_refund(payment.refunds[-1], "failed")
    life.told(take_back(life, payment, "disputed"))
    life.passes(minutes=1)
    life.worked()
    dispute = payment.disputes[-1]
    for status in life.sim.choice.choice(((), ("lost",), ("lost", "won"), ("won",))):
        life.sim.stripe.move_dispute(dispute, status)
        life.told(about("charge.dispute.closed"))
    life.told(about("refund.failed"))
    life.comes(about("checkout.session.completed", "invoice.paid"))


# Payments whose period, or whose payment intent, is known late.


def linked_late(life: Life) -> None:
    """An older endpoint tells of a refund, and by that which invoice it is about; today's has told of the invoice."""
    if not life.two_shapes():
        return
    life.paid(but=about(_LINK))
    life.perhaps_let_in()
    life.purchase.renews = False
    payment = life.last_payment
    if payment is None:
        return
    if life.draw() < 0.4:
        life.goes_to_end(after=_DAY)
    life.sim.stripe.refund(payment, payment.amount, status="succeeded")
    life.comes(about("charge.refunded"), older=True)


def first_period_unknown(life: Life) -> None:
    """The first period of a day is not known yet, and counts as two; the second one is taken back after its end."""
    stripe, purchase = life.sim.stripe, life.purchase
    stripe.interval = _DAY
    is_link_late = life.draw() < 0.6 and life.two_shapes()
    life.paid(but=about("invoice"))
    life.perhaps_let_in()
    purchase.renews = True
    life.passes(days=1)
    second = purchase.invoices[1]
    life.told(about(second.id), but=about(_LINK) if is_link_late else None)
    life.told(about("customer.subscription"))
    purchase.renews = False
    life.passes(days=1, hours=6)
    if second.payment is None:
        return
    if is_link_late:
        stripe.refund(second.payment, second.payment.amount, status="succeeded")
        life.comes(about("charge.refunded"), older=True)
        return
    to_and_fro(life, second.payment)


def period_after_all(life: Life) -> None:
    """A first period of a day is known when it is over: until then two days were assumed. Perhaps the next was void."""
    stripe, purchase = life.sim.stripe, life.purchase
    stripe.interval = _DAY
    first = about("invoice.paid")
    life.paid(but=about("invoice"), trial=_DAY if life.draw() < 0.3 else None)
    life.perhaps_let_in()
    purchase.renews = True
    if life.draw() < 0.5:
        life.passes(days=1)
        payment = life.last_payment
        life.told(about(purchase.invoices[-1].id, "customer"))
        if payment is not None:
            life.told(take_back(life, payment))
        life.passes(hours=1)
        stripe.end(purchase)
        life.told(about("customer"))
    else:
        stripe.end(purchase)
        life.told(about("customer"))
        life.passes(days=1, hours=2)
    life.passes(hours=1)
    life.comes(first)


def paid_again_unheard(life: Life) -> None:
    """A period is taken back; the next one was paid, and is heard of while it lasts, or when it is over, too."""
    life.paid()
    life.perhaps_let_in()
    payment, purchase = life.last_payment, life.purchase
    purchase.renews = True
    if payment is None or not purchase.is_subscription:
        return
    life.told(take_back(life, payment))
    life.passes(seconds=life.sim.stripe.interval.total_seconds() + 60)
    purchase.renews = False
    if life.draw() < 0.5:
        life.passes(seconds=life.sim.stripe.interval.total_seconds() * 1.2 + 2 * 86400)
    life.told(but=about("invoice"))
    life.comes(about("invoice"))
