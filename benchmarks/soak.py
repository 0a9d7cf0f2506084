"""Lasting load, and what the API process has resident meanwhile."""

import asyncio
import statistics
import time
from typing import Final

from msgspec import Struct

from benchmarks.load import CALLS
from benchmarks.options import Options
from benchmarks.rounds import Rounds, Subject

NOTE: Final = (
    "The three calls in turn, each for some seconds with all connections busy. Not measured: calls that are made "
    "seldom, the worker, the bot, days."
)

_SAMPLE_SECONDS: Final = 1.0


class Soak(Struct, kw_only=True):
    """One process under lasting load.

    Attributes:
        samples: seconds since the start, and megabytes resident then.
        grown_megabytes: the median of the last tenth less that of the tenth after the middle.
        requests: how many were answered.
        voids: what went wrong.
    """

    samples: list[tuple[float, float]]
    peak_megabytes: float
    grown_megabytes: float
    requests: int
    voids: list[str]


async def measure(options: Options, subject: Subject, seconds: int) -> Soak:
    """Load it for so long."""
    (server,) = subject.servers
    rounds = Rounds([subject], options.wrk(), seconds=options.seconds)
    samples: list[tuple[float, float]] = []
    began = time.monotonic()

    async def watch() -> None:
        while True:
            samples.append((round(time.monotonic() - began, 1), server.resident_megabytes()))
            await asyncio.sleep(_SAMPLE_SECONDS)

    watching = asyncio.create_task(watch())
    requests, voids = 0, []
    try:
        while time.monotonic() - began < seconds:
            for call in CALLS:
                measured = await rounds.measure(call, subject, options.seconds)
                requests += measured.result.requests
                if measured.void:
                    voids.append(f"{call}: {measured.void}")
    finally:
        watching.cancel()
    sizes = [size for _, size in samples]
    tenth = max(1, len(sizes) // 10)
    middle = len(sizes) // 2
    grown = statistics.median(sizes[-tenth:]) - statistics.median(sizes[middle : middle + tenth])
    found = Soak(
        samples=samples,
        peak_megabytes=server.peak_megabytes(),
        grown_megabytes=round(grown, 1),
        requests=requests,
        voids=voids,
    )
    print(
        f"  {found.requests:,} requests in {time.monotonic() - began:.0f} s: at most {found.peak_megabytes:.0f} MB,"
        f" {found.grown_megabytes:+.1f} MB over the last half; {'; '.join(voids) or 'no errors'}"
    )
    return found
