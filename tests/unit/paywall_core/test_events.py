"""What an event teaches: its ids too, since by them later events find the order."""

import pytest

from paywall_core.events import (
    CheckoutCompleted,
    CheckoutExpired,
    CheckoutOpened,
    PaymentEvent,
    PaymentFailed,
    PaymentSucceeded,
    SubscriptionEnded,
    SubscriptionUpdated,
    TimePassed,
)
from paywall_core.facts import (
    CheckoutStatus,
    Facts,
    Payment,
    PaymentStatus,
    SubscriptionOutlook,
    SubscriptionStatus,
)

from .strategies import START, eur, invoice_period

_C = CheckoutStatus
FAILED = Payment(status=PaymentStatus.FAILED)
ABANDONED = Payment(status=PaymentStatus.ABANDONED)
PAID = Payment(status=PaymentStatus.PAID, paid_at=START, amount=eur(900), period=invoice_period(0))


@pytest.mark.parametrize(
    ("event", "taught"),
    [
        (CheckoutOpened(session_id="cs_1"), Facts(checkout=_C.OPEN, checkout_session_id="cs_1")),
        (CheckoutExpired(session_id="cs_1"), Facts(checkout=_C.EXPIRED, checkout_session_id="cs_1")),
        (
            CheckoutCompleted(session_id="cs_1", subscription_id="sub_1"),
            Facts(checkout=_C.COMPLETE, checkout_session_id="cs_1", subscription_id="sub_1"),
        ),
        (
            PaymentSucceeded(
                payment_id="in_0",
                paid_at=START,
                amount=eur(900),
                period=invoice_period(0),
                payment_intent_id="pi_0",
                session_id="cs_1",
                subscription_id="sub_1",
            ),
            Facts(
                checkout=_C.COMPLETE,
                checkout_session_id="cs_1",
                subscription_id="sub_1",
                payments={"in_0": PAID},
                links={"pi_0": "in_0"},
            ),
        ),
        (
            PaymentFailed(payment_id="in_0", session_id="cs_1", subscription_id="sub_1"),
            Facts(checkout=_C.COMPLETE, checkout_session_id="cs_1", subscription_id="sub_1", payments={"in_0": FAILED}),
        ),
        (PaymentFailed(payment_id="in_0", abandoned=True), Facts(payments={"in_0": ABANDONED})),
        (
            SubscriptionUpdated(subscription_id="sub_1", as_of=START, status=SubscriptionStatus.PAUSED),
            Facts(
                subscription_id="sub_1",
                subscription=SubscriptionOutlook(as_of=START, status=SubscriptionStatus.PAUSED),
            ),
        ),
        (
            SubscriptionEnded(subscription_id="sub_1", ended_at=START),
            Facts(subscription_id="sub_1", subscription_ended_at=START),
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_event_teaches_all_that_it_carries(event: PaymentEvent, taught: Facts) -> None:
    """No more, and no less."""
    assert event.facts() == taught


def test_time_teaches_nothing() -> None:
    """It only lets what is known be looked at again."""
    assert TimePassed().facts() == Facts()
