"""Lives with clocks that are wrong, checkouts that say things late, operators and codes."""

from datetime import timedelta
from typing import Final

from . import people
from .course import calmly
from .faults import Fault
from .lives import Life, about
from .money_plots import take_back

_DAY: Final = timedelta(days=1)
_SKEW: Final = timedelta(days=3)


# Grace, and clocks.


def grace_ends(life: Life) -> None:
    """The renewal failed, or was taken back: access lasts by the grace; then the subscription ends, or time passes."""
    life.paid()
    life.perhaps_let_in()
    purchase = life.purchase
    if not purchase.is_subscription:
        return
    purchase.renews = life.draw() < 0.6
    life.passes(seconds=life.sim.stripe.interval.total_seconds() + 3600)
    life.told()
    if purchase.renews and life.last_payment is not None:
        life.told(take_back(life, life.last_payment))
    purchase.renews = False
    if life.draw() < 0.6:
        life.sim.stripe.end(purchase)
        life.comes(about("customer.subscription.deleted"))
        return
    _clock_or_time(life)


def clock_ahead_of_the_end(life: Life) -> None:
    """Shortly before the end of access a clock that runs ahead thinks it over, and is set right."""
    life.paid()
    life.perhaps_let_in()
    if life.is_subscription and life.draw() < 0.5:
        life.purchase.renews = True
        life.passes(seconds=life.sim.stripe.interval.total_seconds() + 3600)
        life.told()
        if life.last_payment is not None:
            life.told(take_back(life, life.last_payment))
    life.purchase.renews = False
    life.goes_to_end(after=timedelta(hours=-20))
    life.told()
    _clock_or_time(life)


def _clock_or_time(life: Life) -> None:
    """The clock jumps ahead over the end and comes back; time passes; it jumps back over the end: as it may."""
    sim = life.sim
    if Fault.CLOCK_AHEAD in sim.faults.rates:
        _jump(life, Fault.CLOCK_AHEAD, _SKEW)
        life.swept()
        sim.loop.run_turns(300)
        if life.draw() < 0.8:
            sim.clock.skew = timedelta()
        _something_is_said(life)
        sim.loop.run_turns(300)
        if life.draw() < 0.3:
            return
    life.passes(days=2, hours=1)
    life.swept()
    if Fault.CLOCK_BEHIND in sim.faults.rates:
        sim.loop.run_turns(300)
        _jump(life, Fault.CLOCK_BEHIND, -_SKEW)
        _something_is_said(life)


def _something_is_said(life: Life) -> None:
    """A word that changes nothing."""
    life.sim.stripe.expire(life.purchase)
    life.comes(about("checkout.session.expired"))


def _jump(life: Life, fault: Fault, skew: timedelta) -> None:
    life.sim.clock.skew = skew
    life.sim.jumps += 1
    life.sim.faults.happened(fault)


# The checkout's own words.


def asked_while_it_happened(life: Life) -> None:
    """The success page's question is on its way back while the customer pays, gets in, or is put out."""
    sim, purchase = life.sim, life.purchase
    sim.loop.until(lambda: not sim.busy)
    sim.stripe.latency = 70.0
    process = sim.any_process()
    sim.attempt(process, f"success page asks about {purchase.session_id}", people.polled(sim, process, purchase))
    sim.loop.run_turns(300)
    sim.stripe.latency = 0.0
    draw = life.draw()
    if draw < 0.25:
        sim.stripe.expire(purchase)
        life.told()
    elif draw < 0.4:
        life.operated("revoke")
    else:
        life.paid()
        if draw < 0.7:
            life.let_in()
        if draw < 0.45 and life.last_payment is not None:
            life.told(take_back(life, life.last_payment))
    life.passes(minutes=2)


def completed_late(life: Life) -> None:
    """That a checkout was completed, by a delayed method, is heard of late: after its end, or that it ran out."""
    stripe, purchase, draw = life.sim.stripe, life.purchase, life.draw()
    stripe.pay(purchase, is_delayed=True)
    if draw < 0.4:
        stripe.expire(purchase)  # by mistake
        life.told(about("checkout.session.expired"))
        if draw < 0.2:
            stripe.settle(purchase, is_paid=False)
            life.comes(about("checkout.session.async_payment_failed"))
        else:
            life.comes(about("checkout.session.completed"))
        return
    life.passes(minutes=5)
    stripe.settle(purchase, is_paid=True)
    life.told(about("checkout.session.async_payment_succeeded", "invoice", "customer"))
    life.perhaps_let_in()
    purchase.renews = False
    if draw < 0.6:
        life.goes_to_end(after=_DAY)
        life.told(but=about("checkout.session.completed"))
    elif draw < 0.75 and life.last_payment is not None:
        life.told(take_back(life, life.last_payment))
    life.comes(about("checkout.session.completed"))


def waits_for_money(life: Life) -> None:
    """The checkout is completed, the money is still to come: what is said meanwhile moves nothing."""
    stripe, purchase, draw = life.sim.stripe, life.purchase, life.draw()
    stripe.pay(purchase, is_delayed=True)
    life.told(about("checkout.session.completed"))
    if draw < 0.3:
        stripe.expire(purchase)  # by mistake
        life.comes(about("checkout.session.expired"))
    elif draw < 0.5 or not purchase.is_subscription:
        stripe.settle(purchase, is_paid=False)
        life.comes()
    elif draw < 0.7:
        stripe.end(purchase)
        life.comes(about("customer.subscription.deleted"))
    else:
        stripe.settle(purchase, is_paid=True)
        life.comes(about("invoice_payment"))


def over_and_said_again(life: Life) -> None:
    """What ran out, or is over, is told to run out; a renewal fails after all."""
    stripe, purchase, draw = life.sim.stripe, life.purchase, life.draw()
    if draw < 0.5:
        life.paid()
        life.perhaps_let_in()
        purchase.renews = False
        if draw < 0.3:
            life.goes_to_end(after=_DAY)
            life.swept()
    stripe.expire(purchase)
    life.told(about("checkout.session.expired"))
    stripe.expire(purchase)
    life.comes()


# Operators, and codes.


def revoked_and_reinstated(life: Life) -> None:
    """An operator takes access away and gives it back, however the order stands; at last while the world goes on."""
    stage, draw = life.sim.choice.randrange(1, 6), life.draw
    if draw() < 0.3:
        life.operated("revoke")
        life.operated("reinstate")
    if stage == 1:
        life.sim.stripe.expire(life.purchase)
        life.told()
    is_revoked = draw() < 0.3
    if is_revoked:
        life.operated("revoke")
    if stage > 1:
        life.paid()
    if stage > 2 and not is_revoked:
        life.perhaps_let_in()
        life.operated("revoke")
        life.operated("reinstate")
    if stage == 4 and life.last_payment is not None:
        life.told(take_back(life, life.last_payment))
    if stage == 5:
        life.purchase.renews = False
        life.goes_to_end(after=_DAY)
    if not is_revoked:
        life.operated("revoke")
    life.operator_says("reinstate")


def code_given(life: Life) -> None:
    """A customer who has not come in asks for a code, and gives it."""
    sim, customer = life.sim, life.customer
    life.paid()
    life.perhaps_let_in()
    life.operated("resend")
    calmly(sim, "a code is asked for", lambda process: people.asked_code(process, customer))
    life.worked()
    if customer.codes:
        process = sim.any_process()
        user = sim.choice.choice((None, customer.users[0]))
        sim.attempt(process, "a code is given", people.confirmed(sim, process, customer, user))
