"""What is due by the clock, done in order of time, each thing at the moment at which it would have happened.

Knows that things fall due, not what they are: each part of the engine tells of its own by a `due` method.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeAlias

from entrypoints.sandbox.stripe.world import World


class Due(NamedTuple):
    """Something that happens at `at` (Unix seconds); once `act` is done it is due no more."""

    at: int
    act: Callable[[], object]


Source: TypeAlias = Callable[[], Iterable[Due]]


class Timeline:
    """Lets the work of time be done.

    Args:
        world: its clock says what is due.
        always: what happens before anybody reads, whether or not somebody asks for it: nobody may see it undone.
        when_asked: what happens only in `catch_up`, so that whoever moves the clock decides when Stripe acts.
    """

    def __init__(self, world: World, *, always: tuple[Source, ...], when_asked: tuple[Source, ...]) -> None:
        self._world = world
        self._always = always
        self._all = (*always, *when_asked)
        self._busy = False
        world.before_reading.append(self._settle)

    def catch_up(self) -> int:
        """Do everything that is due by now, the earliest first; returns how many things were done."""
        return self._work(self._all)

    def next_at(self) -> int | None:
        """When the next thing falls due, Unix seconds; it may be overdue. None: nothing ever will by itself."""
        return min((due.at for source in self._all for due in source()), default=None)

    def _settle(self) -> None:
        self._work(self._always)

    def _work(self, sources: tuple[Source, ...]) -> int:
        done = 0
        if self._busy:  # what is being done reads too
            return done
        self._busy = True
        try:
            while (due := self._earliest(sources)) is not None:
                with self._world.at(due.at), self._world.no_request():
                    due.act()
                done += 1
        finally:
            self._busy = False
        return done

    def _earliest(self, sources: tuple[Source, ...]) -> Due | None:
        present = self._world.present()
        overdue = (due for source in sources for due in source() if due.at <= present)
        return min(overdue, key=lambda due: due.at, default=None)
