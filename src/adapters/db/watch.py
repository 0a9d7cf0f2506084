"""What must never be, and what waits, counted by the database: a few statements, told from the columns alone.

Most read an index that holds only what is wrong. Two cannot: whether a link was ever written is asked of each order
that waits for its customer, and whether somebody pays twice of each live subscription. They grow with the customers of
today, not with all that ever were, and read indexes alone.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import FromClause, Select, bindparam, exists, func, literal_column, not_, select, union, union_all

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
    reconciliation,
)
from adapters.db.statements import Statement
from paywall_core.effects import Lane
from paywall_core.lifecycle import State
from paywall_core.ports.operations import (
    ACCESS_WITHOUT_PAYMENT,
    DEAD_LETTERS,
    INVARIANTS,
    MOST_COUNTED,
    PAID_WITHOUT_ACCESS,
    PARKED,
    TWO_SUBSCRIPTIONS,
    UNDELIVERED,
    Backlog,
    BacklogWatch,
    InvariantWatch,
    LaneBacklog,
    Violation,
    WatchLimits,
)
from paywall_core.ports.unit_of_work import DeliveryStatus

_EXAMPLES: Final = 5
_PROVIDER: Final = "stripe"
_LINK: Final = "access_email:"  # how the keys of the e-mails with the link begin


class SqlWatch(InvariantWatch, BacklogWatch):
    """Counts what must never be, and what waits."""

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

    async def backlog(self, now: datetime) -> Backlog:
        """As of one moment; each lane by its part of the index, as they are leased."""
        async with self._pool.snapshot() as connection:
            due = {row.lane: row for row in await connection.all(_DUE, {"now": now})}
            dead = {row.lane: row.found for row in await connection.all(_DEAD)}
            (parked,) = await connection.all(_PARKED)
            read = await connection.first(_RECONCILED, {"provider": _PROVIDER})
        return Backlog(
            lanes=tuple(
                LaneBacklog(
                    lane=lane,
                    due=due[lane].found if lane in due else 0,
                    due_since=due[lane].since if lane in due else None,
                    dead=dead.get(lane, 0),
                )
                for lane in Lane
            ),
            parked=parked.found,
            parked_since=parked.since,
            reconciled_until=None if read is None else read.cursor_at,
        )


def _due() -> Select[Any]:
    """What is due in each lane: their number, and the longest due of them. A lane is written out, as in `outbox`."""
    due = union_all(
        *(
            select(
                select(outbox.c.lane, outbox.c.due_at)
                .where(DUE, outbox.c.lane == literal_column(f"'{lane}'"), outbox.c.due_at <= bindparam("now"))
                .order_by(outbox.c.due_at)
                .limit(MOST_COUNTED)
                .subquery(f"of_{lane}")
            )
            for lane in Lane
        )
    ).subquery("due")
    found: Select[Any] = select(due.c.lane, func.count().label("found"), func.min(due.c.due_at).label("since"))
    return found.group_by(due.c.lane)


def _dead() -> Select[Any]:
    given_up = IN_STATUS[DeliveryStatus.DEAD]
    dead = select(outbox.c.lane).where(given_up).order_by(outbox.c.created_at).limit(MOST_COUNTED).subquery()
    found: Select[Any] = select(dead.c.lane, func.count().label("found"))
    return found.group_by(dead.c.lane)


def _parked() -> Select[int, Any]:
    since = payment_events.c.waiting_since
    parked = select(since).where(WAITING).order_by(since).limit(MOST_COUNTED).subquery()
    found = select(func.count().label("found"), func.min(parked.c.waiting_since).label("since"))
    return found.select_from(parked)


def _questions() -> Mapping[str, Select[Any]]:
    return {
        PAID_WITHOUT_ACCESS: _some(union(_shut_out(), _never_told()).subquery()),
        ACCESS_WITHOUT_PAYMENT: _some(_let_in()),
        UNDELIVERED: _some(
            select(outbox.c.key.label("example"), outbox.c.first_due_at.label("since"))
            .where(DUE, outbox.c.first_due_at < bindparam("undelivered_since"))
            .order_by(outbox.c.first_due_at)
            .limit(MOST_COUNTED)  # PostgreSQL believes that most of what is pending is overdue, as all else is
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
_DUE: Final = Statement(_due())
_DEAD: Final = Statement(_dead())
_PARKED: Final = Statement(_parked())
_RECONCILED: Final = Statement(
    select(reconciliation.c.cursor_at).where(reconciliation.c.provider == bindparam("provider"))
)
