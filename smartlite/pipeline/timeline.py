"""A run as a picture: what ran when, SVG without scripts or anything that is fetched. Must not know HTTP."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

from smartlite.domain.pipelines import Run, StepAttempt, StepRun, StepState
from smartlite.pipeline.waterfall import AttemptBar, StepBar, waterfall_of

MAX_ROWS: Final = 300
_ROW_PX: Final = 22
_HEAD_PX: Final = 44
_BAR_PX: Final = 16
_NAMES_PX: Final = 220
_TIME_PX: Final = 640
_MARGIN_PX: Final = 90
_SHOWN: Final = 28
_QUEUE: Final = "#d5dbe1"
_LOST: Final = "#d98880"
"""Of an attempt that another one followed."""
_COLOURS: Final[Mapping[StepState, str]] = {
    StepState.PENDING: "#9aa5b1",
    StepState.RUNNING: "#3e7cb1",
    StepState.SUCCEEDED: "#3a7d44",
    StepState.FAILED: "#b3261e",
    StepState.SKIPPED: "#9aa5b1",
    StepState.CANCELLED: "#b7791f",
}


def timeline(run: Run, steps: Sequence[StepRun], attempts: Sequence[StepAttempt]) -> str:
    """Draw a run, from the moment that it was asked for.

    Args:
        run: Which run.
        steps: What became of its steps and their items; the first ``MAX_ROWS`` that began are drawn.
        attempts: Of them.

    Returns:
        An SVG document: a row for the queue, then one for each step in the order in which they began, cut into its
        attempts; a black line where an attempt told its first text, an orange one where it made its first audio.
    """
    found = waterfall_of(run, steps, attempts)
    bars = found.steps[:MAX_ROWS]
    ends = [end for bar in bars for end in (bar.begin_ms, bar.end_ms or bar.begin_ms)]
    whole_ms = max([0.001, found.queued_ms or 0, found.total_ms or 0, *ends])
    width, height = _NAMES_PX + _TIME_PX + _MARGIN_PX, _HEAD_PX + _ROW_PX * (len(bars) + 1) + 12
    title = f"{run.pipeline_name} v{run.version}: {run.state}, {whole_ms / 1000:.3f} s"
    for name, at_ms in (("first text", found.first_text_ms), ("first audio", found.first_audio_ms)):
        title += "" if at_ms is None else f", {name} {at_ms / 1000:.3f} s"
    picture = _Picture(_TIME_PX / whole_ms)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
            f'height="{height}" role="img" font-family="ui-monospace, Menlo, Consolas, monospace" font-size="12" '
            'fill="#1f2933">',
            f"<title>{escape(title)}</title>",
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            f'<text x="12" y="24" font-weight="bold">{escape(title)}</text>',
            picture.queue(found.queued_ms or 0),
            *(picture.row(bar, place) for place, bar in enumerate(bars, 1)),
            "</svg>",
            "",
        ]
    )


class _Picture:
    """Draws rows.

    Args:
        scale: Pixels of a millisecond.
    """

    def __init__(self, scale: float) -> None:
        self._scale = scale

    def queue(self, queued_ms: float) -> str:
        label = f"{queued_ms / 1000:.3f} s"
        bar = self._bar(0, queued_ms, _HEAD_PX, _QUEUE)
        return f"<g><title>queue: {label}</title>{_text(12, 0, 'queue')}{bar}{self._label(queued_ms, 0, label)}</g>"

    def row(self, bar: StepBar, place: int) -> str:
        y = _HEAD_PX + _ROW_PX * place
        end_ms = bar.begin_ms if bar.end_ms is None else bar.end_ms
        name = bar.step if bar.item is None else f"{bar.step}[{bar.item}]"
        shown = name if len(name) <= _SHOWN else f"{name[: _SHOWN - 1]}…"
        tries = f" ×{bar.attempts[-1].number}" if bar.attempts and bar.attempts[-1].number > 1 else ""
        label = f"{(end_ms - bar.begin_ms) / 1000:.3f} s{tries}"
        parts = [f"<g><title>{escape(f'{name}: {bar.state}, {label}')}</title>", _text(12, place, shown)]
        if len(bar.attempts) > 1:
            parts += self._attempts(bar, end_ms, y)
        else:
            parts.append(self._bar(bar.begin_ms, end_ms, y, _COLOURS[bar.state]))
        parts += [mark for attempt in bar.attempts for mark in self._marks(attempt, y)]
        return "".join([*parts, self._label(end_ms, place, label), "</g>"])

    def _attempts(self, bar: StepBar, end_ms: float, y: int) -> Iterator[str]:
        last = bar.attempts[-1]
        for attempt in bar.attempts:
            colour = _COLOURS[bar.state] if attempt is last else _LOST
            until_ms = end_ms if attempt is last or attempt.end_ms is None else attempt.end_ms
            yield self._bar(attempt.begin_ms, until_ms, y, colour)

    def _marks(self, attempt: AttemptBar, y: int) -> Iterator[str]:
        for what, at_ms, colour in (
            ("text", attempt.first_text_ms, "#1f2933"),
            ("audio", attempt.first_audio_ms, "#e8850c"),
        ):
            if at_ms is not None:
                told = f"first {what}: {at_ms / 1000:.3f} s"
                x = f"{_NAMES_PX + self._scale * at_ms:.1f}"
                yield f'<rect class="first-{what}" x="{x}" y="{y - 2}" width="2" height="20" fill="{colour}">'
                yield f"<title>{told}</title></rect>"

    def _bar(self, begin_ms: float, end_ms: float, y: int, colour: str) -> str:
        x, length = _NAMES_PX + self._scale * max(begin_ms, 0), max(self._scale * (end_ms - begin_ms), 3)
        return f'<rect x="{x:.1f}" y="{y}" width="{length:.1f}" height="{_BAR_PX}" rx="3" fill="{colour}"/>'

    def _label(self, end_ms: float, place: int, label: str) -> str:
        x = min(_NAMES_PX + self._scale * end_ms + 9, _NAMES_PX + _TIME_PX + 6)
        return _text(x, place, label, ' fill="#52606d"')


def _text(x: float, place: int, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{_HEAD_PX + _ROW_PX * place + 12}"{more}>{escape(text)}</text>'
