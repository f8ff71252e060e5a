"""The folder that a run leaves: loads and rows as CSV, the tables as Markdown, a plot. Must not measure anything."""

import csv
import math
import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.load.curve import Step
from benchmarks.load.outcome import Load
from benchmarks.measure import Row, figure, markdown_table
from benchmarks.results.plot import plot_latencies
from smartlite.errors import ConfigurationError

_LOAD_FIELDS = [field.name for field in fields(Load)]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found."""

    heading: str
    """Machine, commit, command, date: see ``benchmarks.machine``."""
    rows: Sequence[Row]
    steps: Sequence[Step]
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """All of it for a person."""
        parts = [self.heading]
        if self.rows:
            parts.append(markdown_table(self.rows))
        if self.steps:
            parts.append(load_table(self.steps))
        return "\n\n".join([*parts, *self.notes]) + "\n"


def new_folder(parent: Path, what: str, now: datetime | None = None) -> Path:
    """Make ``<parent>/<time>-<what>``.

    Raises:
        ConfigurationError: It cannot be made.
    """
    moment = (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")
    path = parent / f"{moment}-{_slug(what)}"
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise ConfigurationError(f"The folder {path} cannot be made: {error.strerror}.", "output") from error
    return path


def write_report(folder: Path, report: Report, title: str) -> list[Path]:
    """Write every file; the plot only where something was loaded.

    Returns:
        What was written.
    """
    written = [folder / "results.md"]
    written[0].write_text(f"# {title}\n\n{report.markdown()}", encoding="utf-8")
    if report.rows:
        names = ("what", "baseline", "platform", "judged", "goal", "is_met")
        lines = ([getattr(row, name) for name in names] for row in report.rows)
        written.append(_write_csv(folder / "rows.csv", names, lines))
    if report.steps:
        columns = ("server", "request", "kind", "run", *_LOAD_FIELDS)
        written.append(_write_csv(folder / "loads.csv", columns, _load_lines(report.steps)))
        for request in dict.fromkeys(step.request for step in report.steps):
            mine = [step for step in report.steps if step.request == request]
            written.append(plot_latencies(mine, folder / f"latency-{_slug(request)}.png", f"{title}: {request}"))
    return written


def load_table(steps: Sequence[Step]) -> str:
    """A line for each load of each server: medians, with the smallest and the largest of the runs."""
    lines = [
        "| server | load | offered/s | answered/s | p50 ms | p90 ms | p99 ms | failed | of these refused at once, % "
        "| server CPU s per 1,000 | client CPU s | client late p99 ms |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for step in steps:
        loads = step.loads
        cells = (
            step.server,
            step.kind,
            figure(loads[0].offered_per_s) if loads[0].offered_per_s else "",
            _spread([load.goodput_per_s for load in loads]),
            _spread([load.p50_ms for load in loads]),
            _spread([load.p90_ms for load in loads]),
            _spread([load.p99_ms for load in loads]),
            _failures(loads),
            _spread([100 * load.refused_well for load in loads]).replace("unknown", ""),
            _spread([load.cpu_per_thousand_s for load in loads]),
            _spread([load.client_cpu_s for load in loads]),
            _spread([load.late_p99_ms for load in loads]),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _failures(loads: Sequence[Load]) -> str:
    counts: dict[str, int] = {}
    for load in loads:
        for status, number in load.statuses.items():
            if not status.startswith("2"):
                counts[status] = counts.get(status, 0) + number
    requests = sum(load.requests for load in loads)
    return ", ".join(f"{number} x {status}" for status, number in counts.items()) + (
        f" of {requests}" if counts else "0"
    )


def _spread(values: Sequence[float]) -> str:
    known = sorted(value for value in values if not math.isnan(value))
    if not known:
        return "unknown"
    middle = statistics.median(known)
    return figure(middle) if len(known) == 1 else f"{figure(middle)} ({figure(known[0])} to {figure(known[-1])})"


def _load_lines(steps: Sequence[Step]) -> Iterable[list[object]]:
    for step in steps:
        for number, load in enumerate(step.loads, 1):
            values = [getattr(load, name) for name in _LOAD_FIELDS]
            cells = [
                " ".join(f"{k}:{v}" for k, v in value.items()) if isinstance(value, dict) else value for value in values
            ]
            yield [step.server, step.request, step.kind, number, *cells]


def _write_csv(path: Path, names: Sequence[str], lines: Iterable[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(lines)
    return path
