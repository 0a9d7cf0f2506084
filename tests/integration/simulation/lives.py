"""The life of one purchase, as a plot tells it: what happens at Stripe, and which word of it arrives by when."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

from . import people
from .course import calmly, deliver_calmly, deliver_one, pass_time
from .faults import OUTSIDE
from .process import Process
from .records import Payment, Purchase, StripeEvent, Version
from .simulation import Customer, Simulation
from .truth import FOREVER, access_end

_MOST_ORDERS: Final = 4
_AT_ONCE: Final = 0.7

Heard = Callable[[StripeEvent], bool]
"""Which words."""


def about(*what: str) -> Heard:
    """Events of these types (by their beginnings), or about objects of these ids."""
    return lambda event: event.type.startswith(what) or event.about in what


class Life:
    """One purchase, from its beginning. What is done by this is done calmly; what `comes`, does not.

    Attributes:
        customer: whose it is.
        purchase: at Stripe.
    """

    def __init__(self, sim: Simulation, customer: Customer, plan: str) -> None:
        self.sim = sim
        self.customer = customer
        begun: list[UUID] = []

        async def begin(process: Process) -> None:
            await people.bought(sim, process, customer, plan)
            begun.append(customer.orders[-1])

        calmly(sim, f"customer {customer.number} buys {plan}", begin)
        if not begun:
            raise NoLife
        self.purchase: Purchase = sim.stripe.purchases[begun[0]]

    @property
    def is_subscription(self) -> bool:
        """How it is paid."""
        return self.purchase.is_subscription

    @property
    def last_payment(self) -> Payment | None:
        """The newest that was paid with money."""
        return next(reversed(list(self.purchase.payments)), None)

    def draw(self) -> float:
        """Chance."""
        return self.sim.choice.random()

    def untold(self, heard: Heard | None = None) -> list[StripeEvent]:
        """Its events that nobody has heard."""
        mine = [e for e in self.sim.stripe.events if e.order_id == self.purchase.order_id and not e.told]
        return [event for event in mine if heard is None or heard(event)]

    def told(self, heard: Heard | None = None, *, but: Heard | None = None) -> None:
        """These words arrive."""
        deliver_calmly(self.sim, [e for e in self.untold(heard) if but is None or not but(e)])

    def comes(self, heard: Heard | None = None, *, older: bool = False) -> None:
        """These words arrive, mostly now, and whatever fails may; later at the latest.

        Args:
            heard: which; None: all.
            older: in the shape of the older version, where there are two.
        """
        for event in self.untold(heard):
            if older and event.other is not None:
                event.body, event.other = event.other, None
            event.is_lost = False
            if self.draw() < _AT_ONCE:
                deliver_one(self.sim, event)

    def paid(self, *, trial: timedelta | None = None, but: Heard | None = None) -> None:
        """Paid at Stripe, and heard of."""
        self.sim.stripe.pay(self.purchase, trial=trial)
        self.told(but=but)

    def let_in(self) -> None:
        """The customer presses the page's link."""
        sim, purchase = self.sim, self.purchase
        calmly(sim, "the success page asks", lambda process: people.polled(sim, process, purchase))
        user, links = self.customer.users[0], self.customer.links.get(purchase.order_id)
        if links:
            calmly(sim, f"user {user} presses a link", lambda process: people.redeemed(sim, process, user, links[-1]))

    def perhaps_let_in(self) -> None:
        """In half of all lives."""
        if self.draw() < 0.5:
            self.let_in()

    def passes(self, **length: float) -> None:
        """So much time."""
        pass_time(self.sim, timedelta(**length))

    def goes_to_end(self, *, after: timedelta) -> None:
        """To the end of access as things stand, and so much further (or not so far)."""
        end = access_end(self.purchase)
        if end is not None and end != FOREVER:
            pass_time(self.sim, max(timedelta(), end + after - self.sim.clock.true_now()))

    def operated(self, what: str) -> None:
        """An operator's word, heard for sure."""
        calmly(self.sim, f"operator: {what}", partial(self._operate, what))

    def operator_says(self, what: str) -> None:
        """An operator's word."""
        process = self.sim.any_process()
        self.sim.attempt(process, f"operator: {what}", self._operate(what, process))

    async def _operate(self, what: str, process: Process) -> None:
        await people.operated(self.sim, process, self.purchase, what)

    def swept(self) -> None:
        """The sweep comes by."""
        process = self.sim.any_process()
        self.sim.attempt(process, "sweep", people.swept(process))

    def worked(self) -> None:
        """A worker does a round."""
        calmly(self.sim, "work", people.worked, but=OUTSIDE)

    def two_shapes(self) -> bool:
        """Whether the account moves to another version of the API; from now on it does, if that may be."""
        if self.sim.stripe.version is Version.TODAY:
            self.sim.stripe.version = Version.BOTH
        return self.sim.stripe.version is Version.BOTH


class NoLife(Exception):  # noqa: N818  - nothing is wrong: no purchase came of it
    """The purchase was not begun."""


def somebody(sim: Simulation) -> Customer | None:
    """A customer who may buy once more."""
    willing = [customer for customer in sim.customers if len(customer.orders) < _MOST_ORDERS]
    return sim.choice.choice(willing) if willing else None
