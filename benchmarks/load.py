"""The load: `wrk` in a process of its own, with requests that were written to a file beforehand."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from benchmarks import settings, stripe_events
from benchmarks.fill import Filled
from benchmarks.templates import PENDING, Kind

GATE: Final = "gate check"
SESSION: Final = "session-status"
WEBHOOK: Final = "webhook"
CALLS: Final = (GATE, SESSION, WEBHOOK)

_SCRIPT: Final = Path(__file__).with_name("load.lua")
_SAMPLE: Final = 20_000  # requests that a read's load goes through, over and over
_INSIDE: Final = (Kind.ACTIVE, Kind.SUBSCRIBED)
_OF_FIVE_USERS: Final[Sequence[Sequence[Kind]]] = (_INSIDE, _INSIDE, _INSIDE, (Kind.LAPSED,), ())
_UNKNOWN_USERS: Final = 3 * 10**10
_FOR_LONG_SECONDS: Final = 3600.0
_ANY_ID: Final = "00000000-0000-4000-8000-000000000000"
_ANY_TAG: Final = "19999999999"


class Result(Struct, frozen=True, kw_only=True):
    """What wrk saw.

    Attributes:
        errors: answers beyond 399, and connections that failed or timed out.
        exhausted: the requests ran out: then the figure is none.
        answered, refused, drained_seconds: of a burst: the answers, those that were not 200, and the time from the
            first request to the last answer.
    """

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    errors: int
    exhausted: int
    answered: int
    refused: int
    drained_seconds: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


class Wrk:
    """Runs it.

    Args:
        directory: for the files of requests.
        connections: how many wrk keeps open in all.
    """

    def __init__(self, directory: Path, connections: int) -> None:
        self._directory = directory
        self._connections = connections

    def write(self, name: str, requests: Iterable[bytes]) -> Path:
        """A file of requests."""
        path = self._directory / name.replace(" ", "-")
        with path.open("wb") as file:
            for request in requests:
                file.write(b"%d\n" % len(request) + request)
        return path

    async def run(
        self,
        ports: Sequence[int],
        requests: Path,
        seconds: float,
        *,
        once: bool,
        connections: int = 0,
        pause_ms: int = 0,
    ) -> Result:
        """Load the servers for some seconds; the connections are spread over them evenly."""
        async with self._running(
            ports, requests, seconds, once=once, connections=connections, pause_ms=pause_ms
        ) as process:
            return await _result_of(process)

    @asynccontextmanager
    async def probe(
        self, port: int, requests: Path, *, connections: int, pause_ms: int
    ) -> AsyncIterator[Callable[[], Awaitable[Result]]]:
        """Light load while the block runs; what it gives ends it, and says how that was."""
        async with self._running(
            [port], requests, _FOR_LONG_SECONDS, once=False, connections=connections, pause_ms=pause_ms
        ) as process:

            async def end() -> Result:
                process.send_signal(signal.SIGINT)
                return await _result_of(process)

            yield end

    async def burst(self, port: int, requests: Path, deadline_seconds: float) -> Result:
        """Send each request once, as fast as they are answered, and wait for the last answer."""
        async with self._running([port], requests, deadline_seconds, once=True, drain=True) as process:
            output = process.stdout
            if output is None:
                raise RuntimeError("no output")
            while (line := await output.readline()) and line.strip() != b"finished":
                pass
            if line:
                process.send_signal(signal.SIGINT)
            return await _result_of(process)

    @asynccontextmanager
    async def _running(
        self,
        ports: Sequence[int],
        requests: Path,
        seconds: float,
        *,
        once: bool,
        connections: int = 0,
        pause_ms: int = 0,
        drain: bool = False,
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        threads = len(ports)
        process = await asyncio.create_subprocess_exec(
            *("wrk", "--latency", "--timeout", "10s", "-s", str(_SCRIPT), "-t", str(threads)),
            *("-c", str(connections or self._connections), "-d", f"{max(1, round(seconds))}s"),
            f"http://127.0.0.1:{ports[0]}",
            env={
                "PATH": os.environ["PATH"],
                "BENCH_REQUESTS": str(requests),
                "BENCH_ONCE": "1" if once else "0",
                "BENCH_DRAIN": "1" if drain else "0",
                "BENCH_PORTS": " ".join(map(str, ports)),
                "BENCH_THREADS": str(threads),
                "BENCH_PAUSE_MS": str(pause_ms),
            },
            stdout=asyncio.subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def _result_of(process: asyncio.subprocess.Process) -> Result:
    output, _ = await process.communicate()
    for line in output.decode().splitlines():
        if line.startswith("RESULT "):
            return msgspec.json.decode(line.removeprefix("RESULT ").encode(), type=Result)
    raise RuntimeError(f"wrk said nothing of use (exit code {process.returncode}): {output.decode()[-500:]}")


def gate_checks(filled: Filled, seed: int = 0) -> list[bytes]:
    """Of five messages three come from somebody with access, one from somebody whose time is over, one from nobody."""
    chance = random.Random(seed)
    requests = []
    for place in range(_SAMPLE):
        kinds = _OF_FIVE_USERS[place % len(_OF_FIVE_USERS)]
        known = stripe_events.TAG_BASE + filled.pick(chance, *kinds) if kinds else None
        user = _UNKNOWN_USERS + chance.randrange(10**9) if known is None else known
        body = b'{"telegram_user_id":%d}' % user
        headers = f"X-Internal-Token: {settings.INTERNAL_TOKEN}\r\n"
        requests.append(_post("/api/bot/access/status", headers, body))
    return requests


def session_checks(filled: Filled, seed: int = 0) -> list[bytes]:
    """Half of the pages are of customers who have just paid, half of those who left theirs open. None is pending."""
    chance = random.Random(seed)
    fresh, older = (Kind.UNREDEEMED,), (Kind.ACTIVE, Kind.LAPSED)
    requests = []
    for place in range(_SAMPLE):
        number = filled.pick(chance, *(older if place % 2 else fresh))
        session_id = stripe_events.SESSION_PREFIX + stripe_events.tag_of(number)
        path = f"/api/payment/session-status?session_id={session_id}"
        requests.append(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n\r\n".encode())
    return requests


def webhooks(numbers: range, at: int) -> Iterable[bytes]:
    """A payment of each of these orders, signed now."""
    bodies = {
        Kind.PENDING_ONCE: stripe_events.encode(stripe_events.checkout_completed(_ANY_ID, _ANY_TAG, at)),
        Kind.PENDING_SUBSCRIPTION: stripe_events.encode(stripe_events.invoice_paid(_ANY_ID, _ANY_TAG, at)),
    }
    for number in numbers:
        order_id, tag = str(stripe_events.id_of(number)).encode(), stripe_events.tag_of(number).encode()
        body = bodies[PENDING[number % len(PENDING)]]
        body = body.replace(_ANY_ID.encode(), order_id).replace(_ANY_TAG.encode(), tag)
        yield _post("/api/stripe/webhook", f"Stripe-Signature: {stripe_events.sign(body)}\r\n", body)


def _post(path: str, headers: str, body: bytes) -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
