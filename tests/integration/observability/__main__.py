"""Two APIs, a worker, customers, and Prometheus itself for some minutes: `nox -s dashboard`.

Two things come of it. Every expression of the rules and of the dashboard is judged by Prometheus and by the small
PromQL of the tests over the same samples, at many moments: they must say the same. And the dashboard is drawn.

On the way the worker is stopped for a while, and Stripe signs by a secret that nobody here knows.
"""

import argparse
import asyncio
import random
import re
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

import asyncpg
import httpx
import msgspec

from adapters.db.migrate import migrate
from benchmarks.databases import postgresql_server
from tests.integration.conftest import postgresql_url
from tests.integration.crashes.customers import Customer, activate, link_of
from tests.integration.crashes.town import Town, town
from tests.memory import fast_directory

from .dashboard import dashboard
from .expressions import parse
from .picture import Lines, draw
from .promql import evaluate
from .scrapes import NAME, Labels, Scrapes
from .watching import OBSERVABILITY, rules

PROMETHEUS: Final = "/usr/bin/prometheus"
PICTURE: Final = Path(__file__).parents[3] / "docs" / "images" / "dashboard.png"
WINDOW: Final = "15s"
SCRAPE_SECONDS: Final = 1.0
STORY: Final = {"trade": 50, "no worker": 40, "trade again": 40, "another secret": 25, "the right one": 45}
"""What happens, for how many seconds each."""
TROUBLES: Final = {"no worker": "no worker ran", "another secret": "Stripe signed by another secret"}

_TOLERANCE: Final = 1e-6  # sums of the same numbers in another order; a quantile multiplies what they differ by
_HOST: Final = "127.0.0.1"


class Server:
    """Prometheus, by its own HTTP API."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(self, path: str, **parameters: object) -> list[dict[str, Any]]:
        """The result of a question."""
        answer = await self._client.get(f"/api/v1/{path}", params={k: str(v) for k, v in parameters.items()})
        answer.raise_for_status()
        data = answer.json()["data"]
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"]}]
        found: list[dict[str, Any]] = data["result"]
        return found

    async def samples(self, seconds: int) -> Scrapes:
        """Everything that it has, page by page."""
        pages: dict[tuple[str, float], dict[Labels, float]] = {}
        for series in await self.ask(
            "query", query=f'{{job="paywall",__name__!~"ALERTS.*"}}[{seconds}s]', time=time.time()
        ):
            labels = frozenset(series["metric"].items())
            for at, value in series["values"]:
                pages.setdefault((series["metric"]["instance"], at), {})[labels] = float(value)
        scrapes = Scrapes()
        for (instance, at), page in sorted(pages.items()):
            scrapes.put(at, page, instance=instance)
        return scrapes


@asynccontextmanager
async def prometheus(directory: Path, targets: list[str], token: str) -> AsyncIterator[Server]:
    """Prometheus runs while the block runs, and asks the targets every second."""
    port = _free_port()
    config = {
        "global": {"scrape_interval": f"{SCRAPE_SECONDS:.0f}s", "evaluation_interval": "1s"},
        "rule_files": [str(OBSERVABILITY / "alerts.yaml")],
        "scrape_configs": [
            {
                "job_name": "paywall",
                "authorization": {"credentials": token},
                "static_configs": [{"targets": targets}],
            }
        ],
    }
    file = directory / "prometheus.yaml"
    file.write_bytes(msgspec.yaml.encode(config))
    process = await asyncio.create_subprocess_exec(
        PROMETHEUS, f"--config.file={file}", f"--storage.tsdb.path={directory / 'samples'}",
        f"--web.listen-address={_HOST}:{port}", "--log.level=error",
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://{_HOST}:{port}", timeout=30, trust_env=False) as client:
            await _until(lambda: _answers(client))
            yield Server(client)
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def play(it: Town) -> None:
    """The story, while customers come and go."""
    stop = asyncio.Event()
    worker = it.members[-1]
    endpoint = next(iter(it.world.stripe.engine.world.endpoint_secrets))
    secrets = it.world.stripe.engine.world.endpoint_secrets
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_trade(it, stop))
        tasks.create_task(_chat(it, stop))
        for chapter, seconds in STORY.items():
            print(f"{chapter}: {seconds} s", flush=True)
            if chapter == "no worker":
                await worker.stop()
            if chapter == "trade again":
                worker.start()
            if chapter in ("another secret", "the right one"):
                known = secrets[endpoint]
                secrets[endpoint] = known.removesuffix("x") if chapter == "the right one" else f"{known}x"
            await asyncio.sleep(seconds)
        stop.set()


def _troubles() -> dict[str, tuple[float, float]]:
    found, at = dict[str, tuple[float, float]](), 0.0
    for chapter, seconds in STORY.items():
        if chapter in TROUBLES:
            found[TROUBLES[chapter]] = (at, at + seconds)
        at += seconds
    return found


async def _trade(it: Town, stop: asyncio.Event) -> None:
    """A customer every half second; one in five does not pay, one in five of those who do does not press the link."""
    chance = random.Random(7)  # noqa: S311  - an order of customers is no secret
    number = 0
    async with asyncio.TaskGroup() as tasks:
        while not stop.is_set():
            number += 1
            one = Customer.who_only_pays(number)
            one.mode = "subscription" if chance.random() < 0.3 else "one_time"
            tasks.create_task(_customer(it, one, pays=chance.random() < 0.8, enters=chance.random() < 0.8, stop=stop))
            await asyncio.sleep(chance.uniform(0.2, 0.8))


async def _customer(it: Town, one: Customer, *, pays: bool, enters: bool, stop: asyncio.Event) -> None:
    answer = await it.call("/api/payment/checkout-session", one.order_form())
    if answer is None or answer.is_error or not pays:
        return
    it.world.stripe.engine.pay(answer.json()["session_id"])
    while enters and not stop.is_set():
        token = link_of(it, one)
        if token is not None:
            await activate(it, token, one.user)
            return
        await asyncio.sleep(0.5)


async def _chat(it: Town, stop: asyncio.Event) -> None:
    """People write to the bot: some have paid, and some have not; and a stranger looks for doors."""
    chance = random.Random(11)  # noqa: S311  - as above
    while not stop.is_set():
        user = 10_000 + chance.randrange(1, 300)
        await it.call("/api/bot/access/status", {"telegram_user_id": user}, internal=True)
        if chance.random() < 0.05:
            await it.client.get(f"{it.front.origin}/wp-login.php")
        await asyncio.sleep(0.02)


async def compare(server: Server, scrapes: Scrapes, end: float) -> int:
    """Judge every expression by both, at moments of the whole story; how many values that were.

    Raises:
        AssertionError: they do not agree.
    """
    texts = {rule["expr"] for rule in rules().values()}
    texts |= {target.over(WINDOW) for panel in dashboard().panels for target in panel.targets}
    compared = 0
    # Prometheus 2 counts a sample on a window's very edge, 3 does not; and it knows no less than a millisecond.
    taken = {round(at % 1 * 1000) for at in scrapes.times()}
    between = next(number / 1000 for number in range(500, 1000) if taken.isdisjoint(range(number - 1, number + 2)))
    for text in sorted(texts):
        for back in range(3, sum(STORY.values()), 7):
            at = float(int(end - back)) + between
            said = await server.ask("query", query=text, time=at)
            theirs = {frozenset(one["metric"].items()): float(one["value"][1]) for one in said}
            value = evaluate(parse(text), scrapes, at)
            ours = {frozenset[tuple[str, str]](): value} if isinstance(value, float) else value
            kept = {_as_shown(labels, theirs): number for labels, number in ours.items()}
            assert kept.keys() == theirs.keys(), f"{text} at {at}: {kept} is not {theirs}"
            for labels, number in kept.items():
                alike = _alike(number, theirs[labels]) or _on_an_edge(text, scrapes, at, labels, theirs[labels])
                assert alike, f"{text} at {at}: {number} is not {theirs[labels]}"
                compared += 1
    return compared


def _on_an_edge(text: str, scrapes: Scrapes, at: float, labels: Labels, theirs: float) -> bool:
    """Whether a quantile lies where two buckets meet: what is said then hangs on the last digit of a sum."""
    found = re.match(r"histogram_quantile\((0\.\d+),", text)
    if found is None:
        return False
    bounds = []
    for share in (float(found[1]) - _TOLERANCE, float(found[1]) + _TOLERANCE):
        value = evaluate(parse(text.replace(found[1], f"{share:.9f}", 1)), scrapes, at)
        assert not isinstance(value, float)
        bounds.append(value[labels])
    return bounds[0] - _TOLERANCE <= theirs <= bounds[1] + _TOLERANCE


def _as_shown(labels: Labels, theirs: dict[Labels, float]) -> Labels:
    """A comparison keeps the metric's name, or does not: both are the same series."""
    nameless = frozenset(pair for pair in labels if pair[0] != NAME)
    return nameless if nameless in theirs else labels


def _alike(ours: float, theirs: float) -> bool:
    if ours != ours or theirs != theirs:  # noqa: PLR0124  - what is no number is not equal to itself
        return ours != ours and theirs != theirs  # noqa: PLR0124  - as above
    return abs(ours - theirs) <= _TOLERANCE * max(1.0, abs(theirs))


async def lines_of(server: Server, begin: float, end: float) -> dict[int, list[Lines]]:
    """What every panel shows, as Prometheus says it: for each of its expressions, each line's points."""
    shown: dict[int, list[Lines]] = {}
    for panel in dashboard().panels:
        for target in panel.targets:
            found = await server.ask("query_range", query=target.over(WINDOW), start=begin, end=end, step=1)
            shown.setdefault(panel.id, []).append(
                {
                    _called(target.legend_format, one["metric"]): [(at - begin, float(v)) for at, v in one["values"]]
                    for one in found
                }
            )
    return shown


def _called(legend: str, labels: dict[str, str]) -> str:
    for label, value in labels.items():
        legend = legend.replace("{{" + label + "}}", value)
    return legend


def main() -> None:
    """All of it; see above."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--picture", type=Path, default=PICTURE)
    picture: Path = arguments.parse_args().picture
    with tempfile.TemporaryDirectory(dir=fast_directory()) as directory:
        Path(directory).chmod(0o755)  # under root PostgreSQL runs as another user
        asyncio.run(_run(Path(directory), picture))


async def _run(directory: Path, picture: Path) -> None:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(postgresql_server(directory, {}))
        connection = await asyncpg.connect(host=str(database.directory), user="postgres", database="postgres")
        await connection.execute("CREATE DATABASE paywall")
        await connection.close()
        url = postgresql_url(database.directory, "paywall")
        await migrate(url)
        metrics = f"{_HOST}:{_free_port()}"
        it = await stack.enter_async_context(
            town(url, directory, ("api", "api", "worker"), METRICS_ADDRESS=metrics, RECONCILE_MINUTES="10")
        )
        apis = [str(member.origin).removeprefix("http://") for member in it.members[:2]]
        token = it.world.keys.internal_api_token
        server = await stack.enter_async_context(prometheus(directory, [*apis, metrics], token))
        await asyncio.sleep(3 * SCRAPE_SECONDS)
        begin = time.time()
        await play(it)
        end = time.time()
        await asyncio.sleep(3 * SCRAPE_SECONDS)
        draw(dashboard(), await lines_of(server, begin, end), picture, troubles=_troubles())
        print(f"drawn: {picture}")
        scrapes = await server.samples(round(time.time() - begin) + 60)
        compared = await compare(server, scrapes, end)
        print(f"Prometheus and the small PromQL of the tests agree in {compared} values")
        fired = {one["metric"]["alertname"] for one in await server.ask("query", query="ALERTS[10m]", time=end)}
        print(f"rules that were true for a time: {', '.join(sorted(fired))}")


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/-/ready")).is_success
    except httpx.TransportError:
        return False


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await holds():
            await asyncio.sleep(0.1)


def _free_port() -> int:
    """Below those that the system gives to whoever connects: who dials a stopped worker for long would meet itself."""
    for port in random.SystemRandom().sample(range(20_000, 30_000), 100):
        with socket.socket() as probe, suppress(OSError):
            probe.bind((_HOST, port))
            return port
    raise RuntimeError("a hundred ports are taken")


if __name__ == "__main__":
    main()
