"""Rounds: every subject on every call in turn, so that whatever else the machine does hits all of them alike."""

import statistics
import time
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct, field

from benchmarks.fill import Filled
from benchmarks.load import CALLS, GATE, SESSION, WEBHOOK, Result, Wrk, gate_checks, session_checks, webhooks
from benchmarks.servers import Server, ask

_T = TypeVar("_T")
_WARM_UP_SECONDS = 2.0
_FIRST_GUESS = 6_000  # webhooks per second, of a server of which nothing is known
_MARGIN = 1.6
_SPARE = 500
_COMPARED = 60  # answers that all servers must give alike


class Subject(Struct, kw_only=True):
    """What is measured: one or several processes of a server, on a filled database.

    Attributes:
        servers: all processes that belong to it, whose cost is counted.
        doors: those of them that take the requests.
    """

    name: str
    filled: Filled
    servers: Sequence[Server]
    doors: Sequence[Server] = ()

    @property
    def ports(self) -> list[int]:
        """Where the load goes: to the doors; without any, to each server that listens."""
        return [server.port for server in self.doors or self.servers if server.port is not None]


class Measurement(Struct, kw_only=True):
    """What one measurement saw.

    Attributes:
        result: what wrk saw.
        server_us, database_us: microseconds of processor time for each request.
        void: why it is none; empty: it is one.
    """

    result: Result
    server_us: float
    database_us: float
    void: str = ""


class Figure(Struct, kw_only=True):
    """One subject on one call, an item for each round.

    Attributes:
        voids: why a round's figure is none; such a round is in no list.
    """

    rates: list[float] = field(default_factory=list)
    p50_ms: list[float] = field(default_factory=list)
    p99_ms: list[float] = field(default_factory=list)
    server_us: list[float] = field(default_factory=list)
    database_us: list[float] = field(default_factory=list)
    voids: list[str] = field(default_factory=list)

    def add(self, measured: Measurement) -> None:
        """One round."""
        if measured.void:
            self.voids.append(measured.void)
            return
        self.rates.append(round(measured.result.rate, 1))
        self.p50_ms.append(round(measured.result.p50_ms, 3))
        self.p99_ms.append(round(measured.result.p99_ms, 3))
        self.server_us.append(round(measured.server_us, 1))
        self.database_us.append(round(measured.database_us, 1))

    @property
    def rate(self) -> float | None:
        """The median of the rounds; None: at least one of them was void, and so is the figure."""
        return statistics.median(self.rates) if self.rates and not self.voids else None


class Rounds:
    """Measures subjects against each other.

    Attributes:
        figures: by call and subject.
    """

    def __init__(self, subjects: Sequence[Subject], wrk: Wrk, *, seconds: float, calls: Sequence[str] = CALLS) -> None:
        self._subjects = subjects
        self._wrk = wrk
        self._seconds = seconds
        self._calls = calls
        self._expected = {subject.name: float(_FIRST_GUESS) for subject in subjects}
        self._reads = {
            (call, subject.name): wrk.write(f"{subject.name}-{call}", make(subject.filled))
            for call, make in ((GATE, gate_checks), (SESSION, session_checks))
            for subject in subjects
        }
        self.figures = {(call, subject.name): Figure() for call in calls for subject in subjects}

    async def warm_up(self) -> None:
        """Let everybody load, prepare and compile what they need; nothing of it counts."""
        for call in self._calls:
            for subject in self._subjects:
                await self.measure(call, subject, _WARM_UP_SECONDS)

    async def run(self, rounds: int) -> None:
        """All rounds; who begins, and with which call, is another in each."""
        for number in range(rounds):
            for call in _rotated(self._calls, number):
                for subject in _rotated(self._subjects, number):
                    measured = await self.measure(call, subject, self._seconds)
                    self.figures[call, subject.name].add(measured)
                    words = f" VOID: {measured.void}" if measured.void else f" {measured.result.rate:9,.0f}/s"
                    print(f"  round {number + 1}: {call:14} {subject.name:16}{words}", flush=True)

    async def measure(self, call: str, subject: Subject, seconds: float) -> Measurement:
        """One measurement."""
        if call != WEBHOOK:
            measured = await self._load(subject, self._reads[call, subject.name], seconds, once=False)
            measured.void = f"{measured.result.errors} errors" if measured.result.errors else ""
            return measured
        for _ in range(3):
            measured = await self._webhooks(subject, seconds)
            if not measured.result.exhausted:
                break
            self._expected[subject.name] *= 2  # it was quicker than expected: once more, with more of them
        return measured

    async def _webhooks(self, subject: Subject, seconds: float) -> Measurement:
        """Payments of as many fresh orders as can be needed, which are gone afterwards."""
        numbers = await subject.filled.add_pending(int(self._expected[subject.name] * seconds) + _SPARE)
        requests = self._wrk.write("webhooks", webhooks(numbers, int(time.time())))
        measured = await self._load(subject, requests, seconds, once=True)
        result = measured.result
        if not result.exhausted:
            self._expected[subject.name] = result.rate * _MARGIN
        recorded = await subject.filled.recorded(numbers)
        await subject.filled.remove_pending(numbers)
        least = min(recorded.events, recorded.paid_orders, recorded.outbox_rows // 2)
        if result.exhausted:
            measured.void = "the events ran out"
        elif result.errors:
            measured.void = f"{result.errors} errors"
        elif least < result.requests:
            measured.void = f"{result.requests} acknowledged, {least} recorded"
        return measured

    async def _load(self, subject: Subject, requests: Path, seconds: float, *, once: bool) -> Measurement:
        server, database = _cpu_seconds(subject)
        result = await self._wrk.run(subject.ports, requests, seconds, once=once)
        server_later, database_later = _cpu_seconds(subject)
        answered = max(1, result.requests)
        return Measurement(
            result=result,
            server_us=(server_later - server) / answered * 1e6,
            database_us=(database_later - database) / answered * 1e6,
        )


def check_agreement(subjects: Sequence[Subject]) -> None:
    """See that all servers on one database answer alike, or their rates are of different things.

    Raises:
        RuntimeError: they do not.
    """
    filled = subjects[0].filled
    for call, requests in ((GATE, gate_checks(filled, seed=1)), (SESSION, session_checks(filled, seed=1))):
        for request in requests[:_COMPARED]:
            answers = {subject.name: _answer(subject, request) for subject in subjects}
            if len(set(answers.values())) > 1 or any(status != HTTPStatus.OK for status, _ in answers.values()):
                raise RuntimeError(f"{call}: the servers do not agree: {answers}")


def _cpu_seconds(subject: Subject) -> tuple[float, float]:
    """What its servers, and its database, have taken so far."""
    return sum(server.cpu_seconds() for server in subject.servers), subject.filled.database.cpu_seconds()


def _answer(subject: Subject, request: bytes) -> tuple[int, bytes]:
    """In one spelling, whatever order and space it came in."""
    status, body = ask(subject.ports[0], request)
    return status, msgspec.json.encode(msgspec.json.decode(body), order="sorted") if status == HTTPStatus.OK else body


def _rotated(items: Sequence[_T], by: int) -> list[_T]:
    by %= len(items)
    return [*items[by:], *items[:by]]
