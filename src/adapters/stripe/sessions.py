"""What a checkout session means to us. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from adapters.stripe.references import order_id_of
from adapters.stripe.shapes import Events, StripeDocument, id_of, text, whole
from paywall_core.errors import InvalidPayload
from paywall_core.events import CheckoutCompleted, CheckoutExpired, CheckoutOpened, PaymentFailed, PaymentSucceeded
from paywall_core.facts import Mode
from paywall_core.money import Money
from paywall_core.ports.payments import CheckoutRequest, CompletedCheckout

_MODES: Final[Mapping[str, Mode]] = {"payment": Mode.ONE_TIME, "subscription": Mode.SUBSCRIPTION}


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


def checkout_of_session(session: StripeDocument, *, success_page: str) -> CompletedCheckout | None:
    """A checkout of ours, with what we asked for, from what Stripe carries back: our id, and our own success page.

    Both are written by the account alone. Several services may sell by one account: a session that does not lead back
    to `success_page` is none of ours, and one that nobody completed is nobody's purchase.
    """
    page, _, asked = str(session.get("success_url")).partition("?")
    if page != success_page or session.get("status") != "complete":
        return None
    kept = dict(parse_qsl(asked))
    order_id, mode, email = order_id_of(session), _MODES.get(str(session.get("mode"))), session.get("customer_email")
    if order_id is None or mode is None or not isinstance(email, str) or not {"plan", "locale"} <= kept.keys():
        return None
    asked_for = CheckoutRequest(
        order_id=order_id,
        plan=kept["plan"],
        mode=mode,
        email=email,
        locale=kept["locale"],
        clickid=kept.get("clickid", ""),
        telegram_chat_id=kept.get("telegram_chat_id"),
    )
    return CompletedCheckout(session_id=text(session, "id"), asked=asked_for)


def _payment_of_session(session: StripeDocument) -> str | None:
    """A subscription is paid by its invoice, a one-time purchase by its payment intent."""
    return id_of(session.get("invoice" if session.get("mode") == "subscription" else "payment_intent"))
