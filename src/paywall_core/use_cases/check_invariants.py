"""What must always hold, asked of the database; and every order's record held against its facts."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from paywall_core.lifecycle import State
from paywall_core.order import Order
from paywall_core.ports.clock import Clock
from paywall_core.ports.operations import (
    ACCESS_WITHOUT_PAYMENT,
    PAID_WITHOUT_ACCESS,
    InvariantWatch,
    OrderArchive,
    Violation,
    WatchLimits,
)

_BATCH: Final = 500
_EXAMPLES: Final = 5
_LIVE: Final = (State.TOKEN_ISSUED, State.ACTIVE)


class CheckInvariants:
    """Count what must never be: by a few cheap questions, or by going through every order."""

    def __init__(
        self, *, watch: InvariantWatch, archive: OrderArchive, clock: Clock, limits: WatchLimits | None = None
    ) -> None:
        self._watch = watch
        self._archive = archive
        self._clock = clock
        self._limits = limits or WatchLimits()

    async def __call__(self) -> Sequence[Violation]:
        """Each invariant with its count, 0 where it holds. Cheap enough to be asked every minute."""
        return await self._watch.violations(self._clock.now(), self._limits)

    async def audit(self, progress: Callable[[int], None] | None = None) -> Sequence[Violation]:
        """Work out every order's state from its facts anew, and hold the record against it. Reads them all.

        Args:
            progress: told the number of orders that were read, after each batch.
        """
        shut_out: list[str] = []
        let_in: list[str] = []
        after: UUID | None = None
        read = 0
        while orders := await self._archive.every_order(after=after, limit=_BATCH):
            for order in orders:
                self._hold(order, shut_out, let_in)
            after, read = orders[-1].id, read + len(orders)
            if progress is not None:
                progress(read)
        return [_violation(PAID_WITHOUT_ACCESS, shut_out), _violation(ACCESS_WITHOUT_PAYMENT, let_in)]

    def _hold(self, order: Order, shut_out: list[str], let_in: list[str]) -> None:
        """One order; what lapsed a moment ago may still be recorded as good."""
        now = self._clock.now()
        recorded, true = order.state in _LIVE, order.state_at(now) in _LIVE
        if true and not recorded:
            shut_out.append(str(order.id))
        if recorded and not true and order.state_at(now - max(self._limits.unrecorded, timedelta())) not in _LIVE:
            let_in.append(str(order.id))


def _violation(invariant: str, cases: Sequence[str]) -> Violation:
    return Violation(invariant=invariant, count=len(cases), examples=tuple(cases[:_EXAMPLES]))
