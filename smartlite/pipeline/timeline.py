"""A run as a picture: which step ran when, SVG without scripts or anything that is fetched. Must not know HTTP."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Final

from smartlite.domain.pipelines import Run, StepRun, StepState

MAX_ROWS: Final = 300
_ROW_PX: Final = 22
_HEAD_PX: Final = 44
_NAMES_PX: Final = 220
_TIME_PX: Final = 640
_MARGIN_PX: Final = 90
_SHOWN: Final = 28
_COLOURS: Final[Mapping[StepState, str]] = {
    StepState.PENDING: "#9aa5b1",
    StepState.RUNNING: "#3e7cb1",
    StepState.SUCCEEDED: "#3a7d44",
    StepState.FAILED: "#b3261e",
    StepState.SKIPPED: "#9aa5b1",
    StepState.CANCELLED: "#b7791f",
}


def timeline(run: Run, steps: Sequence[StepRun]) -> str:
    """Draw a run.

    Args:
        run: Which run.
        steps: What became of its steps and their items; the first ``MAX_ROWS`` that began are drawn.

    Returns:
        An SVG document: a row for each step, in the order in which they began; a dot for one that took no time.
    """
    drawn = _rows(steps)
    times = [time for _, begin, end in drawn for time in (begin, end)]
    first = run.started_at or min(times, default=run.created_at)
    last = max([*times, run.finished_at or first])
    whole_s = max((last - first).total_seconds(), 0.001)
    width, height = _NAMES_PX + _TIME_PX + _MARGIN_PX, _HEAD_PX + _ROW_PX * len(drawn) + 12
    title = f"{run.pipeline_name} v{run.version}: {run.state}, {whole_s:.3f} s"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'role="img" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="12" fill="#1f2933">',
        f"<title>{escape(title)}</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text x="12" y="24" font-weight="bold">{escape(title)}</text>',
    ]
    for index, (step, begin, end) in enumerate(drawn):
        x = _NAMES_PX + _TIME_PX * max((begin - first).total_seconds(), 0) / whole_s
        length = _TIME_PX * (end - begin).total_seconds() / whole_s
        parts.append(_row(step, index, x, length, (end - begin).total_seconds()))
    return "\n".join([*parts, "</svg>", ""])


def _rows(steps: Iterable[StepRun]) -> list[tuple[StepRun, datetime, datetime]]:
    began = [(step, step.started_at, step.finished_at or step.started_at) for step in steps if step.started_at]
    return sorted(began, key=lambda row: (row[1], row[0].step_id, row[0].item))[:MAX_ROWS]


def _row(step: StepRun, index: int, x: float, length: float, took_s: float) -> str:
    y = _HEAD_PX + _ROW_PX * index
    name = step.step_id if step.item < 0 else f"{step.step_id}[{step.item}]"
    shown = name if len(name) <= _SHOWN else f"{name[: _SHOWN - 1]}…"
    tries = f" ×{step.attempts}" if step.attempts > 1 else ""
    label = f"{took_s:.3f} s{tries}"
    return (
        f"<g><title>{escape(f'{name}: {step.state}, {label}')}</title>"
        f'<text x="12" y="{y + 12}">{escape(shown)}</text>'
        f'<rect x="{x:.1f}" y="{y}" width="{max(length, 3):.1f}" height="16" rx="3" fill="{_COLOURS[step.state]}"/>'
        f'<text x="{min(x + max(length, 3) + 6, _NAMES_PX + _TIME_PX + 6):.1f}" y="{y + 12}" fill="#52606d">'
        f"{escape(label)}</text></g>"
    )
