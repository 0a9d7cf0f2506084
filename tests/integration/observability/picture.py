"""The dashboard as a picture: each panel where Grafana has it, with what Prometheus said."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import matplotlib as mpl

from .dashboard import Dashboard, Panel

mpl.use("agg")
from matplotlib import pyplot as plt

Lines: TypeAlias = Mapping[str, Sequence[tuple[float, float]]]
"""The points (seconds, value) of each line of a panel, by what it is called."""

Troubles: TypeAlias = Mapping[str, tuple[float, float]]
"""What was wrong, and from when to when, in seconds."""

_COLOURS: Final = (
    "#2f6f4f", "#4a6fa5", "#c9a227", "#9a4f50", "#6b4e8a", "#3a9aa0", "#b8652a", "#8a8f98", "#7aa35a", "#c26f9b",
)  # fmt: skip
_GOOD, _BAD, _INK, _PAPER, _PANEL = "#2f6f4f", "#a33b3c", "#1f2328", "#eef0f2", "#ffffff"
_UNIT_INCHES: Final = 0.72
_ROW_INCHES: Final = 0.3
_MOST_NAMES: Final = 8
_GAP_SECONDS: Final = 2.5
_SCALES: Final = {"s": ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms"), (120.0, 1.0, "s"), (math.inf, 1 / 60, "min"))}
_NAMES: Final = {"s": "s", "reqps": "/ s", "ops": "/ s", "percentunit": "%", "bytes": "MB", "short": ""}
_FACTORS: Final = {"percentunit": 100.0, "bytes": 1e-6}


def draw(dashboard: Dashboard, shown: Mapping[int, Sequence[Lines]], path: Path, *, troubles: Troubles) -> None:
    """Draw it, and write the picture; times of trouble are shaded in each panel, and told of at the end."""
    height = max(panel.grid_pos.y + panel.grid_pos.h for panel in dashboard.panels) * _ROW_INCHES
    width = 24 * _UNIT_INCHES
    seconds = max(at for lines in shown.values() for one in lines for points in one.values() for at, _ in points)
    figure = plt.figure(figsize=(width, height), facecolor=_PAPER)
    for panel in dashboard.panels:
        place = panel.grid_pos
        left, top = place.x * _UNIT_INCHES / width, 1 - place.y * _ROW_INCHES / height
        wide, high = place.w * _UNIT_INCHES / width, place.h * _ROW_INCHES / height
        if panel.type == "row":
            figure.text(left + 0.004, top - high * 0.7, panel.title, fontsize=12, fontweight="bold", color=_INK)
            continue
        lines = {name: points for one in shown.get(panel.id, ()) for name, points in one.items()}
        if panel.type == "stat":
            axes = figure.add_axes((left + 0.003, top - high + 0.003, wide - 0.006, high - 0.006))
            _number(axes, panel, next(iter(lines.values()), ()))
        else:
            axes = figure.add_axes((left + 0.032, top - high + 0.021, wide - 0.042, high - 0.038))
            axes.set_xlim(0, seconds)
            for begin, end in troubles.values():
                axes.axvspan(begin, end, color="#f3dcd9", linewidth=0)
            _graph(axes, panel, lines)
    told = "; ".join(f"{what} from {begin:.0f} to {end:.0f}" for what, (begin, end) in troubles.items())
    figure.text(0.004, 0.004, f"Seconds of one run of two APIs and a worker. Shaded: {told}.", fontsize=9, color=_INK)
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=75, facecolor=_PAPER)
    plt.close(figure)


def _number(axes: Any, panel: Panel, points: Sequence[tuple[float, float]]) -> None:
    value = points[-1][1] if points else math.nan
    steps = panel.field_config["defaults"]["thresholds"]["steps"]
    colour = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
    axes.set_facecolor({"green": _GOOD, "red": _BAD}[colour])
    axes.set_xticks([])
    axes.set_yticks([])
    factor, unit = _scale(panel.unit, value)
    text = f"{value * factor:.3g} {unit}" if points else "no data"
    axes.text(0.5, 0.40, text, ha="center", va="center", fontsize=24, color="white", transform=axes.transAxes)
    axes.text(0.5, 0.84, panel.title, ha="center", va="center", fontsize=10, color="white", transform=axes.transAxes)


def _graph(axes: Any, panel: Panel, lines: Lines) -> None:
    finite = [value for points in lines.values() for _, value in points if math.isfinite(value)]
    factor, unit = _scale(panel.unit, max(finite, default=0.0))
    axes.set_facecolor(_PANEL)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.grid(color="#e3e6e9", linewidth=0.8)
    axes.tick_params(labelsize=7, length=0, colors="#5a6169")
    busiest = sorted(lines, key=lambda name: -_size(lines[name]))
    for number, name in enumerate(busiest):
        times, values = _with_gaps(lines[name])
        style = {"color": _COLOURS[number % len(_COLOURS)], "linewidth": 1.4}
        label = name if number < _MOST_NAMES else None
        axes.plot(times, [value * factor for value in values], label=label, **style)
    axes.set_ylim(0, 1.45 * max(finite, default=0.0) * factor or 1)  # room for the names
    axes.set_title(f"{panel.title}{f' ({unit})' if unit else ''}", fontsize=9, loc="left", color=_INK, pad=4)
    if lines:
        axes.legend(fontsize=6, loc="upper left", frameon=False, ncols=2 if len(lines) > 4 else 1, handlelength=1.2)


def _with_gaps(points: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Times and values, with a hole where for some seconds there is nothing."""
    times, values = list[float](), list[float]()
    for at, value in points:
        if times and at - times[-1] > _GAP_SECONDS:
            times.append(math.nan)
            values.append(math.nan)
        times.append(at)
        values.append(value)
    return times, values


def _size(points: Sequence[tuple[float, float]]) -> float:
    return sum(value for _, value in points if math.isfinite(value))


def _scale(unit: str, largest: float) -> tuple[float, str]:
    """By what a unit's values are multiplied so that they read well, and what they are then."""
    if unit in _SCALES and largest:
        return next((factor, name) for below, factor, name in _SCALES[unit] if largest < below or below == math.inf)
    return _FACTORS.get(unit, 1.0), _NAMES[unit]
