"""When everything in a run happened, from the moment that it was asked for. Must not know who shows it, nor how."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from smartlite.domain.pipelines import Run, StepAttempt, StepRun, StepState

MOST_IN_SUMMARY: Final = 20


@dataclass(frozen=True, slots=True)
class AttemptBar:
    """One attempt; every time is in milliseconds since the run was asked for."""

    number: int
    begin_ms: float
    end_ms: float | None
    """None while it goes on, and where its worker was lost."""
    first_text_ms: float | None
    first_audio_ms: float | None
    error: str | None
    """Code of the error that ended it."""


@dataclass(frozen=True, slots=True)
class StepBar:
    """One step, or one item of it."""

    step: str
    item: int | None
    """Of ``for_each``; None for the step as a whole."""
    state: StepState
    begin_ms: float
    end_ms: float | None
    attempts: tuple[AttemptBar, ...]


@dataclass(frozen=True, slots=True)
class Waterfall:
    """A run over time."""

    queued_ms: float | None
    """Until a worker began it."""
    total_ms: float | None
    """Until its end; None while it goes on."""
    first_text_ms: float | None
    """Until the first text that any attempt told."""
    first_audio_ms: float | None
    steps: tuple[StepBar, ...]
    """By their begin."""

    def summary(self) -> dict[str, float]:
        """Seconds by name, as a header tells them: the queue, first text and audio, and the first steps of the run."""
        found = {
            "queue": self.queued_ms,
            "first-text": self.first_text_ms,
            "first-audio": self.first_audio_ms,
            **{
                f"step-{bar.step}": None if bar.end_ms is None else bar.end_ms - bar.begin_ms
                for bar in [each for each in self.steps if each.item is None and "/" not in each.step][:MOST_IN_SUMMARY]
            },
        }
        return {name: value / 1000 for name, value in found.items() if value is not None}


def waterfall_of(run: Run, steps: Iterable[StepRun], attempts: Sequence[StepAttempt]) -> Waterfall:
    """From what is recorded of a run."""
    since = run.created_at
    by_step: defaultdict[tuple[str, int], list[StepAttempt]] = defaultdict(list)
    for attempt in attempts:
        by_step[attempt.step_id, attempt.item].append(attempt)
    bars = [
        StepBar(
            step.step_id,
            None if step.item < 0 else step.item,
            step.state,
            _ms(since, step.started_at),
            _ms_or_none(since, step.finished_at),
            tuple(_bar(since, attempt) for attempt in by_step[step.step_id, step.item]),
        )
        for step in steps
        if step.started_at is not None
    ]
    return Waterfall(
        _ms_or_none(since, run.started_at),
        _ms_or_none(since, run.finished_at),
        _first(since, [attempt.first_text_at for attempt in attempts]),
        _first(since, [attempt.first_audio_at for attempt in attempts]),
        tuple(sorted(bars, key=lambda bar: (bar.begin_ms, bar.step, -1 if bar.item is None else bar.item))),
    )


def _bar(since: datetime, attempt: StepAttempt) -> AttemptBar:
    return AttemptBar(
        attempt.number,
        _ms(since, attempt.started_at),
        _ms_or_none(since, attempt.finished_at),
        _ms_or_none(since, attempt.first_text_at),
        _ms_or_none(since, attempt.first_audio_at),
        None if attempt.error is None else attempt.error.code,
    )


def _first(since: datetime, times: Iterable[datetime | None]) -> float | None:
    return _ms_or_none(since, min((at for at in times if at is not None), default=None))


def _ms_or_none(since: datetime, at: datetime | None) -> float | None:
    return None if at is None else _ms(since, at)


def _ms(since: datetime, at: datetime) -> float:
    """Not below 0, where what a step gave was taken over from another run."""
    return max(0.0, round((at - since).total_seconds() * 1000, 3))
