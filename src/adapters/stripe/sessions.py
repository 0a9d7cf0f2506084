"""What a checkout session means to us. Pure."""

from datetime import datetime

from adapters.stripe.shapes import Events, StripeDocument, id_of, text, whole
from paywall_core.errors import InvalidPayload
from paywall_core.events import CheckoutCompleted, CheckoutExpired, CheckoutOpened, PaymentFailed, PaymentSucceeded
from paywall_core.money import Money


def session_opened(session: StripeDocument, _at: datetime) -> Events:
    """It waits for its customer."""
    return (CheckoutOpened(session_id=text(session, "id")),)


def session_expired(session: StripeDocument, _at: datetime) -> Events:
    """It ran out."""
    return (CheckoutExpired(session_id=text(session, "id")),)


def session_completed(session: StripeDocument, at: datetime) -> Events:
    """Grant only what is paid: a delayed method completes the session long before its money comes."""
    if session.get("mode") == "setup":
        return ()  # it only saved a card, and says `no_payment_required` of that: nothing was bought
    session_id = text(session, "id")
    subscription_id = id_of(session.get("subscription"))
    status = session.get("payment_status")
    if status not in (None, "unpaid", "paid", "no_payment_required"):
        raise InvalidPayload("payment_status: no status of a payment")
    if status in (None, "unpaid"):  # before the middle of 2020 it was not said: Stripe has to be asked
        return (CheckoutCompleted(session_id=session_id, subscription_id=subscription_id),)
    payment_id = _payment_of_session(session)
    amount = session.get("amount_total")
    return (
        PaymentSucceeded(
            payment_id=payment_id or session_id,
            paid_at=at,
            amount=None if amount is None else Money.of(whole(session, "amount_total"), text(session, "currency")),
            provisional=session.get("mode") == "subscription" and payment_id is None,
            session_id=session_id,
            subscription_id=subscription_id,
        ),
    )


def session_failed(session: StripeDocument, _at: datetime) -> Events:
    """A delayed method did not go through."""
    session_id = text(session, "id")
    return (
        PaymentFailed(
            payment_id=_payment_of_session(session) or session_id,
            session_id=session_id,
            subscription_id=id_of(session.get("subscription")),
        ),
    )


def _payment_of_session(session: StripeDocument) -> str | None:
    """A subscription is paid by its invoice, a one-time purchase by its payment intent."""
    return id_of(session.get("invoice" if session.get("mode") == "subscription" else "payment_intent"))
