"""Drawings of a run, for the docs. Each says below what it does not measure."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl

from benchmarks.burst import Burst
from benchmarks.load import CALLS
from benchmarks.report import Line, Report, Table
from benchmarks.soak import Soak

mpl.use("agg")
from matplotlib import pyplot as plt

_COLOURS: Final = ("#2f6f4f", "#8a8f98", "#c9a227", "#4a6fa5", "#9a4f50")
_WIDTH: Final = 230


def draw(report: Report, directory: Path, name: str) -> None:
    """Write all drawings that a report has something for."""
    directory.mkdir(parents=True, exist_ok=True)
    for number, table in enumerate(report.tables):
        suffix = f"-{number + 1}" if len(report.tables) > 1 else ""
        _draw_rates(report, table, directory / f"benchmark-{name}{suffix}.png")
    for title, found in report.findings.items():
        path = directory / f"benchmark-{name}-{title.split(',')[0]}.png"
        if isinstance(found, Soak):
            _draw_soak(report, found, path)
        elif isinstance(found, list):
            _draw_bursts(report, title, found, path)


def _draw_rates(report: Report, table: Table, path: Path) -> None:
    """A panel for each call: medians, with the least and the most of the rounds."""
    figure, panels = plt.subplots(1, len(CALLS), figsize=(15, 5.6))
    for panel, call in zip(panels, CALLS, strict=True):
        lines = [line for line in table.lines if line.call == call and line.rate is not None]
        _bars(panel, lines)
        panel.set_title(call)
        panel.set_ylabel("requests per second")
    figure.suptitle(f"{table.title}; {_machine(report)}")
    notes = [f"{call}: {report.notes[call]}" for call in (*CALLS, "latency")]
    if report.layout in report.notes:
        notes.append(report.notes[report.layout])
    _finish(figure, notes, path)


def _bars(panel: Any, lines: Sequence[Line]) -> None:
    rates = [line.rate or 0.0 for line in lines]
    below = [rate - (line.least or 0.0) for rate, line in zip(rates, lines, strict=True)]
    above = [(line.most or 0.0) - rate for rate, line in zip(rates, lines, strict=True)]
    places = range(len(lines))
    panel.bar(places, rates, yerr=(below, above), capsize=4, color=_COLOURS[: len(lines)])
    panel.set_xticks(places, [_words(line) for line in lines], fontsize=7)
    panel.set_ylim(bottom=0)


def _words(line: Line) -> str:
    """What stands below a bar; the ratios are to the subjects beside it."""
    ratios = [f"{ratio:.2f} × {base}" for base, ratio in line.ratios.items() if ratio is not None]
    return "\n".join((line.subject, f"{line.rate:,.0f}/s", *ratios, f"p99 {line.p99_ms:.1f} ms"))


def _draw_soak(report: Report, found: Soak, path: Path) -> None:
    figure, panel = plt.subplots(figsize=(10, 5))
    panel.plot([at for at, _ in found.samples], [size for _, size in found.samples], color=_COLOURS[0])
    panel.set_ylim(0, 1.1 * found.peak_megabytes)
    panel.set_xlabel("seconds")
    panel.set_ylabel("MB resident")
    figure.suptitle(f"the API process under load, {found.requests:,} requests; {_machine(report)}")
    _finish(figure, [report.notes["soak"]], path)


def _draw_bursts(report: Report, title: str, found: Sequence[Burst], path: Path) -> None:
    """Each burst's rate, and the gate's p99 beside its quiet value."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 5))
    places = list(range(1, len(found) + 1))
    left.bar(places, [one.acknowledged_per_second for one in found], color=_COLOURS[0])
    left.set_ylabel("webhooks acknowledged per second")
    right.bar([p - 0.2 for p in places], [one.quiet_p99_ms for one in found], 0.4, label="quiet", color=_COLOURS[1])
    right.bar([p + 0.2 for p in places], [one.burst_p99_ms for one in found], 0.4, label="burst", color=_COLOURS[0])
    right.set_ylabel("gate check, p99 in ms")
    right.legend()
    for panel in (left, right):
        panel.set_xlabel("burst")
        panel.set_xticks(places)
    figure.suptitle(f"{found[0].purchases:,} purchases at once, {title}; {_machine(report)}")
    _finish(figure, [report.notes["burst"]], path)


def _machine(report: Report) -> str:
    machine: Mapping[str, str] = report.machine
    return f"{machine['cores']} cores, {machine['date']}; only ratios carry over"


def _finish(figure: Any, notes: Sequence[str], path: Path) -> None:
    text = "\n".join(line for note in notes for line in textwrap.wrap(note, _WIDTH))
    figure.text(0.01, 0.01, text, fontsize=7, color="#555555", va="bottom")
    figure.tight_layout(rect=(0, 0.03 * (text.count("\n") + 2), 1, 1))
    figure.savefig(path, dpi=110)
    plt.close(figure)
