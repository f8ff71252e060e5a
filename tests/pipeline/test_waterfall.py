"""A run over time, as numbers and as a picture."""

from datetime import datetime, timedelta
from xml.etree import ElementTree as ET

from smartlite.domain.pipelines import Run, RunError, RunState, StepAttempt, StepRun, StepState
from smartlite.pipeline.timeline import MAX_ROWS, timeline
from smartlite.pipeline.waterfall import MOST_IN_SUMMARY, waterfall_of
from tests.pipeline.execution.world import NOON


def at(seconds: float) -> datetime:
    """So long after the run was asked for."""
    return NOON + timedelta(seconds=seconds)


RUN = Run("run_1", "pl_1", "test", 1, "user_1", None, {}, RunState.SUCCEEDED, NOON, at(0.1), at(3))
STEPS = [
    StepRun("run_1", "say", -1, StepState.SUCCEEDED, 2, at(1), at(3)),
    StepRun("run_1", "hear", -1, StepState.SUCCEEDED, 1, at(0.1), at(1)),
    StepRun("run_1", "never", -1, StepState.PENDING),
]
ATTEMPTS = [
    StepAttempt("hear", -1, 1, at(0.1), at(1), None, at(0.5)),
    StepAttempt("say", -1, 1, at(1), at(1.5), RunError("overloaded", "busy")),
    StepAttempt("say", -1, 2, at(2), at(3), None, None, at(2.25)),
]


def test_every_time_is_since_the_run_was_asked_for() -> None:
    found = waterfall_of(RUN, STEPS, ATTEMPTS)
    assert (found.queued_ms, found.total_ms, found.first_text_ms, found.first_audio_ms) == (100, 3000, 500, 2250)
    assert [bar.step for bar in found.steps] == ["hear", "say"]
    first, second = found.steps[1].attempts
    assert (first.begin_ms, first.end_ms, first.error) == (1000, 1500, "overloaded")
    assert (second.number, second.first_audio_ms) == (2, 2250)


def test_the_summary_has_the_runs_own_steps_and_not_too_many() -> None:
    inner = StepRun("run_1", "hear/inner", -1, StepState.SUCCEEDED, 1, at(0.2), at(0.3))
    item = StepRun("run_1", "hear", 0, StepState.SUCCEEDED, 1, at(0.2), at(0.3))
    names = set(waterfall_of(RUN, [*STEPS, inner, item], ATTEMPTS).summary())
    assert names == {"queue", "first-text", "first-audio", "step-hear", "step-say"}
    many = [StepRun("run_1", f"s{n}", -1, StepState.SUCCEEDED, 1, at(1), at(2)) for n in range(100)]
    assert len(waterfall_of(RUN, many, []).summary()) == MOST_IN_SUMMARY + 1


def test_a_picture_shows_the_queue_each_attempt_and_the_first_text_and_audio() -> None:
    root = ET.fromstring(timeline(RUN, STEPS, ATTEMPTS))  # noqa: S314 - our own
    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[1::2] == ["queue", "hear", "say"]
    marks = [element.get("class") for element in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert [mark for mark in marks if mark] == ["first-text", "first-audio"]
    assert "2.000 s ×2" in texts


def test_a_run_that_waits_and_one_of_many_steps_are_drawn() -> None:
    waits = Run("run_1", "pl_1", "<test>", 1, "user_1", None, {}, RunState.QUEUED, NOON)
    ET.fromstring(timeline(waits, [], []))  # noqa: S314 - our own
    many = [StepRun("run_1", f"s{n}", n, StepState.RUNNING, 1, at(1)) for n in range(MAX_ROWS + 50)]
    assert timeline(RUN, many, []).count("<g>") == MAX_ROWS + 1
