"""The table of lives: what happens on which day, who has access when, and what the explanation must name at the end.

A life begins on day 0. Its month ends on day 31, the next on day 59, then 90; the grace is three days. Stripe's objects
go by the short names of `moves.py`. Nothing here runs anything.
"""

from typing import Final, TypeAlias

from msgspec import Struct

from paywall_core.facts import Mode
from paywall_core.lifecycle import State
from tests.integration.lives import moves as m
from tests.integration.lives.moves import Move, do

IN, OUT = True, False
PENDING, ISSUED, ACTIVE, EXPIRED, REVOKED = State

Step: TypeAlias = tuple[float, Move]
Moment: TypeAlias = tuple[float, bool, State]


class Life(Struct, frozen=True, kw_only=True):
    """One life.

    Attributes:
        name: what it is about.
        mode: how it is paid.
        steps: what happens, each with its day; days never go back.
        moments: (day, has access, the first order's state), after the day's steps; other days may be looked at, too.
        why: words of the explanation's verdict at the end.
        ids: Stripe's ids in that verdict, by their short names: these and no others.
        days: for how many days one payment counts; None: for life.
        redeems: from which day on the customer tries the link; None: never.
        buys: on which day each order is placed.
    """

    name: str
    mode: Mode
    steps: tuple[Step, ...]
    moments: tuple[Moment, ...]
    why: tuple[str, ...]
    ids: frozenset[str]
    days: int | None = None
    redeems: float | None = 0
    buys: tuple[float, ...] = (0,)


def _once(
    name: str,
    *steps: Step,
    moments: list[Moment],
    why: list[str],
    ids: str,
    days: int | None = None,
    redeems: float | None = 0,
) -> Life:
    return Life(
        name=name,
        mode=Mode.ONE_TIME,
        steps=steps,
        moments=tuple(moments),
        why=tuple(why),
        ids=frozenset(ids.split()),
        days=days,
        redeems=redeems,
    )


def _monthly(
    name: str, *steps: Step, moments: list[Moment], why: list[str], ids: str, buys: tuple[float, ...] = (0,)
) -> Life:
    return Life(
        name=name,
        mode=Mode.SUBSCRIPTION,
        steps=steps,
        moments=tuple(moments),
        why=tuple(why),
        ids=frozenset(ids.split()),
        buys=buys,
    )


ONE_TIME_LIVES: Final = (
    _once(
        "paid for life",
        (0, m.pay),
        moments=[(0, IN, ACTIVE), (1, IN, ACTIVE), (200, IN, ACTIVE)],
        why=["covers for life", "redeemed the link"],
        ids="pi_1",
    ),
    _once(
        "paid for thirty days",
        (0, m.pay),
        days=30,
        moments=[(0, IN, ACTIVE), (29, IN, ACTIVE), (30.1, OUT, EXPIRED)],
        why=["ended on day 30"],
        ids="pi_1",
    ),
    _once(
        "declined, then paid",
        (0, m.declined),
        (0.1, m.pay),
        moments=[(0, OUT, PENDING), (0.1, IN, ACTIVE), (1, IN, ACTIVE)],
        why=["covers for life"],
        ids="pi_1",
    ),
    _once(
        "never paid",
        (0.5, m.expire),
        moments=[(0, OUT, PENDING), (0.5, OUT, EXPIRED), (9, OUT, EXPIRED)],
        why=["ran out unpaid"],
        ids="cs_1",
    ),
    _once(
        "paid after the checkout expired",
        (0.5, m.expire),
        (0.6, m.pay_recovered),
        moments=[(0.5, OUT, EXPIRED), (0.6, IN, ACTIVE), (9, IN, ACTIVE)],
        why=["covers for life"],
        ids="pi_1",
    ),
    _once(
        "delayed method pays",
        (0, m.pay_delayed),
        (4, do(m.settle, succeeds=True)),
        moments=[(0, OUT, PENDING), (3, OUT, PENDING), (4, IN, ACTIVE)],
        why=["covers for life"],
        ids="pi_1",
    ),
    _once(
        "refunded in full",
        (0, m.pay),
        (10, do(m.refund, "pi_1")),
        moments=[(9, IN, ACTIVE), (10, OUT, REVOKED), (20, OUT, REVOKED)],
        why=["was refunded in full"],
        ids="pi_1 re_1",
    ),
    _once(
        "refunded in part",
        (0, m.pay),
        (10, do(m.refund, "pi_1", amount=500)),
        moments=[(9, IN, ACTIVE), (10, IN, ACTIVE), (20, IN, ACTIVE)],
        why=["covers for life"],
        ids="pi_1",
    ),
    _once(
        "two partial refunds that make it whole",
        (0, m.pay),
        (5, do(m.refund, "pi_1", amount=500)),
        (10, do(m.refund, "pi_1", amount=1400)),
        moments=[(5, IN, ACTIVE), (10, OUT, REVOKED)],
        why=["was refunded in full"],
        ids="pi_1 re_1 re_2",
    ),
    _once(
        "refund on its way, then there",
        (0, m.pay),
        (10, do(m.refund, "pi_1", pending=True)),
        (15, do(m.finish_refund, "re_1", succeeds=True)),
        moments=[(9, IN, ACTIVE), (10, OUT, REVOKED), (15, OUT, REVOKED)],
        why=["was refunded in full"],
        ids="pi_1 re_1",
    ),
    _once(
        "refund on its way, then cancelled",
        (0, m.pay),
        (10, do(m.refund, "pi_1", pending=True)),
        (12, do(m.cancel_refund, "re_1")),
        moments=[(10, OUT, REVOKED), (11, OUT, REVOKED), (12, IN, ACTIVE)],
        why=["covers for life"],
        ids="pi_1",
    ),
    _once(
        "refund fails again",
        (0, m.pay),
        (10, do(m.refund, "pi_1")),
        (15, do(m.finish_refund, "re_1", succeeds=False)),
        moments=[(10, OUT, REVOKED), (14, OUT, REVOKED), (15, IN, ACTIVE)],
        why=["covers for life"],
        ids="pi_1",
    ),
    _once(
        "refund fails, and is made once more",
        (0, m.pay),
        (10, do(m.refund, "pi_1")),
        (15, do(m.finish_refund, "re_1", succeeds=False)),
        (16, do(m.refund, "pi_1")),
        moments=[(10, OUT, REVOKED), (15, IN, ACTIVE), (16, OUT, REVOKED)],
        why=["was refunded in full"],
        ids="pi_1 re_2",
    ),
    _once(
        "one of two partial refunds fails",
        (0, m.pay),
        (5, do(m.refund, "pi_1", amount=500)),
        (10, do(m.refund, "pi_1", amount=1400)),
        (15, do(m.finish_refund, "re_1", succeeds=False)),
        moments=[(5, IN, ACTIVE), (10, OUT, REVOKED), (15, IN, ACTIVE)],
        why=["covers for life"],
        ids="pi_1",
    ),
    _once(
        "refunded before anybody redeemed",
        (0, m.pay),
        (10, do(m.refund, "pi_1")),
        redeems=None,
        moments=[(0, OUT, ISSUED), (10, OUT, REVOKED)],
        why=["was refunded in full"],
        ids="pi_1 re_1",
    ),
    _once(
        "redeemed after its refund failed",
        (0, m.pay),
        (10, do(m.refund, "pi_1")),
        (15, do(m.finish_refund, "re_1", succeeds=False)),
        redeems=11,
        moments=[(0, OUT, ISSUED), (10, OUT, REVOKED), (11, OUT, REVOKED), (15, IN, ACTIVE)],
        why=["covers for life"],
        ids="pi_1",
    ),
    _once(
        "refunded after its days were over",
        (0, m.pay),
        (40, do(m.refund, "pi_1")),
        days=30,
        moments=[(29, IN, ACTIVE), (31, OUT, EXPIRED), (40, OUT, REVOKED)],
        why=["was refunded in full"],
        ids="pi_1 re_1",
    ),
    _once(
        "inquiry",
        (0, m.pay),
        (5, do(m.dispute, "pi_1", inquiry=True)),
        moments=[(4, IN, ACTIVE), (5, IN, ACTIVE), (20, IN, ACTIVE)],
        why=["covers for life"],
        ids="pi_1",
    ),
    _once(
        "inquiry answered and closed",
        (0, m.pay),
        (5, do(m.dispute, "pi_1", inquiry=True)),
        (7, do(m.answer, "dp_1")),
        (30, do(m.close, "dp_1", won=True)),
        moments=[(5, IN, ACTIVE), (7, IN, ACTIVE), (30, IN, ACTIVE)],
        why=["covers for life"],
        ids="pi_1",
    ),
    _once(
        "inquiry escalates",
        (0, m.pay),
        (5, do(m.dispute, "pi_1", inquiry=True)),
        (9, do(m.escalate, "dp_1")),
        moments=[(5, IN, ACTIVE), (9, OUT, REVOKED), (20, OUT, REVOKED)],
        why=["is under the dispute", "which is open"],
        ids="pi_1 dp_1",
    ),
    _once(
        "inquiry escalates and is won",
        (0, m.pay),
        (5, do(m.dispute, "pi_1", inquiry=True)),
        (9, do(m.escalate, "dp_1")),
        (40, do(m.close, "dp_1", won=True)),
        moments=[(5, IN, ACTIVE), (9, OUT, REVOKED), (39, OUT, REVOKED), (40, IN, ACTIVE)],
        why=["covers for life"],
        ids="pi_1",
    ),
    _once(
        "dispute open",
        (0, m.pay),
        (5, do(m.dispute, "pi_1")),
        moments=[(4, IN, ACTIVE), (5, OUT, REVOKED), (20, OUT, REVOKED)],
        why=["is under the dispute", "which is open"],
        ids="pi_1 dp_1",
    ),
    _once(
        "dispute won",
        (0, m.pay),
        (5, do(m.dispute, "pi_1")),
        (6, do(m.answer, "dp_1")),
        (40, do(m.close, "dp_1", won=True)),
        moments=[(5, OUT, REVOKED), (6, OUT, REVOKED), (40, IN, ACTIVE)],
        why=["covers for life"],
        ids="pi_1",
    ),
    _once(
        "dispute lost",
        (0, m.pay),
        (5, do(m.dispute, "pi_1")),
        (40, do(m.close, "dp_1", won=False)),
        moments=[(5, OUT, REVOKED), (40, OUT, REVOKED)],
        why=["is under the dispute", "which is lost"],
        ids="pi_1 dp_1",
    ),
    _once(
        "dispute prevented",
        (0, m.pay),
        (5, do(m.dispute, "pi_1")),
        (6, do(m.prevent, "dp_1")),
        moments=[(5, OUT, REVOKED), (6, IN, ACTIVE)],
        why=["covers for life"],
        ids="pi_1",
    ),
    _once(
        "refunded during a dispute that is won",
        (0, m.pay),
        (5, do(m.dispute, "pi_1")),
        (7, do(m.refund, "pi_1")),
        (40, do(m.close, "dp_1", won=True)),
        moments=[(5, OUT, REVOKED), (7, OUT, REVOKED), (40, OUT, REVOKED)],
        why=["was refunded in full"],
        ids="pi_1 re_1",
    ),
    _once(
        "refunded in part, then disputed and lost",
        (0, m.pay),
        (3, do(m.refund, "pi_1", amount=500)),
        (5, do(m.dispute, "pi_1")),
        (40, do(m.close, "dp_1", won=False)),
        moments=[(3, IN, ACTIVE), (5, OUT, REVOKED), (40, OUT, REVOKED)],
        why=["is under the dispute", "which is lost"],
        ids="pi_1 dp_1",
    ),
)

SUBSCRIPTION_LIVES: Final = (
    _monthly(
        "first period, and no word after it",
        (0, m.pay),
        moments=[(0, IN, ACTIVE), (30, IN, ACTIVE), (33, IN, ACTIVE), (34.1, OUT, EXPIRED)],
        why=["ended on day 31", "its grace on day 34"],
        ids="in_1",
    ),
    _monthly(
        "renewed",
        (0, m.pay),
        (31, m.renew),
        (59, m.renew),
        moments=[(0, IN, ACTIVE), (31, IN, ACTIVE), (58, IN, ACTIVE), (61, IN, ACTIVE), (89, IN, ACTIVE)],
        why=["covers until day 90"],
        ids="in_3",
    ),
    _monthly(
        "renewal fails, and is paid in the grace",
        (0, m.pay),
        (31, do(m.renew, succeeds=False)),
        (33, do(m.retry, succeeds=True)),
        moments=[(31, IN, ACTIVE), (32, IN, ACTIVE), (33, IN, ACTIVE), (58, IN, ACTIVE)],
        why=["covers until day 59"],
        ids="in_2",
    ),
    _monthly(
        "renewal fails, and the grace runs out",
        (0, m.pay),
        (31, do(m.renew, succeeds=False)),
        moments=[(31, IN, ACTIVE), (33, IN, ACTIVE), (35, OUT, EXPIRED)],
        why=["ended on day 31", "its grace on day 34", "the renewal in_2 was not paid"],
        ids="in_1 in_2",
    ),
    _monthly(
        "renewal is paid after the grace",
        (0, m.pay),
        (31, do(m.renew, succeeds=False)),
        (36, do(m.retry, succeeds=True)),
        moments=[(33, IN, ACTIVE), (35, OUT, EXPIRED), (36, IN, ACTIVE), (58, IN, ACTIVE)],
        why=["covers until day 59"],
        ids="in_2",
    ),
    _monthly(
        "all retries fail, and Stripe cancels",
        (0, m.pay),
        (31, do(m.renew, succeeds=False)),
        (34, do(m.retry, succeeds=False)),
        (37, do(m.retry, succeeds=False)),
        (40, do(m.retry, succeeds=False)),
        moments=[(33, IN, ACTIVE), (34.1, OUT, EXPIRED), (40, OUT, EXPIRED)],
        why=["ended on day 31", "the subscription sub_1 ended on day 40", "the renewal in_2 was not paid"],
        ids="in_1 in_2 sub_1",
    ),
    _monthly(
        "cancelled while the renewal is late",
        (0, m.pay),
        (31, do(m.renew, succeeds=False)),
        (32, m.cancel),
        moments=[(31, IN, ACTIVE), (31.9, IN, ACTIVE), (32, OUT, EXPIRED)],
        why=["the subscription sub_1 ended on day 32", "the renewal in_2 was not paid"],
        ids="in_1 in_2 sub_1",
    ),
    _monthly(
        "all retries fail, and the subscription stays unpaid until it is paid",
        (0, m.pay),
        (31, do(m.renew, succeeds=False)),
        (33, m.mark_unpaid),
        (40, do(m.pay_invoice, "in_2")),
        moments=[(33, IN, ACTIVE), (35, OUT, EXPIRED), (40, IN, ACTIVE), (58, IN, ACTIVE)],
        why=["covers until day 59"],
        ids="in_2",
    ),
    _monthly(
        "cancelled now",
        (0, m.pay),
        (10, m.cancel),
        moments=[(10, IN, ACTIVE), (30, IN, ACTIVE), (31.1, OUT, EXPIRED)],
        why=["ended on day 31", "the subscription sub_1 ended on day 10"],
        ids="in_1 sub_1",
    ),
    _monthly(
        "cancelled now, and refunded",
        (0, m.pay),
        (10, m.cancel),
        (10, do(m.refund, "in_1")),
        moments=[(9, IN, ACTIVE), (10, OUT, REVOKED), (35, OUT, REVOKED)],
        why=["was refunded in full"],
        ids="in_1 re_1",
    ),
    _monthly(
        "cancelled at the period's end",
        (0, m.pay),
        (10, do(m.plan_cancellation, planned=True)),
        (31, m.renew),
        moments=[(10, IN, ACTIVE), (30.9, IN, ACTIVE), (31, OUT, EXPIRED), (33, OUT, EXPIRED)],
        why=["ended on day 31", "the subscription sub_1 ended on day 31"],
        ids="in_1 sub_1",
    ),
    _monthly(
        "cancellation undone",
        (0, m.pay),
        (10, do(m.plan_cancellation, planned=True)),
        (20, do(m.plan_cancellation, planned=False)),
        (31, m.renew),
        moments=[(10, IN, ACTIVE), (20, IN, ACTIVE), (31, IN, ACTIVE), (58, IN, ACTIVE)],
        why=["covers until day 59"],
        ids="in_2",
    ),
    _monthly(
        "trial, then paid",
        (0, do(m.begin_trial, days=14)),
        (14, m.renew),
        moments=[(0, IN, ACTIVE), (13, IN, ACTIVE), (14, IN, ACTIVE), (44, IN, ACTIVE)],
        why=["covers until day 45"],
        ids="in_2",
    ),
    _monthly(
        "trial, then cancelled",
        (0, do(m.begin_trial, days=14)),
        (5, m.cancel),
        moments=[(0, IN, ACTIVE), (5, IN, ACTIVE), (13, IN, ACTIVE), (14.1, OUT, EXPIRED)],
        why=["ended on day 14", "the subscription sub_1 ended on day 5"],
        ids="in_1 sub_1",
    ),
    _monthly(
        "trial without a card pauses, and is resumed",
        (0, do(m.begin_trial, days=14, without_card=True)),
        (14, m.renew),
        (20, m.resume),
        moments=[(13, IN, ACTIVE), (14, IN, ACTIVE), (18, OUT, EXPIRED), (20, IN, ACTIVE), (50, IN, ACTIVE)],
        why=["covers until day 49"],
        ids="in_2",
    ),
    _monthly(
        "trial whose first payment fails",
        (0, do(m.begin_trial, days=14)),
        (14, do(m.renew, succeeds=False)),
        moments=[(13, IN, ACTIVE), (16, IN, ACTIVE), (17.1, OUT, EXPIRED)],
        why=["ended on day 14", "the renewal in_2 was not paid"],
        ids="in_1 in_2",
    ),
    _monthly(
        "renewal refunded in full",
        (0, m.pay),
        (31, m.renew),
        (40, do(m.refund, "in_2")),
        moments=[(31, IN, ACTIVE), (39, IN, ACTIVE), (40, OUT, REVOKED)],
        why=["was refunded in full"],
        ids="in_2 re_1",
    ),
    _monthly(
        "renewal refunded within the first period's grace",
        (0, m.pay),
        (31, m.renew),
        (32, do(m.refund, "in_2")),
        moments=[(31, IN, ACTIVE), (32, IN, ACTIVE), (33, IN, ACTIVE), (35, OUT, REVOKED)],
        why=["was refunded in full"],
        ids="in_2 re_1",
    ),
    _monthly(
        "renewal refunded in part",
        (0, m.pay),
        (31, m.renew),
        (40, do(m.refund, "in_2", amount=300)),
        moments=[(31, IN, ACTIVE), (40, IN, ACTIVE), (58, IN, ACTIVE)],
        why=["covers until day 59"],
        ids="in_2",
    ),
    _monthly(
        "renewal's refund fails again",
        (0, m.pay),
        (31, m.renew),
        (40, do(m.refund, "in_2")),
        (45, do(m.finish_refund, "re_1", succeeds=False)),
        moments=[(39, IN, ACTIVE), (40, OUT, REVOKED), (45, IN, ACTIVE), (58, IN, ACTIVE)],
        why=["covers until day 59"],
        ids="in_2",
    ),
    _monthly(
        "first invoice refunded while the second stands",
        (0, m.pay),
        (31, m.renew),
        (40, do(m.refund, "in_1")),
        moments=[(31, IN, ACTIVE), (40, IN, ACTIVE), (58, IN, ACTIVE)],
        why=["covers until day 59"],
        ids="in_2",
    ),
    _monthly(
        "renewal's invoice voided",
        (0, m.pay),
        (31, do(m.renew, succeeds=False)),
        (32, do(m.void_invoice, "in_2")),
        moments=[(31, IN, ACTIVE), (33, IN, ACTIVE), (35, OUT, EXPIRED)],
        why=["ended on day 31", "the renewal in_2 was not paid"],
        ids="in_1 in_2",
    ),
    _monthly(
        "renewal's invoice written off",
        (0, m.pay),
        (31, do(m.renew, succeeds=False)),
        (32, do(m.write_off, "in_2")),
        moments=[(31, IN, ACTIVE), (33, IN, ACTIVE), (35, OUT, EXPIRED)],
        why=["ended on day 31", "the renewal in_2 was not paid"],
        ids="in_1 in_2",
    ),
    _monthly(
        "renewal's invoice written off, and paid after all",
        (0, m.pay),
        (31, do(m.renew, succeeds=False)),
        (32, do(m.write_off, "in_2")),
        (40, do(m.pay_invoice, "in_2")),
        moments=[(33, IN, ACTIVE), (35, OUT, EXPIRED), (40, IN, ACTIVE), (58, IN, ACTIVE)],
        why=["covers until day 59"],
        ids="in_2",
    ),
    _monthly(
        "renewal disputed and won",
        (0, m.pay),
        (31, m.renew),
        (33, do(m.dispute, "in_2")),
        (45, do(m.close, "dp_1", won=True)),
        moments=[(32, IN, ACTIVE), (33, IN, ACTIVE), (35, OUT, REVOKED), (45, IN, ACTIVE), (58, IN, ACTIVE)],
        why=["covers until day 59"],
        ids="in_2",
    ),
    _monthly(
        "renewal disputed and lost",
        (0, m.pay),
        (31, m.renew),
        (40, do(m.dispute, "in_2")),
        (50, do(m.close, "dp_1", won=False)),
        moments=[(39, IN, ACTIVE), (40, OUT, REVOKED), (50, OUT, REVOKED)],
        why=["is under the dispute", "which is lost"],
        ids="in_2 dp_1",
    ),
    _monthly(
        "first payment by a delayed method",
        (0, m.pay_delayed),
        (4, do(m.settle, succeeds=True)),
        moments=[(0, OUT, PENDING), (3, OUT, PENDING), (4, IN, ACTIVE), (30, IN, ACTIVE)],
        why=["covers until day 31"],
        ids="in_1",
    ),
    _monthly(
        "two subscriptions of one customer, the older one cancelled",
        (0, m.pay),
        (5, do(m.pay, 2)),
        (10, m.cancel),
        (36, do(m.renew, 2)),
        buys=(0, 5),
        moments=[(0, IN, ACTIVE), (10, IN, ACTIVE), (30, IN, ACTIVE), (32, IN, EXPIRED), (36, IN, EXPIRED)],
        why=["ended on day 31", "the subscription sub_1 ended on day 10"],
        ids="in_1 sub_1",
    ),
    _monthly(
        "the bank wants to see the customer, who then pays",
        (0, m.pay),
        (31, do(m.renew, needs_action=True)),
        (32, do(m.pay_invoice, "in_2")),
        moments=[(31, IN, ACTIVE), (32, IN, ACTIVE), (58, IN, ACTIVE)],
        why=["covers until day 59"],
        ids="in_2",
    ),
    _monthly(
        "collection paused for a month",
        (0, m.pay),
        (10, m.pause_collection),
        (31, m.renew),
        (40, m.resume_collection),
        (59, m.renew),
        moments=[(10, IN, ACTIVE), (33, IN, ACTIVE), (35, OUT, EXPIRED), (59, IN, ACTIVE), (89, IN, ACTIVE)],
        why=["covers until day 90"],
        ids="in_3",
    ),
    _monthly(
        "paused by the seller, and resumed",
        (0, m.pay),
        (10, m.pause),
        (40, m.resume),
        moments=[(10, IN, ACTIVE), (30, IN, ACTIVE), (35, OUT, EXPIRED), (40, IN, ACTIVE), (67, IN, ACTIVE)],
        why=["covers until day 68"],
        ids="in_2",
    ),
)

UNPAID_LIVES: Final = (
    _once(
        "delayed method fails",
        (0, m.pay_delayed),
        (4, do(m.settle, succeeds=False)),
        moments=[(0, OUT, PENDING), (4, OUT, PENDING), (9, OUT, PENDING)],
        why=["failed", "none came since"],
        ids="pi_1",
    ),
    _monthly(
        "first payment never comes",
        (0, m.pay_delayed),
        (0.5, do(m.settle, succeeds=False)),
        (0.9, m.expire_incomplete),
        moments=[(0, OUT, PENDING), (0.5, OUT, PENDING), (0.9, OUT, PENDING), (9, OUT, PENDING)],
        why=["failed", "none came since"],
        ids="in_1",
    ),
)
"""Whoever reconciles later asks for these again and again: so they stand last."""

LIVES: Final = ONE_TIME_LIVES + SUBSCRIPTION_LIVES + UNPAID_LIVES
