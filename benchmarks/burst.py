"""A campaign's sales: very many webhooks at once, while the gate is asked and a worker mails every customer."""

import asyncio
import statistics
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

from msgspec import Struct

from benchmarks import settings, stripe_events
from benchmarks.fill import Filled
from benchmarks.load import Result, gate_checks, webhooks
from benchmarks.options import Options
from benchmarks.servers import OURS, Server, free_port, process, running

NOTE: Final = (
    "The gate is asked some hundred times a second by eight connections, quiet first and then during the burst. The "
    "mail server is on loopback and takes everything at once. Not measured: a real mail server's pace and limits, "
    "Telegram, trackers, a network, TLS."
)

_PROBES: Final = 8
_PROBE_PAUSE_MS: Final = 10
_QUIET_SECONDS: Final = 5
_ACKNOWLEDGED_SECONDS: Final = 600.0  # a burst that takes longer has failed
_NO_MAIL_SECONDS: Final = 60.0  # after so long without another mail no more are waited for


class Burst(Struct, kw_only=True):
    """One burst.

    Attributes:
        acknowledged_per_second: from the first webhook to the last answer.
        recorded: payments that are in the database with all that follows.
        mailed, mailed_twice, never_mailed: customers.
        mailed_seconds: from the first webhook to the last mail.
    """

    purchases: int
    acknowledged_per_second: float
    refused: int
    recorded: int
    quiet_p99_ms: float
    burst_p99_ms: float
    gate_errors: int
    mailed: int
    mailed_twice: int
    never_mailed: int
    mailed_seconds: float
    api_peak_megabytes: float
    worker_peak_megabytes: float


async def measure(options: Options, filled: Filled, purchases: int) -> list[Burst]:
    """A burst for each round, each with orders of its own; and what all came to, printed."""
    async with AsyncExitStack() as stack:
        mails = options.directory / f"mails-{filled.database.kind}-{filled.orders}"
        mails.touch()
        smtp_port = free_port()
        sink = (sys.executable, "-m", "benchmarks.sink", str(smtp_port), str(mails))
        await stack.enter_async_context(process(sink, {}, options.directory / "sink.log"))
        mailing = {
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(smtp_port),
            "SMTP_STARTTLS": "false",
            "SMTP_FROM": "access@pay.example.com",
            **options.ours,
        }
        url, directory = filled.database.url, options.directory
        api = await stack.enter_async_context(
            running(
                OURS,
                url,
                directory,
                server=options.server,
                service=options.service,
                limits=options.limits,
                further=mailing,
            )
        )
        worker = await stack.enter_async_context(
            process((options.service, "worker"), {**settings.environment(url, 0), **mailing}, directory / "worker.log")
        )
        bursts = []
        for number in range(options.rounds):
            found = await _one(options, filled, purchases, api=api, worker=worker, mails=mails)
            bursts.append(found)
            print(f"  {filled.database.kind}, burst {number + 1}: {_words(found)}", flush=True)
    rates = [found.acknowledged_per_second for found in bursts]
    slower = [found.burst_p99_ms / found.quiet_p99_ms for found in bursts]
    print(
        f"  medians: {statistics.median(rates):,.0f} acknowledged a second, the gate's p99 is"
        f" {statistics.median(slower):.1f} times its quiet value"
    )
    return bursts


async def _one(options: Options, filled: Filled, purchases: int, *, api: Server, worker: Server, mails: Path) -> Burst:
    port = api.port or 0
    wrk = options.wrk()
    gate = wrk.write("gate", gate_checks(filled))
    numbers = await filled.add_pending(purchases)
    mails.write_bytes(b"")
    async with wrk.probe(port, gate, connections=_PROBES, pause_ms=_PROBE_PAUSE_MS) as end:
        await asyncio.sleep(_QUIET_SECONDS)
        quiet = await end()
    requests = wrk.write("burst", webhooks(numbers, int(time.time())))
    began = time.monotonic()
    async with wrk.probe(port, gate, connections=_PROBES, pause_ms=_PROBE_PAUSE_MS) as end:
        result: Result = await wrk.burst(port, requests, _ACKNOWLEDGED_SECONDS)
        during = await end()
    last_mail = await _all_mailed(mails, purchases)
    recorded = await filled.recorded(numbers)
    wanted = {f"customer-{stripe_events.tag_of(number)}@example.com" for number in numbers}
    got = Counter(mails.read_text(encoding="utf-8").splitlines())
    await filled.remove_pending(numbers)
    return Burst(
        purchases=purchases,
        acknowledged_per_second=round((result.answered - result.refused) / result.drained_seconds, 1),
        refused=result.refused + purchases - result.answered,
        recorded=min(recorded.events, recorded.paid_orders, recorded.outbox_rows // 2),
        quiet_p99_ms=quiet.p99_ms,
        burst_p99_ms=during.p99_ms,
        gate_errors=quiet.errors + during.errors,
        mailed=len(wanted & set(got)),
        mailed_twice=sum(count > 1 for count in got.values()),
        never_mailed=len(wanted - set(got)),
        mailed_seconds=round(last_mail - began, 1),
        api_peak_megabytes=api.peak_megabytes(),
        worker_peak_megabytes=worker.peak_megabytes(),
    )


async def _all_mailed(mails: Path, wanted: int) -> float:
    """When the last mail came: all that are wanted, or no further one for long."""
    seen, last = 0, time.monotonic()
    while seen < wanted and time.monotonic() - last < _NO_MAIL_SECONDS:
        await asyncio.sleep(0.1)
        now = mails.read_bytes().count(b"\n")
        if now > seen:
            seen, last = now, time.monotonic()
    await asyncio.sleep(2)  # for one that comes twice
    return last


def _words(found: Burst) -> str:
    return (
        f"{found.acknowledged_per_second:,.0f} acknowledged a second, {found.refused} not; {found.recorded} recorded; "
        f"{found.mailed} mailed in {found.mailed_seconds:.0f} s, {found.never_mailed} never,"
        f" {found.mailed_twice} twice; "
        f"gate p99 {found.quiet_p99_ms:.2f} ms quiet, {found.burst_p99_ms:.2f} ms during it, {found.gate_errors} errors"
    )
