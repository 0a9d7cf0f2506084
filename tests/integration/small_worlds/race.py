"""Two acts on one order at the same time: one is stopped before each of its statements, and the other let in there.

The outcome has to be one that some order of their transactions, each run alone, could have had as well. That is the
standard to which a use case of several transactions (asking the provider, then recording; leasing, then delivering) can
be held; for two of one transaction each it means exactly: as if one had come after the other. A clean refusal
(`Conflict`) is done again by whoever was refused, and a chore that passed over a locked row comes again.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeAlias

from msgspec import Struct

from paywall_core.use_cases.check_invariants import CheckInvariants

from .acts import NOTHING_TO_DO, PASSES_OVER, REFUSED, Hands, Outside, perform
from .grounds import Content, Ground
from .scenes import Scene
from .statements import Actor, stoppable

_LONGEST_SECONDS: Final = 20.0
_LOOK_EVERY_SECONDS: Final = 0.0003
_LONGEST_CHORE: Final = 10


class Outcome(Struct, frozen=True, kw_only=True):
    """What a race came to: every row, what went out, and both answers."""

    content: Content
    received: tuple[str, ...]
    answers: tuple[str, str]

    @property
    def lasting(self) -> tuple[Content, tuple[str, ...]]:
        """All but the answers."""
        return self.content, self.received


_Pair: TypeAlias = tuple[str, str]
_Turns: TypeAlias = tuple[tuple[int, bool], ...]
"""Whose transaction came when, and whether the other could have gone on as well."""


class Races:
    """Races on one ground in one scene; serial outcomes are worked out once for each pair.

    Attributes:
        ended: how often a race ended like which serial order.
    """

    def __init__(self, ground: Ground, scene: Scene) -> None:
        self._ground = ground
        self._scene = scene
        self._serial: dict[_Pair, tuple[Outcome, Outcome]] = {}
        self._merges: dict[tuple[_Pair, str | None], frozenset[object]] = {}
        self._audited: set[Content] = set()
        self.ended: Counter[str] = Counter()

    async def statements_of(self, name: str) -> Sequence[str]:
        """The statements and commits of an act that runs alone in this scene."""
        with stoppable():
            await self._ground.set_back()
            actor = Actor(name)
            actor.start(lambda: perform(name, Hands(self._ground.database, self._scene, Outside(self._scene), seed=1)))
            await actor.answer()
        return actor.statements

    async def race(self, first: str, second: str, *, stop_at: int) -> None:
        """`first` runs until right before its statement `stop_at` (from 1), then `second` until it ends or waits.

        Raises:
            AssertionError: no serial order ends like this, they wait for each other, or an invariant is broken.
        """
        try:
            with stoppable():
                await self._race(first, second, stop_at)
        except Exception as error:
            broken = error if isinstance(error, AssertionError) else AssertionError(f"it broke: {error!r}")
            broken.add_note(f"{self._scene.name}: {first}, stopped before its statement {stop_at}, and {second}")
            raise broken from error

    async def _race(self, first: str, second: str, stop_at: int) -> None:
        await self._serially((first, second))  # before the race: what it leaves in the database is judged
        outside, hands = await self._set_out()
        a, b = Actor(first), Actor(second)
        try:
            a.pause = lambda actor: actor.point == stop_at
            a.start(lambda: perform(first, hands[0]))
            await _until(lambda: a.paused or a.done)
            assert a.paused, f"{first} has no statement {stop_at}"
            b.start(lambda: perform(second, hands[1]))
            await self._until_done_or_waiting(b, a)
            b.pause = lambda _: True  # whoever waited lets the other come to its end first
            a.pause = None
            a.go_on()
            await self._until_done_or_waiting(a, b)
            b.pause = None
            b.go_on()
            await _until(lambda: a.done and b.done)
            answers = await a.answer(), await b.answer()
        finally:
            await a.stop()
            await b.stop()
        pair = (first, second)
        outcome = await self._outcome(outside, answers)
        kind = await self._like_a_serial_one(pair, outcome)
        if kind is None:
            if await self._work_out_turns(pair):  # which has overwritten what was to be judged: the same race again
                await self._race(first, second, stop_at)
                return
            kind = await self._like_turns(pair, hands, outside, outcome)
        self.ended[kind] += 1
        await self._audit(outcome.content)

    async def _like_a_serial_one(self, pair: _Pair, outcome: Outcome) -> str | None:
        forwards, backwards = await self._serially(pair)
        if outcome == forwards:
            return "as the first, then the second"
        return "as the second, then the first" if outcome == backwards else None

    async def _like_turns(self, pair: _Pair, hands: Sequence[Hands], outside: Outside, outcome: Outcome) -> str:
        if outcome in await self._merged(pair, None):
            return "as with transactions in turns"
        refused = [answer.startswith(REFUSED) for answer in outcome.answers]
        if not any(refused):
            return await self._come_again(pair, hands, outside, outcome)
        for name, own, again in zip(pair, hands, refused, strict=True):
            if again:
                answer = await perform(name, own)
                assert not answer.startswith(REFUSED), f"{name} was refused when nobody else was there"
        after = await self._outcome(outside, outcome.answers)
        lasting = {one.lasting for one in await self._merged(pair, None) if isinstance(one, Outcome)}
        assert after.lasting in lasting, await self._difference(pair, outcome)
        await self._audit(after.content)
        return "refused, and done again"

    async def _come_again(self, pair: _Pair, hands: Sequence[Hands], outside: Outside, outcome: Outcome) -> str:
        """A chore may have passed over a locked row: then it comes again, as it does every few seconds."""
        for name, own in zip(pair, hands, strict=True):
            if name in PASSES_OVER:
                await _repeat(name, own)
                after = await self._outcome(outside, outcome.answers)
                if after.lasting in await self._merged(pair, name):
                    return "passed over, and found again"
        raise AssertionError(await self._difference(pair, outcome))

    async def _work_out_turns(self, pair: _Pair) -> bool:
        """All that an outcome may be held against; whether any of it was new."""
        wanted = [None, *(name for name in pair if name in PASSES_OVER)]
        new = [again for again in wanted if (pair, again) not in self._merges]
        for again in new:
            await self._merged(pair, again)
        return bool(new)

    async def _difference(self, pair: _Pair, outcome: Outcome) -> str:
        """What sets an outcome apart from both serial ones."""
        told = [f"{pair} ended as no serial order does: answers {outcome.answers}, received {outcome.received}"]
        for name, serial in zip(("first, second", "second, first"), await self._serially(pair), strict=True):
            told.append(f"{name}: answers {serial.answers}, received {serial.received}")
            for mine, its in zip(outcome.content, serial.content, strict=True):
                told += [f"  only here: {line}" for line in mine if line not in its]
                told += [f"  only there: {line}" for line in its if line not in mine]
        return "\n".join(told)

    async def _set_out(self) -> tuple[Outside, tuple[Hands, Hands]]:
        await self._ground.set_back()
        outside = Outside(self._scene)
        first, second = (Hands(self._ground.database, self._scene, outside, seed=seed) for seed in (1, 2))
        return outside, (first, second)

    async def _outcome(self, outside: Outside, answers: _Pair) -> Outcome:
        return Outcome(content=await self._ground.content(), received=outside.received, answers=answers)

    async def _serially(self, pair: _Pair) -> tuple[Outcome, Outcome]:
        """One after the other, and the other way round."""
        if pair not in self._serial:
            outcomes = []
            for order in ((0, 1), (1, 0)):
                outside, hands = await self._set_out()
                answers = {number: await perform(pair[number], hands[number]) for number in order}
                outcomes.append(await self._outcome(outside, (answers[0], answers[1])))
                await self._audit(outcomes[-1].content)
            self._serial[pair] = (outcomes[0], outcomes[1])
        return self._serial[pair]

    async def _merged(self, pair: _Pair, again: str | None) -> frozenset[object]:
        """The outcomes of every order of their transactions, none of which meets another; `again`: then once more.

        With `again` an outcome is what lasts of it.
        """
        if (pair, again) not in self._merges:
            found: set[object] = set()
            open_: list[_Turns] = [()]
            while open_:
                begun = open_.pop()
                turns, outcome = await self._take_turns(pair, begun, again)
                found.add(outcome if again is None else outcome.lasting)
                # Wherever the first went on of two that could, the second might have.
                open_ += [(*turns[:n], (1, True)) for n in range(len(begun), len(turns)) if turns[n] == (0, True)]
            self._merges[pair, again] = frozenset(found)
        return self._merges[pair, again]

    async def _take_turns(self, pair: _Pair, begun: _Turns, again: str | None) -> tuple[_Turns, Outcome]:
        """One transaction at a time: as `begun`, and then the first as long as it goes on."""
        outside, hands = await self._set_out()
        actors = [Actor(name) for name in pair]
        turns: list[tuple[int, bool]] = []
        try:
            for actor, name, own in zip(actors, pair, hands, strict=True):
                actor.pause = lambda one: one.begins
                actor.start(partial(perform, name, own))
                await _until(lambda actor=actor: actor.paused or actor.done)  # type: ignore[misc]
            while not all(actor.done for actor in actors):
                both = not any(actor.done for actor in actors)
                turn = begun[len(turns)][0] if len(turns) < len(begun) else int(actors[0].done)
                turns.append((turn, both))
                actor = actors[turn]
                actor.go_on()
                await _until(lambda actor=actor: actor.paused or actor.done)  # type: ignore[misc]
            answers = await actors[0].answer(), await actors[1].answer()
        finally:
            for actor in actors:
                await actor.stop()
        if again is not None:
            await _repeat(again, hands[pair.index(again)])
        return tuple(turns), await self._outcome(outside, answers)

    async def _until_done_or_waiting(self, actor: Actor, other: Actor) -> None:
        """Until `actor` is done, or cannot go on before `other` does, which stands still."""
        deadline = time.monotonic() + _LONGEST_SECONDS
        while not actor.done:
            still = other.paused or other.done
            if still and not other.done and await self._ground.waits(actor, other):
                return
            assert time.monotonic() < deadline, f"{actor.name} neither ends nor waits for {other.name}"
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _audit(self, content: Content) -> None:
        """What must always hold does, in whatever the database holds now."""
        if content in self._audited:
            return
        database = self._ground.database
        check = CheckInvariants(watch=database.watch, archive=database.archive, clock=Outside(self._scene).clock)
        broken = [violation for violation in await check.audit() if violation.count]
        assert not broken, broken
        self._audited.add(content)


async def _repeat(chore: str, hands: Hands) -> None:
    """A chore comes again until it finds nothing to do; what it does may owe more."""
    for _ in range(_LONGEST_CHORE):
        if await perform(chore, hands) in NOTHING_TO_DO:
            return
    raise AssertionError(f"{chore} finds no end")


async def _until(holds: Callable[[], bool]) -> None:
    """Until it holds."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "they wait for each other"
        await asyncio.sleep(_LOOK_EVERY_SECONDS)  # a loop that never rests would starve SQLite's threads
