"""The kills of a scenario, at random moments from its seed, and what is told when it is over."""

import asyncio
import random
import resource
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy.engine import make_url

from tests.integration.crashes.member import Member
from tests.integration.crashes.oracle import Verdict
from tests.integration.crashes.town import Town

_IS_UP: Final = 0.8  # the part of all kills that waits until the victim is up


class Storms(msgspec.Struct, frozen=True, kw_only=True):
    """How kills follow each other: some in a row, and then a calm in which the product gets on, on any machine.

    Attributes:
        kills: in all.
        longest: so many kills at most in a row.
        pause_seconds: the shortest and the longest time between two in a row.
        calm_seconds: the longest calm, counted from when one of each kind is up.
    """

    kills: int
    longest: int
    pause_seconds: tuple[float, float]
    calm_seconds: float = 3.0


async def kill_members(town: Town, rng: random.Random, storms: Storms) -> None:
    """`kill -9`, from the first payment on: mostly one that is up, now and then one that is just starting.

    Args:
        town: whose processes; each is killed once, before any is killed again.
        rng: says when and which.
        storms: how many, and how fast.
    """

    async def paid() -> bool | None:
        return True if town.world.stripe.engine.world.all("event") else None

    await town.insist(paid, "a payment")
    done, in_a_row = 0, rng.randint(1, storms.longest)
    while done < storms.kills:
        candidates: Sequence[Member] = [town.members[done]] if done < len(town.members) else town.members
        if rng.random() < _IS_UP:
            candidates = await town.insist(partial(_up, candidates), "somebody to kill")
        await asyncio.sleep(rng.uniform(*storms.pause_seconds))
        done += rng.choice(candidates).kill()
        town.struck()
        in_a_row -= 1
        if in_a_row == 0 and done < storms.kills:
            await town.one_of_each_up()
            await asyncio.sleep(rng.uniform(0, storms.calm_seconds))
            in_a_row = rng.randint(1, storms.longest)


async def _up(members: Sequence[Member]) -> Sequence[Member] | None:
    return [one for one in members if one.is_up] or None


def fill_disk(town: Town) -> None:
    """From now on the processes of a town on SQLite have no byte more than there is.

    No privileges are needed: the kernel's limit on the size of files (RLIMIT_FSIZE), set on each running process, lets
    every write fail that would make a file longer, as a full disk does. SQLite then rolls back (SQLITE_IOERR, where a
    full disk says SQLITE_FULL).
    """
    file = make_url(town.database_url).database
    _limit_files(town, Path(f"{file}-wal").stat().st_size)


def make_room(town: Town) -> None:
    """The end of `fill_disk`."""
    _limit_files(town, resource.RLIM_INFINITY)
    town.struck()


def _limit_files(town: Town, size: int) -> None:
    for member in town.members:
        assert member.pid is not None
        resource.prlimit(member.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def falls_of(town: Town) -> int:
    """How often one of them ended by itself."""
    return sum(member.falls for member in town.members)


def kills_of(town: Town) -> Mapping[str, int]:
    """By command."""
    counted: Counter[str] = Counter()
    for member in town.members:
        counted[member.command] += member.kills
    return counted


def report(tell: Callable[[str], None], what: str, seed: int, verdict: Verdict, blows: Mapping[str, int]) -> None:
    """Tell how a scenario went, in a line; and end it, if something is wrong.

    Raises:
        AssertionError: a law was broken; the seed is in it.
    """
    struck = ", ".join(f"{name} {count}" for name, count in blows.items())
    tell(
        f"{what}, seed {seed}: {verdict.customers} customers, {verdict.events} events ({verdict.retries} retries), "
        f"struck: {struck}; {verdict.mails} mails ({verdict.duplicate_mails} came again), "
        f"healed in {verdict.heal_seconds:.1f} s, {len(verdict.wrong)} violations"
    )
    assert verdict.wrong == (), f"PAYWALL_CRASH_SEED={seed} (kills of {what}): {verdict.wrong}"


async def finish(task: "asyncio.Task[None]") -> None:
    """End it, if it has not ended."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
