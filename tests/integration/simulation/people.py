"""What people do: customers, strangers, operators. Each act draws who; False: it is not possible now."""

from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from paywall_core.errors import ActivationTokenInvalid, OneTimeCodeInvalid, RuleBroken
from paywall_core.operator import Operator
from paywall_core.use_cases.activate_access import ActivateAccessCommand
from paywall_core.use_cases.confirm_restore import ConfirmRestoreCommand
from paywall_core.use_cases.request_restore import RequestRestoreCommand
from paywall_core.use_cases.start_checkout import StartCheckoutCommand

from .process import TOKENS, Process
from .records import Purchase
from .simulation import Customer, Simulation
from .truth import outermost_end

STRANGER: Final = 666
"""A Telegram user who never paid, never got a link or a code, and tries everything."""

OPERATOR: Final = Operator(by="anna", why="the simulation says so")
_MODES: Final = {"basic": "one_time", "life": "one_time", "monthly": "subscription"}
_MOST_ORDERS: Final = 3
TRIAL_DAYS: Final = (1, 3, 7)


def buy(sim: Simulation) -> bool:
    """A customer chooses a plan and is sent to Stripe."""
    customer = sim.choice.choice(sim.customers)
    plan = sim.choice.choice(("basic", "life", "monthly", "monthly"))
    process = sim.any_process()
    if len(customer.orders) >= _MOST_ORDERS:
        return False
    sim.attempt(process, f"customer {customer.number} buys {plan}", bought(sim, process, customer, plan))
    return True


def buy_calmly(sim: Simulation, customer: Customer) -> None:
    """A purchase that is begun before anything goes wrong."""
    plan = sim.choice.choice(("basic", "life", "monthly", "monthly"))
    sim.tell(f"customer {customer.number} stands before Stripe's page: {plan}")
    sim.calm(lambda process: bought(sim, process, customer, plan))


async def bought(sim: Simulation, process: Process, customer: Customer, plan: str) -> None:
    """A purchase begun: the customer stands before Stripe's page, and this order is the last of theirs."""
    command = StartCheckoutCommand(
        mode=_MODES[plan],
        plan=plan,
        email=customer.email,
        clickid=customer.clickid,
        telegram_chat_id=customer.chat,
    )
    started = await process.start_checkout(command)
    process.check_alive()
    customer.orders.append(started.order_id)


def pay(sim: Simulation) -> bool:
    """A customer goes through the checkout: at once, by a delayed method, or into a trial."""
    open_ones = [purchase for purchase in known(sim) if purchase.status == "open"]
    if open_ones:
        purchase, draw = sim.choice.choice(open_ones), sim.choice.random()
        trial = timedelta(sim.choice.choice(TRIAL_DAYS)) if draw > 0.85 else None
        sim.stripe.pay(purchase, is_delayed=draw < 0.2, trial=trial)
        sim.tell(f"paid at Stripe: {purchase.session_id}")
    return bool(open_ones)


def poll(sim: Simulation) -> bool:
    """The success page asks how its session stands."""
    if purchases := known(sim):
        purchase, process = sim.choice.choice(purchases), sim.any_process()
        sim.attempt(process, f"success page asks about {purchase.session_id}", polled(sim, process, purchase))
    return bool(purchases)


async def polled(sim: Simulation, process: Process, purchase: Purchase) -> None:
    """The success page's question; the customer sees the link in its answer."""
    status = await process.session_status(purchase.session_id)
    process.check_alive()
    if status.activation_link is not None:
        sim.see_link(purchase.order_id, status.activation_link)


def redeem(sim: Simulation) -> bool:
    """A customer presses a link, mostly the newest one."""
    holders = [customer for customer in sim.customers if customer.links]
    if holders:
        customer, process = sim.choice.choice(holders), sim.any_process()
        links = customer.links[sim.choice.choice(list(customer.links))]
        link = links[-1] if sim.choice.random() < 0.7 else sim.choice.choice(links)
        user = customer.users[sim.choice.random() < 0.3]
        sim.attempt(process, f"user {user} presses a link", redeemed(sim, process, user, link))
    return bool(holders)


def redeem_calmly(sim: Simulation, customer: Customer) -> None:
    """A customer is let in before anything goes wrong."""
    for links in customer.links.values():
        sim.calm(partial(_let_in, sim, customer.users[0], links[-1]))


async def _let_in(sim: Simulation, user: int, link: str, process: Process) -> None:
    await redeemed(sim, process, user, link)


async def redeemed(sim: Simulation, process: Process, user: int, link: str) -> None:
    """A user presses a genuine link. At most one is ever let in by it, and by one that was replaced nobody."""
    token = link.rsplit("=", 1)[1]
    claims = sim.claims_of(TOKENS.parse(token).order_id)
    claims.presented.add(user)
    was_dead = link in claims.dead
    await process.activate(ActivateAccessCommand(activation_token=token, telegram_user_id=user))
    process.check_alive()
    if claims.let_in.setdefault(link, user) != user:
        sim.violation(f"one link let in two users, {claims.let_in[link]} and {user}")
    if was_dead:
        sim.violation(f"a link that was replaced let in user {user}")


def ask_code(sim: Simulation) -> bool:
    """A customer asks for a one-time code."""
    customer, process = sim.choice.choice(sim.customers), sim.any_process()
    sim.attempt(process, f"customer {customer.number} asks for a code", asked_code(process, customer))
    return True


async def asked_code(process: Process, customer: Customer) -> None:
    """A customer's question for a code."""
    await process.request_restore(RequestRestoreCommand(email=customer.email.upper()))


def give_code(sim: Simulation) -> bool:
    """A customer gives the newest code, for one of the own accounts or for a new link."""
    holders = [customer for customer in sim.customers if customer.codes]
    if holders:
        customer, process = sim.choice.choice(holders), sim.any_process()
        user = sim.choice.choice((None, *customer.users))
        sim.attempt(process, f"customer {customer.number} gives a code", confirmed(sim, process, customer, user))
    return bool(holders)


async def confirmed(sim: Simulation, process: Process, customer: Customer, user: int | None) -> None:
    """The right code: every link that the customer has seen is replaced by a new one."""
    if user is not None:
        customer.proven.add(user)
    before = {order_id: list(links) for order_id, links in customer.links.items()}
    command = ConfirmRestoreCommand(email=customer.email, code=customer.codes[-1], telegram_user_id=user)
    restored = await process.confirm_restore(command)
    process.check_alive()
    sim.claims_of(restored.order_id).dead.update(before.get(restored.order_id, ()))
    if restored.order_id not in customer.orders:
        # The answer to the purchase was lost, and somebody paid: nobody can have.
        sim.violation("an order was restored that nobody paid for")
    if restored.activation_link is not None:
        sim.see_link(restored.order_id, restored.activation_link)


def knock(sim: Simulation) -> bool:
    """Somebody writes to the bot, and the gate is asked."""
    user = sim.choice.choice([STRANGER, *(user for customer in sim.customers for user in customer.users)])
    process = sim.any_process()
    sim.attempt(process, f"user {user} knocks", _knocked(sim, process, user))
    return True


async def _knocked(sim: Simulation, process: Process, user: int) -> None:
    at = sim.clock.now()
    status = await process.access_status(user)
    process.check_alive()
    if status.is_paid and not _may_have_access(sim, user, at):
        sim.violation(f"user {user} was let in without a payment of theirs")


def _may_have_access(sim: Simulation, user: int, at: datetime) -> bool:
    ends = [outermost_end(purchase) for key, purchase in sim.stripe.purchases.items() if sim.has_proven(user, key)]
    return any(end is not None and at < end for end in ends)


def intrude(sim: Simulation) -> bool:
    """A stranger tries a forged link, or guesses a code."""
    process, choice = sim.any_process(), sim.choice
    work = _guessed(sim, process, choice.choice(sim.customers)) if choice.random() < 0.5 else _forged(sim, process)
    sim.attempt(process, "a stranger tries to get in", work)
    return True


async def _forged(sim: Simulation, process: Process) -> None:
    """A token of somebody's order with one character changed, or with a MAC of nothing."""
    orders = list(sim.stripe.purchases)
    if not orders:
        return
    token = TOKENS.issue(sim.choice.choice(orders), sim.choice.randint(1, 3))
    place = sim.choice.randrange(24, len(token) - 1)
    forged = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
    with suppress(ActivationTokenInvalid):
        await process.activate(ActivateAccessCommand(activation_token=forged, telegram_user_id=STRANGER))
        sim.violation("a forged token let a stranger in")


async def _guessed(sim: Simulation, process: Process, customer: Customer) -> None:
    guess = f"{sim.choice.randrange(10**6):06d}"
    if guess in customer.codes:
        return
    with suppress(OneTimeCodeInvalid):
        await process.confirm_restore(
            ConfirmRestoreCommand(email=customer.email, code=guess, telegram_user_id=STRANGER)
        )
        sim.violation("a guessed code let a stranger in")


def operate(sim: Simulation) -> bool:
    """An operator revokes, reinstates, or has a link sent again."""
    if purchases := known(sim):
        purchase, process = sim.choice.choice(purchases), sim.any_process()
        what = sim.choice.choice(("revoke", "reinstate", "resend"))
        sim.attempt(process, f"operator: {what}", operated(sim, process, purchase, what))
    return bool(purchases)


async def operated(sim: Simulation, process: Process, purchase: Purchase, what: str) -> None:
    """An operator says something; until the answer is there nobody knows whether it was heard."""
    use_case = {"revoke": process.revoke, "reinstate": process.reinstate, "resend": process.resend}[what]
    if what == "resend":
        await use_case(purchase.order_id, OPERATOR)
        return
    claims = sim.claims_of(purchase.order_id)
    before, claims.word = claims.word, None
    claims.muddled |= claims.speaking > 0
    claims.speaking += 1
    try:
        await use_case(purchase.order_id, OPERATOR)
        process.check_alive()
        said: bool | None = what == "revoke"
    except RuleBroken:
        said = before
    finally:
        claims.speaking -= 1
        muddled, claims.muddled = claims.muddled, claims.muddled and claims.speaking > 0
    claims.word = None if muddled else said


async def swept(process: Process) -> None:
    """The sweep's round: what has lapsed is recorded, what need not wait is sent."""
    while await process.sweep():
        process.check_alive()
    while await process.hasten():
        process.check_alive()


async def worked(process: Process) -> None:
    """A round of the worker's."""
    await process.work()


def known(sim: Simulation) -> list[Purchase]:
    """Purchases whose customer was sent to Stripe's page."""
    known_ones = {order_id for customer in sim.customers for order_id in customer.orders}
    return [purchase for order_id, purchase in sim.stripe.purchases.items() if order_id in known_ones]
