"""What became of the steps of runs, and of each attempt, as rows. Must not know what a step does."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import Insert, select
from sqlalchemy.dialects import mysql, sqlite

from smartlite.domain.metering import MeteredUsage
from smartlite.domain.pipelines import MediaRef, RunError, StepAttempt, StepRun, StepState
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.runs import error_values, read_error
from smartlite.storage.runs_tables import ERROR_CHARACTERS, RunAttemptRow, RunStepRow
from smartlite.storage.tables import Table

_STEP: Final = (
    RunStepRow.run_id,
    RunStepRow.step_id,
    RunStepRow.item,
    RunStepRow.state,
    RunStepRow.attempts,
    RunStepRow.started_at,
    RunStepRow.finished_at,
    RunStepRow.output,
    RunStepRow.error,
    RunStepRow.output_ref,
    RunStepRow.usage,
    RunStepRow.is_cached,
)
_STEP_KEY: Final = ("run_id", "step_id", "item")
_ATTEMPT_KEY: Final = (*_STEP_KEY, "attempt")


async def record(
    session: WriteSession, run_id: str, steps: Sequence[StepRun], attempts: Sequence[StepAttempt] = ()
) -> None:
    """Write steps and attempts of a run; what was recorded of the same ones is replaced."""
    if steps:
        rows = [_step_values(run_id, step) for step in steps]
        await session.write_all(_putting(session, RunStepRow, _STEP_KEY, rows[0]), rows)
    if attempts:
        rows = [_attempt_values(run_id, attempt) for attempt in attempts]
        await session.write_all(_putting(session, RunAttemptRow, _ATTEMPT_KEY, rows[0]), rows)


async def of_run(
    session: ReadSession, run_id: str, *, after: tuple[str, int] | None = None, limit: int = 1000
) -> Sequence[StepRun]:
    """What is recorded of a run's steps, by their ids and items; from after a step and item."""
    query = select(*_STEP).where(RunStepRow.run_id == run_id).order_by(RunStepRow.step_id, RunStepRow.item).limit(limit)
    if after is not None:
        step_id, item = after
        is_later = (RunStepRow.step_id > step_id) | ((RunStepRow.step_id == step_id) & (RunStepRow.item > item))
        query = query.where(is_later)
    return [_step(row) for row in await session.rows(query)]


async def usage_of_run(session: ReadSession, run_id: str) -> Sequence[MeteredUsage]:
    """What all of a run's steps used of models."""
    query = select(RunStepRow.usage).where(RunStepRow.run_id == run_id, RunStepRow.usage.is_not(None))
    return [used for row in await session.rows(query) for used in _read_usage(row.usage)]


async def attempts_of_run(session: ReadSession, run_id: str, limit: int = 1000) -> Sequence[StepAttempt]:
    """The attempts of a run's steps, in the order in which they began."""
    query = (
        select(RunAttemptRow)
        .with_only_columns(
            RunAttemptRow.step_id,
            RunAttemptRow.item,
            RunAttemptRow.attempt,
            RunAttemptRow.started_at,
            RunAttemptRow.finished_at,
            RunAttemptRow.error_code,
            RunAttemptRow.error_message,
            RunAttemptRow.error_is_final,
            RunAttemptRow.first_text_at,
            RunAttemptRow.first_audio_at,
        )
        .where(RunAttemptRow.run_id == run_id)
        .order_by(RunAttemptRow.started_at, RunAttemptRow.step_id, RunAttemptRow.item, RunAttemptRow.attempt)
        .limit(limit)
    )
    return [_attempt(row) for row in await session.rows(query)]


def _putting(session: WriteSession, table: type[Table], key: Sequence[str], row: Mapping[str, object]) -> Insert:
    others = [name for name in row if name not in key]
    if session.dialect == "sqlite":
        lite = sqlite.insert(table)
        return lite.on_conflict_do_update(index_elements=list(key), set_={name: lite.excluded[name] for name in others})
    my = mysql.insert(table)
    return my.on_duplicate_key_update({name: my.inserted[name] for name in others})


def _step_values(run_id: str, step: StepRun) -> dict[str, object]:
    return {
        "run_id": run_id,
        "step_id": step.step_id,
        "item": step.item,
        "state": str(step.state),
        "attempts": step.attempts,
        "started_at": step.started_at,
        "finished_at": step.finished_at,
        "output": None if step.output_ref is not None else step.output,
        "error": error_values(step.error),
        "output_ref": None if step.output_ref is None else asdict(step.output_ref),
        "usage": list(map(asdict, step.usage)) or None,
        "is_cached": step.is_cached or None,
    }


def _attempt_values(run_id: str, attempt: StepAttempt) -> dict[str, object]:
    error = attempt.error
    return {
        "run_id": run_id,
        "step_id": attempt.step_id,
        "item": attempt.item,
        "attempt": attempt.number,
        "started_at": attempt.started_at,
        "finished_at": attempt.finished_at,
        "error_code": None if error is None else error.code,
        "error_message": None if error is None else error.message[:ERROR_CHARACTERS],
        "error_is_final": None if error is None else error.is_final,
        "first_text_at": attempt.first_text_at,
        "first_audio_at": attempt.first_audio_at,
    }


def _step(row: Sequence[Any]) -> StepRun:
    *first, output, error, output_ref, usage, is_cached = row
    run_id, step_id, item, state, attempts, started_at, finished_at = first
    return StepRun(
        run_id=run_id,
        step_id=step_id,
        item=item,
        state=StepState(state),
        attempts=attempts,
        started_at=started_at,
        finished_at=finished_at,
        output=output,
        error=read_error(error),
        output_ref=None if output_ref is None else MediaRef(**output_ref),
        usage=_read_usage(usage),
        is_cached=bool(is_cached),
    )


def _read_usage(stored: Any) -> tuple[MeteredUsage, ...]:
    return tuple(MeteredUsage(**each) for each in stored or ())


def _attempt(row: Sequence[Any]) -> StepAttempt:
    step_id, item, number, started_at, finished_at, code, message, is_final, first_text_at, first_audio_at = row
    error = None if code is None else RunError(code, message, step_id, bool(is_final))
    return StepAttempt(step_id, item, number, started_at, finished_at, error, first_text_at, first_audio_at)
