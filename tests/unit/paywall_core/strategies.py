"""Hypothesis strategies for the core: consistent worlds of payment events, as a provider could really send them."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from paywall_core.events import (
    ChargeRefunded,
    CheckoutCompleted,
    CheckoutExpired,
    CheckoutOpened,
    DisputeUpdated,
    PaymentEvent,
    PaymentFailed,
    PaymentLinked,
    PaymentSucceeded,
    RefundUpdated,
    SubscriptionEnded,
    SubscriptionUpdated,
)
from paywall_core.facts import (
    DisputeStatus,
    Facts,
    Mode,
    OperatorAction,
    OperatorWord,
    Period,
    Redemption,
    RefundStatus,
    SubscriptionStatus,
    Terms,
    merge,
)
from paywall_core.money import Money

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
ONE_TIME = Terms(mode=Mode.ONE_TIME, duration_days=30)
FOR_LIFE = Terms(mode=Mode.ONE_TIME)
SUBSCRIPTION = Terms(mode=Mode.SUBSCRIPTION, grace_seconds=72 * 3600)


def eur(amount_minor: int) -> Money:
    """An amount in euro cents."""
    return Money(amount_minor=amount_minor, currency="eur")


def moments(days: int = 120) -> st.SearchStrategy[datetime]:
    """Whole hours within `days` of the start."""
    return st.integers(0, days * 24).map(lambda hours: START + timedelta(hours=hours))


def invoice_period(number: int) -> Period:
    """The month that the n-th invoice pays for: a function of its id, as at the provider."""
    return Period(start=START + 30 * number * DAY, end=START + 30 * (number + 1) * DAY)


def outlooks() -> st.SearchStrategy[SubscriptionUpdated]:
    """What may be said of a subscription's future: a few seconds only, so that words often tie within one."""
    return st.builds(
        lambda second, status, cancels: SubscriptionUpdated(
            subscription_id="sub_1",
            as_of=START + timedelta(seconds=second),
            status=status,
            cancels_at=None if cancels is None else invoice_period(cancels).end,
        ),
        st.integers(0, 2),
        st.sampled_from(SubscriptionStatus),
        st.none() | st.integers(0, 2),
    )


def subscription_events() -> st.SearchStrategy[PaymentEvent]:
    """Whatever may be said of a subscription with up to three invoices; what an id means never changes."""
    number = st.integers(0, 2)
    return st.one_of(
        st.just(CheckoutOpened(session_id="cs_1")),
        st.just(CheckoutCompleted(session_id="cs_1", subscription_id="sub_1")),
        st.just(CheckoutExpired(session_id="cs_1")),
        st.builds(
            lambda n, known, late: PaymentSucceeded(
                payment_id=f"in_{n}",
                paid_at=invoice_period(n).start + late * timedelta(hours=1),
                amount=eur(900),
                period=invoice_period(n) if known else None,
                session_id="cs_1" if n == 0 and not known else None,
                subscription_id="sub_1",
            ),
            number,
            st.booleans(),
            st.integers(0, 3),
        ),
        st.just(PaymentSucceeded(payment_id="cs_1", paid_at=START, provisional=True, session_id="cs_1")),
        st.builds(
            lambda n, abandoned: PaymentFailed(payment_id=f"in_{n}", subscription_id="sub_1", abandoned=abandoned),
            number,
            st.booleans(),
        ),
        number.map(lambda n: PaymentLinked(payment_intent_id=f"pi_{n}", payment_id=f"in_{n}")),
        st.builds(
            lambda n, status: RefundUpdated(
                refund_id=f"re_{n}", amount=eur(900 if n else 400), status=status, payment=f"pi_{n}", charge=f"ch_{n}"
            ),
            number,
            st.sampled_from(RefundStatus),
        ),
        st.builds(
            lambda n, part: ChargeRefunded(
                charge_id=f"ch_{n}", amount=eur(900), refunded_minor=part, payment=f"pi_{n}"
            ),
            number,
            st.sampled_from([400, 900]),
        ),
        st.builds(
            lambda n, status: DisputeUpdated(dispute_id=f"dp_{n}", status=status, payment=f"pi_{n}", charge=f"ch_{n}"),
            number,
            st.sampled_from(DisputeStatus),
        ),
        outlooks(),
        st.just(SubscriptionEnded(subscription_id="sub_1", ended_at=START + 61 * DAY)),
    )


def one_time_events() -> st.SearchStrategy[PaymentEvent]:
    """Whatever may be said of a one-time purchase."""
    return st.one_of(
        st.just(CheckoutOpened(session_id="cs_1")),
        st.just(CheckoutCompleted(session_id="cs_1")),
        st.just(CheckoutExpired(session_id="cs_1")),
        st.integers(0, 5).map(
            lambda hours: PaymentSucceeded(
                payment_id="pi_1",
                paid_at=START + timedelta(hours=hours),
                amount=eur(1500),
                session_id="cs_1",
            )
        ),
        st.booleans().map(lambda abandoned: PaymentFailed(payment_id="pi_1", session_id="cs_1", abandoned=abandoned)),
        st.sampled_from(RefundStatus).map(
            lambda status: RefundUpdated(
                refund_id="re_1", amount=eur(1500), status=status, payment="pi_1", charge="ch_1"
            )
        ),
        st.sampled_from([500, 1500]).map(
            lambda part: ChargeRefunded(charge_id="ch_1", amount=eur(1500), refunded_minor=part, payment="pi_1")
        ),
        st.sampled_from(DisputeStatus).map(
            lambda status: DisputeUpdated(dispute_id="dp_1", status=status, charge="ch_1")
        ),
    )


def facts() -> st.SearchStrategy[Facts]:
    """Any facts at all: merges of what events teach, with words of operators and redemptions."""
    spoken = st.builds(
        OperatorWord,
        number=st.integers(1, 3),
        action=st.sampled_from(OperatorAction),
        by=st.sampled_from(["anna", "bob"]),
        why=st.sampled_from(["fraud", "mistake"]),
        at=moments(3),
    )
    extra = st.builds(
        Facts,
        terms=st.sampled_from([None, ONE_TIME, SUBSCRIPTION]),
        token_version=st.integers(1, 4),
        redemption=st.none()
        | st.builds(Redemption, token_version=st.integers(1, 4), telegram_user_id=st.integers(1, 3)),
        operator=st.none() | spoken,
        subscription_ended_at=st.none() | moments(3),
        links_resent=st.integers(0, 3),
    )
    event = st.one_of(subscription_events(), one_time_events()).map(lambda e: e.facts())

    def fold(parts: list[Facts]) -> Facts:
        whole = Facts()
        for part in parts:
            whole = merge(whole, part)
        return whole

    return st.lists(event | extra, max_size=6).map(fold)
