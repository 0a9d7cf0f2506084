"""A process that dies right before or right after one of its commits."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from paywall_core.ports.unit_of_work import UnitOfWork


class Died(BaseException):
    """The process is gone: nothing in it can catch this, and nobody gets an answer."""


class Doom:
    """When the process dies. Points are numbered: `2n` is right before the n-th commit, `2n + 1` right after it."""

    def __init__(self) -> None:
        self._point: int | None = None
        self._commits = 0

    def set(self, point: int | None) -> None:
        """A new process, that is to die at this point; None: it lives."""
        self._point = point
        self._commits = 0

    async def commit(self, unit_of_work: UnitOfWork) -> None:
        """Commit, or die on either side of it."""
        before = 2 * self._commits
        self._commits += 1
        if self._point == before:
            raise Died
        await unit_of_work.commit()
        if self._point == before + 1:
            raise Died


class MortalUnitOfWork(UnitOfWork):
    """A transaction of a process that may die."""

    def __init__(self, inner: UnitOfWork, doom: Doom) -> None:
        self._inner = inner
        self._doom = doom

    async def __aenter__(self) -> Self:
        """Begin; the repositories are the real ones."""
        await self._inner.__aenter__()
        self.orders = self._inner.orders
        self.payment_events = self._inner.payment_events
        self.restore_challenges = self._inner.restore_challenges
        self.tracking_log = self._inner.tracking_log
        self.outbox = self._inner.outbox
        self.operator_log = self._inner.operator_log
        self.reconciliation = self._inner.reconciliation
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End; what was not committed is forgotten."""
        await self._inner.__aexit__(exc_type, exc, traceback)

    async def commit(self) -> None:
        """Commit, unless the process dies first."""
        await self._doom.commit(self._inner)


def mortal(unit_of_work: Callable[[], UnitOfWork], doom: Doom) -> Callable[[], UnitOfWork]:
    """The same factory, for a process that may die."""
    return lambda: MortalUnitOfWork(unit_of_work(), doom)
