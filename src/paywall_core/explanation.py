"""Why does this order give access, or why not: said in words for an operator, fact by fact, with the provider's ids.

Pure: facts and a moment in, sentences out. The words follow `policy.entitlement_of`, and a test holds the two together.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from msgspec import Struct, structs

from paywall_core.facts import CheckoutStatus, DisputeStatus, Facts, Mode, Payment, PaymentStatus, RefundStatus
from paywall_core.lifecycle import State
from paywall_core.money import Money
from paywall_core.order import Order
from paywall_core.policy import (
    FOREVER,
    access_until_of,
    counting_payments,
    is_alive,
    is_fully_refunded,
    is_revoked_by_operator,
    is_void,
    paid_until_of,
    payment_of,
    voiding_disputes,
)

_DISPUTE_WORDS: Final = {
    DisputeStatus.INQUIRY: "is an inquiry only, and changes nothing",
    DisputeStatus.INQUIRY_CLOSED: "was an inquiry only, and is closed",
    DisputeStatus.OPEN: "is open: the money is held, and the payment does not count",
    DisputeStatus.PREVENTED: "was prevented: the payment stands",
    DisputeStatus.LOST: "is lost: the money is gone, and the payment does not count",
    DisputeStatus.WON: "is won: the payment stands",
}
_REFUND_WORDS: Final = {
    RefundStatus.PENDING: "is on its way",
    RefundStatus.SUCCEEDED: "went through",
    RefundStatus.FAILED: "failed: the money stayed here",
    RefundStatus.CANCELLED: "was cancelled: the money stayed here",
}


class Reason(Struct, frozen=True, kw_only=True):
    """One fact, in words.

    Attributes:
        text: a sentence.
        references: the provider's ids in it, first its own.
        decisive: the verdict would be another one without it.
    """

    text: str
    references: tuple[str, ...] = ()
    decisive: bool = False


class Explanation(Struct, frozen=True, kw_only=True):
    """Why an order gives access at a moment, or why it does not.

    Attributes:
        state: the order's state at that moment.
        has_access: whether a Telegram user has access by it.
        because: the verdict in one sentence.
        reasons: fact by fact; the decisive ones first.
    """

    state: State
    has_access: bool
    because: str
    reasons: tuple[Reason, ...]

    @property
    def references(self) -> tuple[str, ...]:
        """The provider's ids that decide."""
        return tuple(dict.fromkeys(ref for reason in self.reasons if reason.decisive for ref in reason.references))


def explain(order: Order, now: datetime) -> Explanation:
    """Explain an order at `now` (an aware UTC time)."""
    state = order.state_at(now)
    verdict, decisive = _verdict(order, state)
    # A fact is decisive by its own id: that it is about a payment that decides does not make it decide.
    reasons = [
        structs.replace(reason, decisive=bool(decisive & set(reason.references[:1]))) for reason in _facts(order)
    ]
    reasons.extend(_people(order))
    reasons.sort(key=lambda reason: not reason.decisive)
    return Explanation(state=state, has_access=state is State.ACTIVE, because=verdict, reasons=tuple(reasons))


def _verdict(order: Order, state: State) -> tuple[str, set[str]]:
    """The sentence that answers "why", and the ids that it rests on."""
    facts = order.facts
    if is_revoked_by_operator(facts) and facts.operator is not None:
        word = facts.operator
        return f"{word.by} revoked access on {_day(word.at)}: {word.why}", set()
    if state is State.PENDING:
        return _why_pending(facts)
    if state in (State.TOKEN_ISSUED, State.ACTIVE):
        return _why_open(order, state)
    if state is State.REVOKED:
        return _why_withdrawn(facts)
    return _why_expired(order)


def _why_pending(facts: Facts) -> tuple[str, set[str]]:
    session = facts.checkout_session_id
    failed = sorted(key for key, payment in facts.payments.items() if payment.status in _NOT_PAID)
    if failed:
        return f"the payment {failed[0]} failed, and none came since", {failed[0]}
    if facts.checkout is CheckoutStatus.COMPLETE:
        return f"the checkout {session} is complete, but its money has not come yet", _ids(session)
    if session is None:
        return "the checkout was never opened at the provider, or its answer was lost", set()
    return f"nothing was paid: the checkout {session} is {facts.checkout}", _ids(session)


def _why_open(order: Order, state: State) -> tuple[str, set[str]]:
    facts = order.facts
    standing = [(access_until_of(facts, p), key, p) for key, p in _paid(facts) if not is_void(facts, key)]
    access_until, key, payment = max(standing, key=lambda one: (one[0], one[1]))
    paid_until = paid_until_of(facts, payment)
    covers = "for life" if paid_until == FOREVER else f"until {_day(paid_until)}"
    grace = "" if access_until == paid_until else f", and the grace until {_day(access_until)}"
    who = (
        f"Telegram user {order.telegram_user_id} redeemed the link"
        if state is State.ACTIVE
        else "nobody has redeemed the link yet"
    )
    return f"the payment {key} covers {covers}{grace}; {who}", {key}


def _why_withdrawn(facts: Facts) -> tuple[str, set[str]]:
    void = [(paid_until_of(facts, p), key) for key, p in _paid(facts) if is_void(facts, key)]
    _, key = max(void)
    if is_fully_refunded(facts, key):
        refunds = {r for r, refund in facts.refunds.items() if payment_of(facts, refund.payment, refund.charge) == key}
        alive = sorted(r for r in refunds if is_alive(facts.refunds[r]))
        charges = sorted(c for c, charge in facts.charges.items() if payment_of(facts, None, c) == key)
        unseen = {c: structs.replace(charge, refunded_minor=0) for c, charge in facts.charges.items()}
        by = alive if is_fully_refunded(structs.replace(facts, charges=unseen), key) else charges
        return f"the payment {key} was refunded in full ({', '.join(by)})", {key, *by}
    disputes = sorted(voiding_disputes(facts, key))
    status = facts.disputes[disputes[0]].status
    return f"the payment {key} is under the dispute {disputes[0]}, which is {status}", {key, *disputes}


def _why_expired(order: Order) -> tuple[str, set[str]]:
    facts = order.facts
    standing = [(access_until_of(facts, p), key, p) for key, p in _paid(facts) if not is_void(facts, key)]
    if not standing:
        return f"the checkout {facts.checkout_session_id} ran out unpaid", _ids(facts.checkout_session_id)
    access_until, key, payment = max(standing, key=lambda one: (one[0], one[1]))
    paid_until = paid_until_of(facts, payment)
    text, decisive = f"the time that the payment {key} bought ended on {_day(paid_until)}", {key}
    if order.terms.mode is Mode.SUBSCRIPTION:
        failed = sorted(k for k, p in facts.payments.items() if p.status in _NOT_PAID)
        if facts.subscription_ended_at is not None:
            text += f"; the subscription {facts.subscription_id} ended on {_day(facts.subscription_ended_at)}"
            decisive |= _ids(facts.subscription_id)
        elif payment.period is not None:
            text += f", its grace on {_day(access_until)}"
        if failed:
            text += f"; the renewal {failed[-1]} was not paid"
            decisive.add(failed[-1])
    return text, decisive


_NOT_PAID: Final = (PaymentStatus.FAILED, PaymentStatus.ABANDONED)


def _paid(facts: Facts) -> list[tuple[str, Payment]]:
    """The payments that count, in the order of their ids."""
    return sorted(counting_payments(facts).items())


def _facts(order: Order) -> Iterator[Reason]:
    """Everything that the provider said, in the order in which it mostly happens."""
    facts = order.facts
    if facts.checkout_session_id is not None:
        text = f"The checkout {facts.checkout_session_id} is {facts.checkout}."
        yield Reason(text=text, references=(facts.checkout_session_id,))
    for key in sorted(facts.payments):
        yield _payment(facts, key)
    yield from _subscription(facts)
    for key, refund in sorted(facts.refunds.items()):
        about = payment_of(facts, refund.payment, refund.charge)
        money = "" if refund.amount is None else f" of {_money(refund.amount)}"
        text = f"The refund {key}{money} for {about or refund.charge} {_REFUND_WORDS[refund.status]}."
        yield Reason(text=text, references=_known(key, about))
    for key, charge in sorted(facts.charges.items()):
        money = "" if charge.amount is None else f" of {_money(charge.amount)}"
        shown = Money(amount_minor=charge.refunded_minor, currency=charge.amount.currency if charge.amount else "")
        text = f"The charge {key}{money} has shown {_money(shown)} as refunded."
        yield Reason(text=text, references=_known(key, payment_of(facts, None, key)))
    for key, dispute in sorted(facts.disputes.items()):
        about = payment_of(facts, dispute.payment, dispute.charge)
        text = f"The dispute {key} about {about or dispute.charge} {_DISPUTE_WORDS[dispute.status]}."
        yield Reason(text=text, references=_known(key, about))


def _payment(facts: Facts, key: str) -> Reason:
    payment = facts.payments[key]
    if payment.status is not PaymentStatus.PAID or payment.paid_at is None:
        words = {
            PaymentStatus.UNPAID: "is not paid yet",
            PaymentStatus.FAILED: "failed",
            PaymentStatus.ABANDONED: "is not collected any more: it was voided or written off",
        }
        return Reason(text=f"The payment {key} {words.get(payment.status, payment.status)}.", references=(key,))
    money = "" if payment.amount is None else f" of {_money(payment.amount)}"
    text = f"The payment {key}{money} was made on {_day(payment.paid_at)}"
    if key not in counting_payments(facts):
        return Reason(text=f"{text}; the invoice that is known since counts in its place.", references=(key,))
    until = paid_until_of(facts, payment)
    covers = "for life" if until == FOREVER else f"until {_day(until)}"
    if facts.terms is not None and facts.terms.mode is Mode.SUBSCRIPTION and payment.period is None:
        covers += " (48 hours, while its period is not known)"
    intents = tuple(sorted(intent for intent, invoice in facts.links.items() if invoice == key))
    standing = "does not count any more" if is_void(facts, key) else f"covers {covers}"
    return Reason(text=f"{text} and {standing}.", references=(key, *intents))


def _subscription(facts: Facts) -> Iterator[Reason]:
    references = _known(facts.subscription_id)
    name = facts.subscription_id or "?"
    if facts.subscription_ended_at is not None:
        text = f"The subscription {name} ended on {_day(facts.subscription_ended_at)}: no grace after that."
        yield Reason(text=text, references=references)
    elif facts.subscription is not None:
        outlook = facts.subscription
        planned = "renews" if outlook.cancels_at is None else f"is cancelled for {_day(outlook.cancels_at)}"
        text = f"The subscription {name} was {outlook.status} on {_day(outlook.as_of)} and {planned}."
        yield Reason(text=text, references=references)


def _people(order: Order) -> Iterator[Reason]:
    """What people did about it; a revocation that stands decides, whatever the provider said."""
    facts = order.facts
    if facts.redemption is not None:
        version = f"version {facts.redemption.token_version} of {facts.token_version}"
        yield Reason(text=f"Telegram user {facts.redemption.telegram_user_id} redeemed the link ({version}).")
    if facts.links_resent:
        yield Reason(text=f"An operator had the link sent again, {facts.links_resent} times in all.")
    if facts.operator is not None:
        word = facts.operator
        text = f"{word.by} said {word.action} on {_day(word.at)}: {word.why}"
        yield Reason(text=text, decisive=is_revoked_by_operator(facts))


def _ids(*references: str | None) -> set[str]:
    return set(_known(*references))


def _known(*references: str | None) -> tuple[str, ...]:
    return tuple(reference for reference in references if reference is not None)


def _money(money: Money) -> str:
    """Minor units, so that nobody has to guess the currency's decimal places."""
    return f"{money.amount_minor} {money.currency} (minor units)" if money.currency else f"{money.amount_minor}"


def _day(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
