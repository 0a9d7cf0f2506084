"""What a line of the table of lives says: what happens on which day, who has access when, and why at the end.

A life begins on day 0. Its month ends on day 31, the next on day 59, then 90; the grace is three days. Stripe's objects
go by the short names of `moves.py`. Nothing here runs anything.
"""

from typing import TypeAlias

from msgspec import Struct

from paywall_core.facts import Mode
from paywall_core.lifecycle import State
from tests.integration.lives.moves import Move

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


def once(
    name: str,
    *steps: Step,
    moments: list[Moment],
    why: list[str],
    ids: str,
    days: int | None = None,
    redeems: float | None = 0,
) -> Life:
    """A purchase that is paid once, for `days` or for life; `ids` are the verdict's, by their short names."""
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


def monthly(
    name: str, *steps: Step, moments: list[Moment], why: list[str], ids: str, buys: tuple[float, ...] = (0,)
) -> Life:
    """A subscription by the month."""
    return Life(
        name=name,
        mode=Mode.SUBSCRIPTION,
        steps=steps,
        moments=tuple(moments),
        why=tuple(why),
        ids=frozenset(ids.split()),
        buys=buys,
    )
