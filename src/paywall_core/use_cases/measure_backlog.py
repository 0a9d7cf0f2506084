"""How much waits, and for how long: what an operator's monitoring asks at each look."""

from paywall_core.ports.clock import Clock
from paywall_core.ports.operations import Backlog, BacklogWatch


class MeasureBacklog:
    """Measure what the outbox has due, what was given up, and what is parked; cheap enough for every look."""

    def __init__(self, *, watch: BacklogWatch, clock: Clock) -> None:
        self._watch = watch
        self._clock = clock

    async def __call__(self) -> Backlog:
        """As of now."""
        return await self._watch.backlog(self._clock.now())
