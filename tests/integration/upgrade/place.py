"""A place with two APIs behind the real proxy, a worker, customers who come all the time, and not one lost request."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from entrypoints.sandbox.stripe import WebhookTiming
from entrypoints.sandbox.world import HOST, OutsideWorld
from tests.deploy.test_proxy import CADDY, caddyfile_of_tests, port_of, running, until_ready
from tests.integration.crashes.customers import Customer, Life, crowd
from tests.integration.crashes.front import Front
from tests.integration.crashes.town import Town
from tests.integration.upgrade.replica import Replica
from tests.product_process import free_origin

_MOST: Final = 2_000
_AT_ONCE: Final = 12  # customers: a machine that is slow has fewer of them in a minute, not a queue that grows
_NO_PATIENCE: Final = WebhookTiming(retry_after_seconds=(1.0,) * 60, timeout_seconds=30)


class StrictTown(Town):
    """Writes down each request that was not answered as it should be.

    Attributes:
        failed: path, and what came instead.
    """

    failed: list[str]

    async def call(self, path: str, body: Mapping[str, object], *, internal: bool = False) -> httpx.Response | None:
        """One call; none is sent twice here, as the customer's browser would not."""
        headers = {"X-Internal-Token": self.world.keys.internal_api_token} if internal else {}
        try:
            answer = await self.client.post(f"{self.front.origin}{path}", json=body, headers=headers)
        except httpx.TransportError as error:
            self.failed.append(f"{path}: {type(error).__name__}")
            return None
        if answer.is_server_error:
            self.failed.append(f"{path}: {answer.status_code} {answer.text}")
            return None
        return answer


class Load:
    """Customers one after another, and gate checks beside them, until it is told to end.

    Args:
        town: where they live.
        rng: chooses their lives.
        gap_seconds: from one customer to the next.

    Attributes:
        customers: all who have come.
        done: how many have come to the end of their story.
        checks: gate checks that were answered.
    """

    def __init__(self, town: StrictTown, rng: random.Random, *, gap_seconds: float) -> None:
        self.customers: list[Customer] = []
        self.done = self.checks = 0
        self._town, self._gap_seconds = town, gap_seconds
        self._coming = iter(crowd(rng, _MOST, 0, bot=False))
        self._ending = asyncio.Event()
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Until `end`, and then until everybody's story is over."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask_the_gate())
            while not self._ending.is_set():
                await self._room.acquire()
                customer = next(self._coming)
                self.customers.append(customer)
                tasks.create_task(self._live(customer))
                await asyncio.sleep(self._gap_seconds)

    def end(self) -> None:
        """Nobody comes any more."""
        self._ending.set()

    async def more(self, count: int) -> None:
        """Until so many more have come to the end of their story, and as many gate checks were answered."""
        done, checks = self.done + count, self.checks + count
        async with asyncio.timeout(90):
            while self.done < done or self.checks < checks:
                await asyncio.sleep(0.05)

    async def _live(self, customer: Customer) -> None:
        await Life(self._town, customer).live()
        self.done += 1
        self._room.release()

    async def _ask_the_gate(self) -> None:
        for number in itertools.count():
            if self._ending.is_set():
                return
            user = {"telegram_user_id": 10_000 + number % (len(self.customers) + 1)}
            answer = await self._town.call("/api/bot/access/status", user, internal=True)
            self.checks += answer is not None
            await asyncio.sleep(0.02)


class Place:
    """Made by `place`.

    Attributes:
        town: its customers, and the world around it.
        apis: addresses of the two.
        environ: settings of all processes.
    """

    def __init__(self, town: StrictTown, apis: list[str], environ: Mapping[str, str], directory: Path) -> None:
        self.town, self.apis, self.environ, self.directory = town, apis, environ, directory
        self._stack = AsyncExitStack()

    def api(self, number: int, *, sources: Path | None = None) -> Replica:
        """An API, as the proxy knows it; not started."""
        own = {**self.environ, "HTTP_PORT": port_of(self.apis[number])}
        return self._kept(Replica(["api", "--drain", "2"], own, self.directory, sources=sources))

    def worker(self, *, sources: Path | None = None) -> Replica:
        """A worker; not started."""
        return self._kept(Replica(["worker"], self.environ, self.directory, sources=sources))

    async def command(self, *words: str, sources: Path | None = None) -> tuple[int, str]:
        """A command of a version, to its end: exit code, and what it said."""
        return await self._kept(Replica(words, self.environ, self.directory, sources=sources)).run()

    async def is_ready(self, number: int) -> bool:
        """What an API itself says to whoever asks."""
        return (await self.town.client.get(f"{self.apis[number]}/health/ready")).status_code == httpx.codes.OK

    async def close(self) -> None:
        """No process is left."""
        await self._stack.aclose()

    def _kept(self, replica: Replica) -> Replica:
        self._stack.push_async_callback(replica.kill)
        return replica

    async def through_the_proxy(self) -> None:
        """Until the proxy has one to send to."""
        await until_ready(self.town.client, f"{self.town.front.origin}/health/ready")


@asynccontextmanager
async def place(database_url: str, directory: Path) -> AsyncIterator[Place]:
    """The world and the real proxy; no process of the product yet, and none left at the end.

    Args:
        database_url: with a schema.
        directory: where the processes run.
    """
    apis, outside, inside = [free_origin(), free_origin()], free_origin(), free_origin()
    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(OutsideWorld.start(webhook_timing=_NO_PATIENCE))
        client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=30))
        front = Front()
        front.origin = f"http://{HOST}:{port_of(inside)}"
        town = StrictTown(world, front, client, database_url)
        town.failed = []
        environ = {
            **world.product_environment(product_url=front.origin),
            **{f"RATE_LIMIT_{name}": "off" for name in ("CHECKOUT", "STATUS", "ACTIVATION", "RESTORE", "TRACKING")},
            "DATABASE_URL": database_url,
            "RECONCILE_MINUTES": "off",  # else a lost webhook would be found, and hidden from this test
        }
        configuration = caddyfile_of_tests(directory, outside, inside)
        caddy = {"HOME": str(directory), "PAYWALL_APIS": " ".join(api.removeprefix("http://") for api in apis)}
        words = (CADDY, "run", "--adapter", "caddyfile", "--config", configuration)
        await stack.enter_async_context(running(*words, environ=caddy, place=directory))
        here = Place(town, apis, environ, directory)
        stack.push_async_callback(here.close)
        await stack.enter_async_context(world.webhooks_to(front.origin))
        yield here
