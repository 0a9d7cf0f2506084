"""What a customer, a bank, the seller or Stripe itself does in a life: the sandbox's moves, said of one customer.

Stripe's objects have short names here, in the order in which they turn up in a customer's events: `pi_1` is the first
payment intent, `in_2` the second invoice. So a table can name what it cannot know.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, TypeAlias

import msgspec

from entrypoints.sandbox.stripe import StripeSandbox
from entrypoints.sandbox.stripe.checkout import TestCard
from entrypoints.sandbox.stripe.errors import StripeRefusal
from entrypoints.sandbox.stripe.params import LineItem, PaymentIntentData, SessionCreate
from tests.integration.lives.world import Started

_IDS: Final = re.compile(r"\b(cs|pi|in|sub|ch|py|re|pyr|du|dp)_(?:test_)?[A-Za-z0-9]{14,}")


class Customer:
    """Somebody who lives a life: what they bought, and every event that Stripe has emitted for them."""

    def __init__(self, stripe: StripeSandbox, *, email: str, user: int) -> None:
        self.stripe = stripe
        self.engine = stripe.engine
        self.email, self.user = email, user
        self.bought: list[Started] = []
        self.events: list[dict[str, Any]] = []
        self._names: dict[str, str] = {}

    def buys(self, started: Started) -> None:
        """A checkout of theirs is open."""
        self.bought.append(started)
        self.named(started.session_id)

    def session(self, purchase: int = 1) -> str:
        """The id of a purchase's checkout session."""
        return self.bought[purchase - 1].session_id

    def sub(self, purchase: int = 1) -> str:
        """The id of a purchase's subscription."""
        return str(self.engine.world.get("checkout.session", self.session(purchase))["subscription"])

    def id(self, name: str) -> str:
        """Stripe's id of what has this short name."""
        return next(found for found, short in self._names.items() if short == name)

    def has(self, stripe_id: str) -> bool:
        """Whether this id of Stripe's is of theirs."""
        return stripe_id in self._names

    def paying(self, name: str) -> str:
        """The payment intent behind `pi_…` or `in_…`."""
        if name.startswith("pi_"):
            return self.id(name)
        bill = self.engine.world.get("invoice", self.id(name))
        intent = self.engine.billing.invoices.intent_of(bill)
        assert intent is not None
        return str(intent["id"])

    def named(self, text: str) -> str:
        """A text with short names in place of Stripe's ids; new ids get theirs."""
        return _IDS.sub(self._name, text)

    @contextmanager
    def acting(self) -> Iterator[None]:
        """Within, whatever Stripe emits is about this customer."""
        listeners = self.engine.world.listeners
        before = len(self.events)
        listeners.append(self.events.append)
        try:
            yield
        finally:
            listeners.remove(self.events.append)
            for event in self.events[before:]:
                self.named(msgspec.json.encode(event).decode())

    def _name(self, found: re.Match[str]) -> str:
        kind = {"pyr": "re", "du": "dp", "py": "ch"}.get(found[1], found[1])  # one kind by several prefixes
        if found[0] not in self._names:
            taken = sum(short.startswith(f"{kind}_") for short in self._names.values())
            self._names[found[0]] = f"{kind}_{taken + 1}"
        return self._names[found[0]]


Move: TypeAlias = Callable[[Customer], object]


def pay(customer: Customer, purchase: int = 1) -> object:
    """By card."""
    return customer.engine.pay(customer.session(purchase))


def declined(customer: Customer) -> None:
    """The card is declined; the page stays open."""
    try:
        customer.engine.pay(customer.session(), card=TestCard.DECLINED)
    except StripeRefusal:
        return
    raise AssertionError("the card was not declined")


def expire(customer: Customer) -> object:
    """Nobody pays, and the session ends."""
    return customer.engine.expire(customer.session())


def pay_recovered(customer: Customer) -> object:
    """The expired session's recovery is paid: a new session that carries the old one's metadata.

    Stripe makes it by itself where `after_expiration.recovery` is on
    (docs.stripe.com/payments/checkout/abandoned-carts).
    """
    old = customer.engine.world.get("checkout.session", customer.session())
    metadata = dict(old["metadata"])
    new = customer.engine.checkout.open(
        SessionCreate(
            line_items=[LineItem(price="price_life")],
            success_url=old["success_url"],
            client_reference_id=old["client_reference_id"],
            customer_email=old["customer_email"],
            metadata=metadata,
            payment_intent_data=PaymentIntentData(metadata=metadata),
        )
    )
    return customer.engine.pay(new["id"])


def pay_delayed(customer: Customer) -> object:
    """By a bank debit, whose money comes or does not come within days."""
    return customer.engine.pay_delayed(customer.session())


def settle(customer: Customer, *, succeeds: bool) -> object:
    """What the bank debit came to."""
    return customer.engine.settle_delayed(customer.session(), succeeds=succeeds)


def begin_trial(customer: Customer, *, days: int, without_card: bool = False) -> object:
    """A subscription whose first days cost nothing."""
    customer.engine.offer_trial(customer.session(), days=days, without_card=without_card)
    return customer.engine.pay(customer.session())


def renew(customer: Customer, purchase: int = 1, *, succeeds: bool = True, needs_action: bool = False) -> object:
    """The period is over: what comes next."""
    return customer.engine.renew(customer.sub(purchase), succeeds=succeeds, needs_action=needs_action)


def retry(customer: Customer, *, succeeds: bool) -> object:
    """Stripe tries the open invoice again."""
    return customer.engine.retry(customer.sub(), succeeds=succeeds)


def plan_cancellation(customer: Customer, *, planned: bool) -> object:
    """Cancel at the period's end, or take that back."""
    return customer.engine.plan_cancellation(customer.sub(), planned=planned, metadata={})


def cancel(customer: Customer, purchase: int = 1) -> object:
    """End the subscription now."""
    return customer.engine.cancel(customer.sub(purchase))


def expire_incomplete(customer: Customer) -> object:
    """The first payment never came."""
    return customer.engine.expire_incomplete(customer.sub())


def mark_unpaid(customer: Customer) -> object:
    """Stripe tries no more, and keeps the subscription."""
    return customer.engine.mark_unpaid(customer.sub())


def pause(customer: Customer) -> object:
    """Nothing is billed from now on."""
    return customer.engine.pause(customer.sub())


def resume(customer: Customer, *, succeeds: bool = True) -> object:
    """The customer has left a card, and a new period begins."""
    return customer.engine.resume(customer.sub(), succeeds=succeeds)


def pause_collection(customer: Customer) -> object:
    """Periods go on, and their invoices are voided."""
    return customer.engine.pause_collection(customer.sub(), behavior="void")


def resume_collection(customer: Customer) -> object:
    """The next period is paid for again."""
    return customer.engine.resume_collection(customer.sub())


def pay_invoice(customer: Customer, name: str) -> object:
    """An invoice is paid after all."""
    return customer.engine.pay_invoice(customer.id(name))


def void_invoice(customer: Customer, name: str) -> object:
    """The seller takes an invoice back."""
    return customer.engine.void_invoice(customer.id(name))


def write_off(customer: Customer, name: str) -> object:
    """The seller gives an invoice up."""
    return customer.engine.mark_uncollectible(customer.id(name))


def refund(customer: Customer, name: str, *, amount: int | None = None, pending: bool = False) -> object:
    """Money goes back: all that is left of a payment, or an amount."""
    return customer.engine.refund(customer.paying(name), amount=amount, pending=pending)


def finish_refund(customer: Customer, name: str, *, succeeds: bool) -> object:
    """A refund arrived, or came back."""
    return customer.engine.finish_refund(customer.id(name), succeeds=succeeds)


def cancel_refund(customer: Customer, name: str) -> object:
    """The seller takes a refund back before it has arrived."""
    return customer.engine.cancel_refund(customer.id(name))


def dispute(customer: Customer, name: str, *, inquiry: bool = False) -> object:
    """The bank takes a payment back, or only asks."""
    return customer.engine.open_dispute(customer.paying(name), inquiry=inquiry)


def escalate(customer: Customer, name: str) -> object:
    """An inquiry becomes a dispute."""
    return customer.engine.escalate_dispute(customer.id(name))


def answer(customer: Customer, name: str) -> object:
    """The seller sends evidence."""
    return customer.engine.answer_dispute(customer.id(name))


def prevent(customer: Customer, name: str) -> object:
    """A dispute is resolved before it is one."""
    return customer.engine.prevent_dispute(customer.id(name))


def close(customer: Customer, name: str, *, won: bool) -> object:
    """The bank's decision."""
    return customer.engine.close_dispute(customer.id(name), won=won)


def do(move: Callable[..., object], *args: Any, **kwargs: Any) -> Move:
    """A move with its arguments, for the table."""
    return lambda customer: partial(move, customer)(*args, **kwargs)
