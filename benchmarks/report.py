"""What a run found: a table for people, a JSON for comparing, and what each figure does not say."""

import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from os import cpu_count, sysconf
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

from benchmarks.load import GATE, SESSION, WEBHOOK
from benchmarks.rounds import Figure

_PACKAGES: Final = (
    *("asyncpg", "aiosqlite", "fastapi", "granian", "httptools", "litestar", "msgspec", "pydantic", "sqlalchemy"),
    *("stripe", "uvicorn", "uvloop"),
)

NOTES: Final[Mapping[str, str]] = {
    GATE: (
        "Three of five users have access, one's is over, one is unknown. Not measured: a network, TLS, more users than "
        "the 20,000 requests that are repeated (their pages are in memory)."
    ),
    SESSION: (
        "Paid orders only, half of them so fresh that the link is shown. Not measured: a pending order, whose page may "
        "have Stripe asked; a network, TLS."
    ),
    WEBHOOK: (
        "First payments of fresh orders, each event once: three of four a paid checkout, one an invoice. Ours merges "
        "facts and writes history, the references do not. Not measured: repeats, events that wait for their order, two "
        "events of one order at once, the worker that delivers what is owed."
    ),
    "memory": (
        "The most that was ever resident, all processes of a server together. Not measured: what the database and the "
        "system keep in memory."
    ),
    "processor time": (
        "What the server's processes, and PostgreSQL's, took for each request at full load. Not measured: the load's "
        "own, and the system's work that belongs to no process of theirs."
    ),
    "start-up": (
        "From the process's start to its first healthy answer, compiled and with its files in memory. Not measured: a "
        "cold disk, a migration."
    ),
    "latency": (
        "As wrk sees it with all connections always busy: the time in the queue is in it. Not the latency of a quiet "
        "server."
    ),
}


class ServerFigures(Struct, kw_only=True):
    """What one server costs by being there."""

    peak_megabytes: float
    start_up_seconds: float | None = None


class Line(Struct, kw_only=True):
    """One subject on one call; None where a round was void."""

    call: str
    subject: str
    rate: float | None
    least: float | None
    most: float | None
    p50_ms: float | None
    p99_ms: float | None
    server_us: float | None
    database_us: float | None
    ratios: dict[str, float | None]
    voids: list[str]
    rates: list[float]


class Table(Struct, kw_only=True):
    """One comparison in one run."""

    title: str
    database: str
    database_settings: dict[str, str]
    lines: list[Line]
    servers: dict[str, ServerFigures] = field(default_factory=dict)


class Report(Struct, kw_only=True):
    """One run. `findings` are those of a layout that has more to say than rates."""

    layout: str
    options: dict[str, str]
    machine: dict[str, str]
    packages: dict[str, str]
    tables: list[Table] = field(default_factory=list)
    findings: dict[str, object] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=lambda: dict(NOTES))


def new_report(layout: str, options: Mapping[str, object], fsync_ms: float) -> Report:
    """An empty one, with what the machine is like; nothing that tells whose it is."""
    machine = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": str(cpu_count()),
        "memory_gb": str(round(sysconf("SC_PAGE_SIZE") * sysconf("SC_PHYS_PAGES") / 2**30)),
        "python": platform.python_version(),
        "system": platform.system(),
        "fsync_ms": str(fsync_ms),
    }
    packages = {name: version(name) for name in _PACKAGES}
    return Report(layout=layout, options={k: str(v) for k, v in options.items()}, machine=machine, packages=packages)


def lines_of(figures: Mapping[tuple[str, str], Figure], bases: Sequence[str]) -> list[Line]:
    """The figures, with their ratios to the subjects named."""
    lines = []
    for (call, subject), figure in figures.items():
        stands = figure.rate is not None
        ratios = {base: _ratio(figure.rate, figures[call, base].rate) for base in bases if base != subject}
        lines.append(
            Line(
                call=call,
                subject=subject,
                rate=figure.rate,
                least=min(figure.rates) if stands else None,
                most=max(figure.rates) if stands else None,
                p50_ms=statistics.median(figure.p50_ms) if stands else None,
                p99_ms=statistics.median(figure.p99_ms) if stands else None,
                server_us=statistics.median(figure.server_us) if stands else None,
                database_us=statistics.median(figure.database_us) if stands else None,
                ratios=ratios,
                voids=figure.voids,
                rates=figure.rates,
            )
        )
    return lines


def show(table: Table) -> None:
    """Print one comparison."""
    bases = list(dict.fromkeys(base for line in table.lines for base in line.ratios))
    print(f"\n{table.title}")
    print("  " + ", ".join(f"{name} {value}" for name, value in table.database_settings.items()))
    heads = "".join(f"{'/ ' + base:>16}" for base in bases)
    costs = f"{'p50 ms':>9}{'p99 ms':>9}{'cpu µs':>8}{'db µs':>8}"
    print(f"  {'call':15}{'server':17}{'median/s':>10}{'min–max':>17}{heads}{costs}")
    for line in table.lines:
        if line.rate is None:
            print(f"  {line.call:15}{line.subject:17} VOID: {'; '.join(line.voids) or 'no round'}")
            continue
        spread = f"{line.least:,.0f}–{line.most:,.0f}"
        ratios = "".join(f"{_shown(line.ratios.get(base)):>16}" for base in bases)
        print(
            f"  {line.call:15}{line.subject:17}{line.rate:>10,.0f}{spread:>17}{ratios}"
            f"{line.p50_ms:>9.2f}{line.p99_ms:>9.2f}{line.server_us:>8.0f}{line.database_us:>8.0f}"
        )
    for name, figures in table.servers.items():
        start = "" if figures.start_up_seconds is None else f", ready {figures.start_up_seconds:.2f} s after its start"
        print(f"  {name}: at most {figures.peak_megabytes:.0f} MB resident{start}")


def write(report: Report, path: Path) -> None:
    """The JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def _ratio(rate: float | None, base: float | None) -> float | None:
    return None if rate is None or not base else round(rate / base, 3)


def _shown(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.2f}"
