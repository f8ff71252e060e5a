"""Plots, as PNG. Must not know how the points were measured. The library is loaded when something is drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.load.curve import Step
from smartlite.errors import ConfigurationError

_DPI: Final = 120
_MARKS: Final = {"alone": "^", "closed": "D", "overload": "x"}
Points = Sequence[tuple[float, float]]


def plot_latencies(steps: Sequence[Step], path: Path, title: str) -> Path:
    """Latency of the successes against what was offered: p50 whole, p99 dashed, a cross for each overload.

    A load without a rate of its own stands where its answers came: ``alone`` a triangle, ``closed`` a diamond.
    """
    figure, axes = new_axes(title, "offered, requests/s", "latency from the time a request was due, ms")
    names = list(dict.fromkeys(step.server for step in steps))
    for number, name in enumerate(names):
        mine = sorted((s for s in steps if s.server == name and s.kind == "open"), key=lambda step: step.rate_per_s)
        rates = [step.rate_per_s for step in mine]
        colour = f"C{number}"
        p50 = [step.median(lambda load: load.p50_ms) for step in mine]
        p99 = [step.median(lambda load: load.p99_ms) for step in mine]
        axes.plot(rates, p50, "-o", color=colour, label=f"{name}, p50")
        axes.plot(rates, p99, "--s", color=colour, label=f"{name}, p99")
        for step in steps:
            if step.server == name and step.kind in _MARKS:
                axes.plot([step.rate_per_s], [step.median(lambda load: load.p99_ms)], _MARKS[step.kind], color=colour)
    if any(step.rate_per_s > 0 and step.median(lambda load: load.p99_ms) > 0 for step in steps):
        axes.set_xscale("log")
        axes.set_yscale("log")
    return save(figure, axes, path)


def plot_trade_off(points: Mapping[str, tuple[float, float]], best: str, x: str, y: str, path: Path) -> Path:
    """A named point for each configuration; the recommended one stands out."""
    figure, axes = new_axes("What each configuration costs", x, y)
    for name, (across, up) in points.items():
        axes.plot([across], [up], "*" if name == best else "o", markersize=14 if name == best else 6, label=name)
    return save(figure, axes, path)


def new_axes(title: str, x: str, y: str) -> tuple[Any, Any]:
    """An empty drawing, which needs no screen.

    Raises:
        ConfigurationError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - only who plots needs it
        from matplotlib.figure import Figure  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError("Plots need matplotlib: pip install 'smartlite[bench]'.") from error
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_title(title)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.3)
    return figure, axes


def save(figure: Any, axes: Any, path: Path) -> Path:
    """Write it with its legend."""
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=_DPI)
    return path
