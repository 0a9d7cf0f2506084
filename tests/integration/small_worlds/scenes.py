"""Where two acts meet: one order in a state in which most of them have something to do."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from msgspec import Struct

from adapters.db.database import Database
from paywall_core.access_token import AccessTokens
from paywall_core.events import (
    CheckoutOpened,
    DisputeUpdated,
    PaymentEvent,
    PaymentSucceeded,
    RefundUpdated,
)
from paywall_core.facts import DisputeStatus, Period, RefundStatus, Terms
from paywall_core.money import Money
from paywall_core.notification import PaymentNotification
from paywall_core.ports.unit_of_work import DeliveryStatus, Settlement
from paywall_core.restore_challenge import RestoreChallenge
from paywall_core.testing import FakeClock
from paywall_core.use_cases.activate_access import ActivateAccess, ActivateAccessCommand
from paywall_core.use_cases.record_payment import RecordPayment

from .house import CHALLENGE_ID, EMAIL, ORDER_ID, SECRET, lay_foundation
from .scripts import ANNA, END, GRACE, LATER_END, MONTHLY, ONCE, PAID_AT, PRICE, WITHIN

_LEASE: Final = UUID("0b1e5f00-0000-4000-8000-000000000003")
SESSION_ID: Final = "cs_1"
PARKED_ID: Final = "evt_parked"


class Scene(Struct, frozen=True, kw_only=True):
    """A database's content, and what the provider says in it.

    Attributes:
        now: the moment of the race; the clock stands still.
        terms: of the order.
        stored: events that were taken in before.
        pay, refund, dispute: what arrives now.
        redeemed: whether the first user is in already.
        code_age: how old the one-time code is.
    """

    name: str
    now: datetime
    terms: Terms
    stored: tuple[PaymentNotification, ...]
    pay: PaymentNotification
    refund: PaymentNotification
    dispute: PaymentNotification
    redeemed: bool
    code_age: timedelta

    @property
    def read(self) -> PaymentNotification:
        """The payment, as the provider tells it when it is asked."""
        return PaymentNotification(
            event_id=None,
            event_type="checkout.session",
            occurred_at=self.now,
            payload=b"{}",
            order_id=self.pay.order_id,
            references=self.pay.references,
            events=self.pay.events,
        )

    async def build(self, database: Database) -> None:
        """Fill an empty database by the real use cases, step by step as it might have come about."""
        clock = FakeClock(PAID_AT)
        record = RecordPayment(unit_of_work=database.unit_of_work, clock=clock)
        tokens = AccessTokens([SECRET])
        await lay_foundation(database, self.terms, PAID_AT)
        for notification in (*self.stored, _PARKED):
            await record(notification)
        if self.redeemed:
            redeem = ActivateAccess(unit_of_work=database.unit_of_work, tokens=tokens, clock=clock)
            await redeem(ActivateAccessCommand(activation_token=tokens.issue(ORDER_ID, 1), telegram_user_id=ANNA))
        async with database.unit_of_work() as uow:
            await uow.restore_challenges.put(
                RestoreChallenge(address=EMAIL, id=CHALLENGE_ID, issued=(self.now - self.code_age,))
            )
            # Of what is due, one row is a dead letter already, and one has been delivered.
            ends = (DeliveryStatus.DEAD, DeliveryStatus.DELIVERED)
            due = await uow.outbox.lease(now=PAID_AT, limit=len(ends), lease_until=self.now, lease_id=_LEASE)
            for delivery, status in zip(due, ends, strict=False):
                await uow.outbox.settle([(delivery, Settlement(status=status, at=PAID_AT))])
            await uow.commit()


def _said(
    event_id: str, references: tuple[str, ...], event: PaymentEvent, *, names_order: bool = False
) -> PaymentNotification:
    return PaymentNotification(
        event_id=event_id,
        event_type=event_id,
        occurred_at=PAID_AT,
        payload=b"{}",
        order_id=ORDER_ID if names_order else None,
        references=references,
        events=(event,),
    )


def _refund_of(payment: str) -> PaymentNotification:
    event = RefundUpdated(refund_id="re_1", amount=PRICE, status=RefundStatus.SUCCEEDED, payment=payment, charge="ch_1")
    return _said("evt_refund", ("ch_1", payment, "re_1"), event)


def _dispute_of(payment: str) -> PaymentNotification:
    event = DisputeUpdated(dispute_id="du_1", status=DisputeStatus.OPEN, payment=payment, charge="ch_1")
    return _said("evt_dispute", ("ch_1", "du_1", payment), event)


def _invoice(number: int, start: datetime, end: datetime, *references: str) -> PaymentNotification:
    event = PaymentSucceeded(
        payment_id=f"in_{number}",
        paid_at=start,
        amount=PRICE,
        period=Period(start=start, end=end),
        subscription_id="sub_1",
    )
    return _said(f"evt_invoice_{number}", (f"in_{number}", "sub_1", *references), event, names_order=True)


_PARKED: Final = _said(
    PARKED_ID,
    ("ch_9", "re_9"),
    RefundUpdated(refund_id="re_9", amount=Money.of(100, "eur"), status=RefundStatus.SUCCEEDED, charge="ch_9"),
)
STORED_ALREADY: Final = _said("evt_opened", (SESSION_ID,), CheckoutOpened(session_id=SESSION_ID), names_order=True)
_CODE_AGE: Final = timedelta(minutes=5)

SCENES: Final = (
    Scene(
        name="nothing paid yet",
        now=WITHIN,
        terms=ONCE,
        stored=(STORED_ALREADY,),
        pay=_said(
            "evt_paid",
            (SESSION_ID, "pi_1"),
            PaymentSucceeded(payment_id="pi_1", paid_at=PAID_AT, amount=PRICE, session_id=SESSION_ID),
            names_order=True,
        ),
        refund=_refund_of("pi_1"),
        dispute=_dispute_of("pi_1"),
        redeemed=False,
        code_age=_CODE_AGE,
    ),
    Scene(
        name="paid, not redeemed",
        now=WITHIN,
        terms=MONTHLY,
        stored=(STORED_ALREADY, _invoice(1, PAID_AT, END)),
        pay=_invoice(2, END, LATER_END),
        refund=_refund_of("in_1"),
        dispute=_dispute_of("in_1"),
        redeemed=False,
        code_age=_CODE_AGE,
    ),
    Scene(
        name="lapsed, not recorded",
        now=END + GRACE + timedelta(minutes=1),
        terms=MONTHLY,
        stored=(STORED_ALREADY, _invoice(1, PAID_AT, END)),
        pay=_invoice(2, END, LATER_END),
        refund=_refund_of("in_1"),
        dispute=_dispute_of("in_1"),
        redeemed=True,
        code_age=timedelta(hours=3),
    ),
)
