"""Every interleaving of a script's members, each delivered twice, with a death at every commit: none is sampled.

A *place* is what is stored, and what is true there. A *world* is a place, and how often each member has been delivered.
What a step does depends on the place alone, so that each step is really done once for each place, by the real use
cases; the worlds are gone through breadth-first, and the interleavings that lead into each are counted on the way.
"""

from collections import defaultdict
from datetime import datetime
from typing import Final, TypeAlias

from msgspec import Struct

from paywall_core.restore_challenge import CODE_LIFETIME

from .dying import Died
from .house import House, Seen, Store, WalkClock, lay_foundation
from .interleavings import interleavings
from .laws import check_step, check_world
from .members import Member, Script, redeems
from .scripts import STRANGER
from .truth import Truth

# How far one member's two deliveries have come: a delivery may die once, and then comes again.
_FRESH, _FRESH_DIED, _ONCE, _ONCE_DIED, _TWICE = range(5)
_ENDS: Final = {_FRESH: _ONCE, _FRESH_DIED: _ONCE, _ONCE: _TWICE, _ONCE_DIED: _TWICE}
_DIES: Final = {_FRESH: _FRESH_DIED, _ONCE: _ONCE_DIED}

_Progress: TypeAlias = tuple[int, ...]
_Paths: TypeAlias = dict[int, tuple[int, int]]
"""By place: the number of interleavings that lead there; without any death, and in all."""

_Level: TypeAlias = dict[_Progress, _Paths]


class Walked(Struct, frozen=True, kw_only=True):
    """What a walk came to.

    Attributes:
        interleavings: of the deliveries, when nobody dies.
        with_deaths: of all attempts, when each delivery may die once at each side of each commit.
        worlds: distinct pairs of what is stored and what was delivered.
        transitions: steps between worlds.
        places: distinct contents of the store.
        runs: how often a real use case ran.
    """

    interleavings: int
    with_deaths: int
    worlds: int
    transitions: int
    places: int
    runs: int

    @property
    def told(self) -> str:
        """In words."""
        return (
            f"{self.interleavings:,} interleavings, {self.with_deaths:,} with deaths; {self.worlds:,} worlds, "
            f"{self.transitions:,} transitions, {self.places:,} contents of the store, {self.runs:,} runs"
        )

    def expected(self, script: Script) -> tuple[int, int]:
        """The first two, by formula."""
        lives = interleavings(0 for _ in script.members)
        return lives, interleavings(2 * member.commits for member in script.members)


class _Place(Struct, frozen=True, kw_only=True):
    saved: object
    identity: bytes
    truth: Truth
    seen: Seen
    came: tuple[int, str] | None


async def walk(script: Script, store: Store, *, now: datetime) -> Walked:
    """Go through all of it, with the clock at `now`.

    Raises:
        AssertionError: a law does not hold in some world; the note tells a way into it.
    """
    return await _Walk(script, store, now).go()


class _Walk:
    def __init__(self, script: Script, store: Store, now: datetime) -> None:
        self._script = script
        self._store = store
        self._words = script.words
        self._clock = WalkClock(now)
        self._house = House(store, self._clock)
        self._places: list[_Place] = []
        self._numbers: dict[tuple[bytes, Truth], int] = {}
        self._steps: dict[tuple[int, int], tuple[int, ...]] = {}
        self._runs = 0

    async def go(self) -> Walked:
        now = self._clock.time
        await lay_foundation(self._store, self._script.terms, now)
        start = await self._arrive(Truth(now=now, code_until=now + CODE_LIFETIME), None)
        levels: defaultdict[int, _Level] = defaultdict(dict)
        levels[0][(_FRESH,) * len(self._script.members)] = {start: (1, 1)}
        worlds = transitions = 0
        for number in range(_TWICE * len(self._script.members)):
            for progress, here in levels.pop(number, {}).items():
                worlds += len(here)
                for index, status in enumerate(progress):
                    if status != _TWICE:
                        transitions += await self._spread(levels, progress, index, here)
        (final,) = levels.pop(_TWICE * len(self._script.members)).values()
        await self._check_ends(set(final))
        walked = Walked(
            interleavings=sum(paths[0] for paths in final.values()),
            with_deaths=sum(paths[1] for paths in final.values()),
            worlds=worlds + len(final),
            transitions=transitions,
            places=len(self._places),
            runs=self._runs,
        )
        assert (walked.interleavings, walked.with_deaths) == walked.expected(self._script), walked
        return walked

    async def _spread(self, levels: defaultdict[int, "_Level"], progress: _Progress, index: int, here: _Paths) -> int:
        """All interleavings that led here go on by one member; returns how many steps that were."""
        status = progress[index]
        ended = (*progress[:index], _ENDS[status], *progress[index + 1 :])
        there = levels[sum(ended)].setdefault(ended, {})
        died = None
        if status in _DIES and self._script.members[index].commits:
            stuck = (*progress[:index], _DIES[status], *progress[index + 1 :])
            died = levels[sum(stuck)].setdefault(stuck, {})
        steps = 0
        for place, (lives, all_) in here.items():
            ends, *dies = await self._step(place, index)
            before = there.get(ends, (0, 0))
            there[ends] = (before[0] + lives, before[1] + all_)
            steps += 1
            if died is not None:
                for dead in dies:
                    before = died.get(dead, (0, 0))
                    died[dead] = (before[0], before[1] + all_)
                steps += len(dies)
        return steps

    async def _step(self, place: int, index: int) -> tuple[int, ...]:
        """Where a member leads from a place: when it runs to its end, and when it dies at each of its points."""
        known = self._steps.get((place, index))
        if known is None:
            member = self._script.members[index]
            points = range(2 * member.commits)
            known = (await self._attempt(place, member, None), *[await self._attempt(place, member, p) for p in points])
            self._check_deaths(place, member, known)
            self._steps[place, index] = known
        return known

    async def _attempt(self, number: int, member: Member, dies_at: int | None) -> int:
        place = self._places[number]
        try:
            await self._store.set_back(place.saved)
            self._clock.time = max(place.truth.now, member.moves_to or place.truth.now)
            self._house.doom.set(dies_at)
            self._runs += 1
            truth, foreseen = member.foresee(self._words, place.truth)
            answer = await self._outcome(member)
            self._house.doom.set(None)
            assert answer in (foreseen, "died"), f"the answer is {answer}, and should be {foreseen}"
            if answer == "died" and dies_at != 2 * member.commits - 1:
                truth = place.truth  # what counts is in the last commit
            return await self._arrive(truth, (number, f"{member.name}{'' if answer == foreseen else ', and dies'}"))
        except Exception as error:
            broken = error if isinstance(error, AssertionError) else AssertionError(f"it broke: {error!r}")
            broken.add_note(f"{self._script.name}: {self._story(number)} -> {member.name}, death at {dies_at}")
            raise broken from error

    async def _outcome(self, member: Member) -> str:
        try:
            return await member.act(self._house)
        except Died:
            return "died"

    def _check_deaths(self, place: int, member: Member, known: tuple[int, ...]) -> None:
        """Before the first commit nothing happened; after one is before the next; after the last, all happened."""
        ends, *dies = known
        moments = [place, *dies, ends]
        pairs = [(moments[i], moments[i + 1]) for i in range(0, len(moments), 2)] if dies else []
        for one, other in pairs:
            a, b = self._places[one], self._places[other]
            assert a.identity == b.identity, f"{self._story(one)}: {member.name} is not one with its commit"
            assert a.seen.history == b.seen.history, f"{self._story(one)}: {member.name} wrote another history"

    async def _arrive(self, truth: Truth, came: tuple[int, str] | None) -> int:
        """The number of the place where the store is now; a new one is checked whole."""
        identity, saved = await self._store.save()
        number = self._numbers.get((identity, truth))
        if number is not None and came is None:
            return number
        seen = await self._store.look()
        if came is not None:
            check_step(self._places[came[0]].seen, seen)
        if number is None:
            await check_world(self._words, truth, seen, self._house)
            number = self._numbers[identity, truth] = len(self._places)
            self._places.append(_Place(saved=saved, identity=identity, truth=truth, seen=seen, came=came))
        return number

    async def _check_ends(self, final: set[int]) -> None:
        """All interleavings end alike, a further delivery changes nothing, and whoever is owed a way in has one."""
        ends: dict[Truth, int] = {}
        for number in sorted(final):
            place = self._places[number]
            like = self._places[ends.setdefault(place.truth, number)]
            where = f"{self._script.name}: {self._story(number)}"
            assert place.seen.order.facts == like.seen.order.facts, f"other facts than elsewhere: {where}"
            assert place.seen.order.state_at(place.truth.now) is like.seen.order.state_at(place.truth.now), where
            for member in self._script.members:
                if member.word is not None:
                    again = self._places[await self._attempt(number, member, None)]
                    assert again.identity == place.identity, f"a repeat of {member.name} changed something: {where}"
            open_ = redeems(place.truth.holder or STRANGER, version=place.truth.version)
            await self._attempt(number, open_, None)

    def _story(self, number: int) -> str:
        """A way into a place."""
        told: list[str] = []
        while (came := self._places[number].came) is not None:
            number = came[0]
            told.append(came[1])
        return " -> ".join(reversed(told)) or "the start"
