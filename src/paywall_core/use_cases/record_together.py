"""Many notifications at once, in few transactions: a campaign's sales arrive as a burst."""

import asyncio
from collections.abc import Sequence
from typing import Final, TypeAlias

from paywall_core.notification import PaymentNotification
from paywall_core.use_cases.record_payment import RecordedPayment, RecordPayment, subjects_of

DEFAULT_LANES: Final = 2
"""Transactions at once: while one waits for its commit, the next one gathers and works."""

WORTH_A_LANE: Final = 16
"""So many that wait begin a further transaction; fewer wait for the one before them, and share more."""

MOST_TOGETHER: Final = 64
"""A transaction holds its orders for as long as it lasts, and it lasts longer with each notification in it."""

_Waiting: TypeAlias = tuple[PaymentNotification, asyncio.Future[RecordedPayment]]


class RecordTogether:
    """Record notifications that come in at the same moment by a common transaction, each with an outcome of its own.

    Those that come in while a transaction is under way wait, and then go together: no two that may be about the same
    thing, and each is answered after its own commit. What cannot be recorded together is recorded one by one, so that a
    notification which cannot be recorded at all fails alone. One loop's tasks may share it.

    Args:
        record: records them.
        lanes: transactions under way at once, at most. A database with one writer wants one.
        enough: so many that wait begin another one before the one under way is done.
        most: notifications in one of them, at most.
    """

    def __init__(
        self,
        record: RecordPayment,
        *,
        lanes: int = DEFAULT_LANES,
        enough: int = WORTH_A_LANE,
        most: int = MOST_TOGETHER,
    ) -> None:
        self._record = record
        self._lanes = lanes
        self._enough = enough
        self._most = most
        self._busy = 0
        self._waiting: list[_Waiting] = []
        self._groups: set[asyncio.Task[None]] = set()

    async def __call__(self, notification: PaymentNotification) -> RecordedPayment:
        """Record it. Raises as `RecordPayment` does."""
        if not self._busy:
            self._busy = 1
            try:
                return await self._record(notification)
            finally:
                self._done()
        outcome: asyncio.Future[RecordedPayment] = asyncio.get_running_loop().create_future()
        self._waiting.append((notification, outcome))
        if self._busy < self._lanes and len(self._waiting) >= self._enough:
            self._begin()
        return await outcome

    async def record_all(self, notifications: Sequence[PaymentNotification]) -> Sequence[RecordedPayment | Exception]:
        """Record several by one transaction, or else each by its own; what each came to.

        Args:
            notifications: no two of which may be about the same thing (`subjects_of`).
        """
        try:
            return await self._record.together(notifications)
        except Exception as error:  # noqa: BLE001  - whose fault it was, and whether it was anybody's, is found out alone
            if len(notifications) == 1:
                return [error]
        alone = await asyncio.gather(*map(self._record, notifications), return_exceptions=True)
        return [_told(outcome) for outcome in alone]

    def _done(self) -> None:
        """A lane is free: whoever has gathered goes."""
        self._busy -= 1
        if not self._busy or len(self._waiting) >= self._enough:
            self._begin()

    def _begin(self) -> None:
        group = self._gather()
        if not group:
            return
        self._busy += 1
        task = asyncio.create_task(self._run(group))
        self._groups.add(task)
        task.add_done_callback(self._groups.discard)

    def _gather(self) -> list[_Waiting]:
        """The longest waiting, and all that have nothing to do with them. Who has gone meanwhile is passed over."""
        group: list[_Waiting] = []
        left: list[_Waiting] = []
        taken: set[object] = set()
        waiting = iter(self._waiting)
        for one in waiting:
            notification, outcome = one
            subjects = subjects_of(notification)
            if outcome.done():
                continue
            if not taken.isdisjoint(subjects):
                left.append(one)
                continue
            group.append(one)
            taken |= subjects
            if len(group) == self._most:
                break
        self._waiting = [*left, *waiting]
        return group

    async def _run(self, group: Sequence[_Waiting]) -> None:
        try:
            outcomes = await self.record_all([notification for notification, _ in group])
            for (_, waiting), outcome in zip(group, outcomes, strict=True):
                if waiting.done():  # whoever asked has gone; it is recorded all the same
                    continue
                if isinstance(outcome, Exception):
                    waiting.set_exception(outcome)
                else:
                    waiting.set_result(outcome)
        finally:
            for _, waiting in group:
                waiting.cancel()  # of those that have their answer nothing becomes of this: the process ends
            self._done()


def _told(outcome: RecordedPayment | BaseException) -> RecordedPayment | Exception:
    """What one came to; the end of the process is nobody's outcome."""
    if isinstance(outcome, (RecordedPayment, Exception)):
        return outcome
    raise outcome
