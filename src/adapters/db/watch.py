"""What must never be, counted by the database: one statement for each invariant, told from the columns alone.

Most read an index that holds only what is wrong. Two cannot: whether a link was ever written is asked of each order
that waits for its customer, and whether somebody pays twice of each live subscription. They grow with the customers of
today, not with all that ever were, and read indexes alone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import FromClause, Select, bindparam, exists, func, not_, select, union

from adapters.db.pool import Pool
from adapters.db.schema import (
    DUE,
    IN_STATE,
    IN_STATUS,
    LIVE,
    NOT_LIVE,
    SUBSCRIBED,
    UNPAID,
    WAITING,
    orders,
    outbox,
    payment_events,
)
from adapters.db.statements import Statement
from paywall_core.lifecycle import State
from paywall_core.ports.operations import (
    ACCESS_WITHOUT_PAYMENT,
    DEAD_LETTERS,
    INVARIANTS,
    PAID_WITHOUT_ACCESS,
    PARKED,
    TWO_SUBSCRIPTIONS,
    UNDELIVERED,
    InvariantWatch,
    Violation,
    WatchLimits,
)
from paywall_core.ports.unit_of_work import DeliveryStatus

_EXAMPLES: Final = 5
_MOST_COUNTED: Final = 10_000
_LINK: Final = "access_email:"  # how the keys of the e-mails with the link begin


class SqlInvariantWatch(InvariantWatch):
    """Counts what must never be."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def violations(self, now: datetime, limits: WatchLimits) -> Sequence[Violation]:
        """All of them as of one moment."""
        values = {
            "now": now,
            "unrecorded_since": now - limits.unrecorded,
            "undelivered_since": now - limits.undelivered,
            "parked_since": now - limits.parked,
        }
        async with self._pool.snapshot() as connection:
            answers = {name: await connection.all(_QUESTIONS[name], values) for name in INVARIANTS}
        return [
            Violation(
                invariant=name,
                count=rows[0].found if rows else 0,
                examples=tuple(str(row.example) for row in rows),
            )
            for name, rows in answers.items()
        ]


def _questions() -> Mapping[str, Select[Any]]:
    return {
        PAID_WITHOUT_ACCESS: _some(union(_shut_out(), _never_told()).subquery()),
        ACCESS_WITHOUT_PAYMENT: _some(_let_in()),
        UNDELIVERED: _some(
            select(outbox.c.key.label("example"), outbox.c.first_due_at.label("since"))
            .where(DUE, outbox.c.first_due_at < bindparam("undelivered_since"))
            .order_by(outbox.c.first_due_at)
            .limit(_MOST_COUNTED)  # PostgreSQL believes that most of what is pending is overdue, as all else is
            .subquery()
        ),
        DEAD_LETTERS: _some(
            select(outbox.c.key.label("example"), outbox.c.created_at.label("since"))
            .where(IN_STATUS[DeliveryStatus.DEAD])
            .subquery()
        ),
        PARKED: _some(
            select(payment_events.c.stripe_event_id.label("example"), payment_events.c.waiting_since.label("since"))
            .where(WAITING, payment_events.c.waiting_since < bindparam("parked_since"))
            .subquery()
        ),
        TWO_SUBSCRIPTIONS: _some(_paying_twice()),
    }


def _some(cases: FromClause) -> Select[Any]:
    """How many cases there are, and the first few: the longest wrong, where that is known."""
    first = [cases.c[name] for name in ("since", "example") if name in cases.c]
    return select(cases.c.example, func.count().over().label("found")).order_by(*first).limit(_EXAMPLES)


def _shut_out() -> Select[Any]:
    return select(orders.c.id.label("example")).where(NOT_LIVE, orders.c.access_until > bindparam("now"))


def _never_told() -> Select[Any]:
    """Orders whose customers wait for a link that nobody owes them.

    A link of an earlier version is enough: whoever restored by e-mail and did not redeem has seen the new one.
    """
    begins = func.substr(outbox.c.key, 1, len(_LINK)) == _LINK
    link = select(outbox.c.key).where(outbox.c.order_id == orders.c.id, begins)
    # OFFSET 0: each order's is looked for by the index. PostgreSQL would else read all that ever went out.
    return select(orders.c.id.label("example")).where(IN_STATE[State.TOKEN_ISSUED], not_(exists(link.offset(0))))


def _let_in() -> FromClause:
    """Three reads: a planner does not see through an OR that each of them has an index."""
    order_id = orders.c.id.label("example")
    return union(
        select(order_id).where(LIVE, orders.c.access_until < bindparam("unrecorded_since")),
        select(order_id).where(LIVE, orders.c.access_until.is_(None)),
        select(order_id).where(UNPAID),
    ).subquery()


def _paying_twice() -> FromClause:
    """Each order of a customer with several subscriptions: read along the index, in which they lie side by side."""
    twice = (
        select(orders.c.email_key)
        .where(SUBSCRIBED)
        .group_by(orders.c.email_key)
        .having(func.min(orders.c.live_subscription_id) < func.max(orders.c.live_subscription_id))
        .scalar_subquery()
    )
    return select(orders.c.id.label("example")).where(SUBSCRIBED, orders.c.email_key.in_(twice)).subquery()


_QUESTIONS: Final = {name: Statement(question) for name, question in _questions().items()}
