"""The payment provider's part of the state machine: what it may do, and what it then says.

Each rule makes the provider do something that a real one does, and puts what it says of it into `said`; whether that
reaches the service at once, later, twice or only at the end is another choice.
"""

from datetime import timedelta
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, initialize, multiple, precondition, rule

from paywall_core.errors import PaymentProviderUnavailable
from paywall_core.events import (
    CheckoutCompleted,
    CheckoutExpired,
    PaymentFailed,
    PaymentLinked,
    PaymentSucceeded,
    SubscriptionEnded,
    SubscriptionUpdated,
)
from paywall_core.facts import Mode, Period, SubscriptionStatus
from paywall_core.notification import PaymentNotification
from paywall_core.plans import Plan
from paywall_core.testing.machine_base import MachineBase, money
from paywall_core.testing.model import PRICE_MINOR, Purchase
from paywall_core.testing.service import PLANS, PowerCut
from paywall_core.use_cases.start_checkout import StartCheckoutCommand

_MONTH: Final = timedelta(days=30)
EMAILS: Final = ("anna@example.com", "boris@example.com")
"""Two customers, so that one often buys twice."""

_MAX_PURCHASES: Final = 3
MOSTLY: Final = st.sampled_from([True, True, True, False])
"""Three of four times."""


class ProviderRules(MachineBase):
    """Checkouts, payments and subscriptions; and the delivery of what is said about them."""

    purchases = Bundle[Purchase]("purchases")
    said = Bundle[PaymentNotification]("said")

    # Purchases

    @initialize(target=purchases, plan=st.sampled_from(PLANS), arrives=MOSTLY)
    def begin_with_a_purchase(self, plan: Plan, arrives: bool) -> Purchase:
        """Somebody has paid already; mostly the service has been told."""
        purchase = self._start(plan, EMAILS[0], "c")
        self._pay(purchase, arrives=arrives)
        return purchase

    @precondition(lambda self: len(self.model.purchases) < _MAX_PURCHASES)
    @rule(
        target=purchases, plan=st.sampled_from(PLANS), email=st.sampled_from(EMAILS), clickid=st.sampled_from(["", "c"])
    )
    def start_checkout(self, plan: Plan, email: str, clickid: str) -> Purchase:
        """Somebody goes to the provider's page."""
        return self._start(plan, email, clickid)

    @rule(email=st.sampled_from(EMAILS))
    def start_checkout_while_the_provider_is_down(self, email: str) -> None:
        """Nothing comes of it but an order that nobody can pay."""
        self.service.gateway.down = True
        try:
            self.run(self.service.start(StartCheckoutCommand(mode="one_time", plan="life", email=email, clickid="")))
        except PaymentProviderUnavailable:
            self.service.gateway.down = False
        assert not self.service.gateway.down, "a checkout was started at a provider that is down"

    @precondition(lambda self: any(_is_open(one) for one in self.model.purchases))
    @rule(target=said, purchase=purchases, arrives=MOSTLY)
    def pay(self, purchase: Purchase, arrives: bool) -> MultipleResults[PaymentNotification]:
        """The customer pays on the provider's page: at once, though two may be told of it."""
        if not _is_open(purchase):
            return multiple()
        return self._pay(purchase, arrives=arrives)

    @precondition(lambda self: any(_is_open(one) for one in self.model.purchases))
    @rule(target=said, purchase=purchases, arrives=MOSTLY, comes=st.booleans())
    def pay_by_a_delayed_method(
        self, purchase: Purchase, arrives: bool, comes: bool
    ) -> MultipleResults[PaymentNotification]:
        """The checkout is complete, the money is not there; then it comes, or it does not."""
        if not _is_open(purchase) or purchase.terms.mode is not Mode.ONE_TIME:
            return multiple()
        purchase.checked_out = True
        complete = self.say(
            CheckoutCompleted(session_id=purchase.session_id),
            references=(purchase.session_id,),
            order_id=purchase.order_id,
        )
        if comes:
            return self.tell(arrives, complete, self._paid_once(purchase))
        failed = PaymentFailed(payment_id=f"pi_{purchase.order_id.hex}_none", session_id=purchase.session_id)
        return self.tell(arrives, complete, self.say(failed, references=(purchase.session_id,)))

    @precondition(lambda self: any(_is_open(one) for one in self.model.purchases))
    @rule(target=said, purchase=purchases, arrives=MOSTLY)
    def expire_checkout(self, purchase: Purchase, arrives: bool) -> MultipleResults[PaymentNotification]:
        """Nobody paid in time."""
        if not _is_open(purchase):
            return multiple()
        purchase.expired = True
        event = CheckoutExpired(session_id=purchase.session_id)
        return self.tell(arrives, self.say(event, references=(purchase.session_id,)))

    @precondition(lambda self: any(_goes_on(one) for one in self.model.purchases))
    @rule(target=said, purchase=purchases, arrives=MOSTLY, linked=st.booleans())
    def renew(self, purchase: Purchase, arrives: bool, linked: bool) -> MultipleResults[PaymentNotification]:
        """The next invoice is paid. Without a link nobody knows yet which payment intent paid it."""
        if not _goes_on(purchase):
            return multiple()
        return self.tell(arrives, self._invoice_paid(purchase, linked=linked))

    @precondition(lambda self: any(_goes_on(one) for one in self.model.purchases))
    @rule(target=said, purchase=purchases, arrives=MOSTLY)
    def fail_to_renew(self, purchase: Purchase, arrives: bool) -> MultipleResults[PaymentNotification]:
        """The next invoice is not paid, for now."""
        if not _goes_on(purchase):
            return multiple()
        invoice = f"in_{purchase.order_id.hex}_{len(purchase.payments) + 1}"
        event = PaymentFailed(payment_id=invoice, subscription_id=purchase.subscription_id)
        said = self.say(event, references=(invoice, purchase.subscription_id))
        return self.tell(arrives, said)

    @precondition(lambda self: any(_goes_on(one) for one in self.model.purchases))
    @rule(target=said, purchase=purchases, arrives=MOSTLY)
    def link_payments(self, purchase: Purchase, arrives: bool) -> MultipleResults[PaymentNotification]:
        """The provider says late which payment intent paid the last invoice."""
        if purchase.period_end is None:
            return multiple()
        event = PaymentLinked(payment_intent_id=purchase.payments[-1], payment_id=_last_invoice(purchase))
        return self.tell(arrives, self.say(event, references=(event.payment_intent_id, event.payment_id)))

    @precondition(lambda self: any(_goes_on(one) for one in self.model.purchases))
    @rule(target=said, purchase=purchases, arrives=MOSTLY, cancels=st.booleans())
    def update_subscription(
        self, purchase: Purchase, arrives: bool, cancels: bool
    ) -> MultipleResults[PaymentNotification]:
        """It is planned to end, or not any more."""
        if not _goes_on(purchase):
            return multiple()
        event = SubscriptionUpdated(
            subscription_id=purchase.subscription_id,
            as_of=self.clock.now(),
            status=SubscriptionStatus.ACTIVE,
            cancels_at=purchase.period_end if cancels else None,
        )
        return self.tell(arrives, self.say(event, references=(purchase.subscription_id,)))

    @precondition(lambda self: any(_goes_on(one) for one in self.model.purchases))
    @rule(target=said, purchase=purchases, arrives=MOSTLY)
    def end_subscription(self, purchase: Purchase, arrives: bool) -> MultipleResults[PaymentNotification]:
        """It is over for good."""
        if not _goes_on(purchase):
            return multiple()
        purchase.ended = True
        event = SubscriptionEnded(subscription_id=purchase.subscription_id, ended_at=self.clock.now())
        return self.tell(arrives, self.say(event, references=(purchase.subscription_id,)))

    # What becomes of what was said

    @rule(said=said)
    def deliver(self, said: PaymentNotification) -> None:
        """What was held back arrives, or what has arrived comes again."""
        self.bring(said)

    @rule(said=said)
    def deliver_into_a_power_cut(self, said: PaymentNotification) -> None:
        """The process dies before it commits; nothing is acknowledged, so the provider will say it again."""
        died = False
        try:
            self.run(self.service.record_and_die(said))
        except PowerCut:
            died = True
        assert died, f"{said} was recorded without a commit"

    @rule(target=said)
    def sell_something_else(self) -> PaymentNotification:
        """The provider's account sells other things, too."""
        event = PaymentSucceeded(
            payment_id=f"pi_other_{self.number()}", paid_at=self.clock.now(), amount=money(PRICE_MINOR)
        )
        said = self.say(event, references=(event.payment_id,))
        self.model.foreign.add(said.event_id or "")
        return said

    # How it is done

    def _start(self, plan: Plan, email: str, clickid: str) -> Purchase:
        command = StartCheckoutCommand(
            mode=plan.terms.mode, plan=plan.name, email=email, clickid=clickid, telegram_chat_id="77"
        )
        started = self.run(self.service.start(command))
        purchase = Purchase(
            order_id=started.order_id, session_id=started.session_id, plan=plan.name, terms=plan.terms, email=email
        )
        self.model.purchases.append(purchase)
        self.put_on_record(purchase, purchase.subscription_id)
        return purchase

    def _pay(self, purchase: Purchase, *, arrives: bool) -> MultipleResults[PaymentNotification]:
        purchase.checked_out = True
        if purchase.terms.mode is Mode.ONE_TIME:
            return self.tell(arrives, self._paid_once(purchase))
        session = self.say(
            CheckoutCompleted(session_id=purchase.session_id, subscription_id=purchase.subscription_id),
            PaymentSucceeded(
                payment_id=purchase.session_id,
                paid_at=self.clock.now(),
                provisional=True,
                session_id=purchase.session_id,
                subscription_id=purchase.subscription_id,
            ),
            references=(purchase.session_id, purchase.subscription_id),
            order_id=purchase.order_id,
        )
        return self.tell(arrives, session, self._invoice_paid(purchase, linked=True))

    def _paid_once(self, purchase: Purchase) -> PaymentNotification:
        payment = self._new_payment(purchase)
        event = PaymentSucceeded(
            payment_id=payment, paid_at=self.clock.now(), amount=money(PRICE_MINOR), session_id=purchase.session_id
        )
        return self.say(event, references=(purchase.session_id, payment), order_id=purchase.order_id)

    def _invoice_paid(self, purchase: Purchase, *, linked: bool) -> PaymentNotification:
        """The invoice for the month after the last one; found by its subscription alone, as a real one may be."""
        start = purchase.period_end or self.clock.now()
        purchase.period_end = start + _MONTH
        payment = self._new_payment(purchase)
        invoice = _last_invoice(purchase)
        event = PaymentSucceeded(
            payment_id=invoice,
            paid_at=self.clock.now(),
            amount=money(PRICE_MINOR),
            period=Period(start=start, end=purchase.period_end),
            payment_intent_id=payment if linked else None,
            subscription_id=purchase.subscription_id,
        )
        known = (invoice, purchase.subscription_id, payment) if linked else (invoice, purchase.subscription_id)
        return self.say(event, references=known)

    def _new_payment(self, purchase: Purchase) -> str:
        """A payment intent, which the provider can trace back to the order."""
        payment = f"pi_{self.number()}"
        purchase.payments.append(payment)
        invoice = _last_invoice(purchase)
        if purchase.terms.mode is Mode.ONE_TIME:
            self.put_on_record(purchase, payment)
        else:
            link = PaymentLinked(payment_intent_id=payment, payment_id=invoice)
            self.put_on_record(purchase, payment, link, references=(invoice, purchase.subscription_id))
        return payment


def _is_open(purchase: Purchase) -> bool:
    """Whether the provider's page still takes a payment."""
    return not purchase.checked_out and not purchase.expired


def _goes_on(purchase: Purchase) -> bool:
    """Whether it is a subscription that has begun, and has not ended."""
    return purchase.period_end is not None and not purchase.ended


def _last_invoice(purchase: Purchase) -> str:
    return f"in_{purchase.order_id.hex}_{len(purchase.payments)}"
