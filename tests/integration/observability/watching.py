"""Prometheus beside the product: it asks every fifteen seconds of the product's time, and then judges the rules."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from msgspec import structs

from entrypoints.container import Container
from entrypoints.worker import BOUNDS
from paywall_core.testing import FakeClock

from .expressions import parse
from .promql import Value, evaluate
from .scrapes import Labels, Scrapes

OBSERVABILITY: Final = Path(__file__).parents[3] / "deploy" / "observability"
EVERY_SECONDS: Final = 15
_parsed: Final = cache(parse)
_UNITS: Final = {"s": 1, "m": 60}


@cache
def rules() -> dict[str, dict[str, Any]]:
    """Each alert rule by its name."""
    read = msgspec.yaml.decode((OBSERVABILITY / "alerts.yaml").read_bytes())
    return {rule["alert"]: rule for group in read["groups"] for rule in group["rules"]}


class Prometheus:
    """Scrapes and judges, by the product's clock.

    Attributes:
        targets: what is asked, by the name of the instance; None: it does not answer.
        works: a container whose worker is running: it is waited for, or its round would be a matter of chance.
    """

    def __init__(self, clock: FakeClock, *, token: str) -> None:
        self._clock = clock
        self._headers = {"Authorization": f"Bearer {token}"}
        self._waiting: dict[tuple[str, Labels], float] = {}
        self.scrapes = Scrapes()
        self.targets: dict[str, httpx.AsyncClient | None] = {}
        self.works: Container | None = None

    @property
    def now(self) -> float:
        """The product's time, in seconds."""
        return self._clock.now().timestamp()

    async def go_on(self, *, minutes: float) -> set[str]:
        """Let so much time pass; the names of the rules that are firing at the end."""
        firing = set[str]()
        for _ in range(round(minutes * 60 / EVERY_SECONDS)):
            self._clock.advance(timedelta(seconds=EVERY_SECONDS))
            if self.works is not None:
                await _round_done(self.works, self.now)
            await self._ask()
            firing = self._judge()
        return firing

    async def _ask(self) -> None:
        for instance, client in self.targets.items():
            page = None
            if client is not None:
                answer = await client.get("/metrics", headers=self._headers)
                assert answer.status_code == 200, answer.text
                page = answer.text
            self.scrapes.add(self.now, page, instance=instance)

    def _judge(self) -> set[str]:
        """A rule fires when its expression has been true for as long as it says."""
        true = {
            (name, labels)
            for name, rule in rules().items()
            for labels in _series(evaluate(_parsed(rule["expr"]), self.scrapes, self.now))
        }
        self._waiting = {one: self._waiting.get(one, self.now) for one in true}
        return {
            name for (name, _), since in self._waiting.items() if self.now - since >= _seconds(rules()[name]["for"])
        }


@asynccontextmanager
async def working(prometheus: Prometheus, container: Container) -> AsyncIterator[None]:
    """The product's worker runs; its rounds follow one another at once, for the product's time flies."""
    chores = [structs.replace(chore, every_seconds=0.03) for chore in container.worker.kwargs["chores"]()]
    container.worker.add_kwargs(chores=chores, poll_seconds=0.01)
    container.worker.reset()
    stop = asyncio.Event()
    running = asyncio.create_task(container.worker().run(stop))
    prometheus.works = container
    try:
        yield
    finally:
        prometheus.works = None
        stop.set()
        await running


async def _round_done(container: Container, now: float) -> None:
    """Until the worker's watch has looked since, and nothing is due or under way any more."""
    worker = container.worker()
    async with asyncio.timeout(10):
        while container.measures().chores.numbers.get(("watch",)) != now:
            await asyncio.sleep(0.005)
        while any(lane.due for lane in (await container.measure_backlog()()).lanes) or worker._room != Counter(BOUNDS):
            await asyncio.sleep(0.005)


def _series(value: Value) -> list[Labels]:
    assert not isinstance(value, float), "a rule is about series"
    return list(value)


def _seconds(text: str) -> int:
    return int(text[:-1]) * _UNITS[text[-1]]
