"""Runs of pipelines, as rows. Must not know what a run does, nor who may see one."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, insert, select, update

from smartlite.domain.identity import Page
from smartlite.domain.pipelines import ENDED, Happening, PipelineQuery, Run, RunError, RunState
from smartlite.errors import NotFound, RunQueueFull
from smartlite.storage import run_events, webhook_deliveries
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.runs_tables import RunRow

RUN: Final = (
    RunRow.id,
    RunRow.pipeline_id,
    RunRow.pipeline_name,
    RunRow.version,
    RunRow.user_id,
    RunRow.organization_id,
    RunRow.inputs,
    RunRow.state,
    RunRow.created_at,
    RunRow.started_at,
    RunRow.finished_at,
    RunRow.outputs,
    RunRow.error,
    RunRow.cancel_requested,
    RunRow.replay_of,
    RunRow.priority,
    RunRow.key_id,
    RunRow.scopes,
)


async def add(session: WriteSession, run: Run, source: str, *, most_of_user: int, most: int) -> None:
    """Add a run to those that wait.

    Args:
        session: Writes.
        run: Queued.
        source: The document of its version.
        most_of_user: So many runs of one user may wait.
        most: So many runs may wait.

    Raises:
        RunQueueFull: 429, as many wait already.
    """
    waiting = select(func.count()).select_from(RunRow).where(RunRow.state == RunState.QUEUED)
    for query, bound, whose in (
        (waiting.where(RunRow.user_id == run.user_id), most_of_user, "of yours "),
        (waiting, most, ""),
    ):
        row = await session.row(query)
        if row is not None and row[0] >= bound:
            raise RunQueueFull(f"{bound} runs {whose}are waiting already. Try again when some have ended.")
    row_values = {
        **{column.key: getattr(run, column.key) for column in RUN},
        "inputs": dict(run.inputs),
        "state": str(run.state),
        "error": None,
        "attempt": 0,
        "source": source,
        "next_sequence": 1,
    }
    await session.write(insert(RunRow).values(row_values))


async def get(session: ReadSession, run_id: str) -> Run | None:
    """The run with an id."""
    row = await session.row(select(*RUN).where(RunRow.id == run_id))
    return None if row is None else read_run(row)


async def source_of(session: ReadSession, run_id: str) -> str | None:
    """The document that a run runs."""
    row = await session.row(select(RunRow.source).where(RunRow.id == run_id))
    return None if row is None else str(row.source)


async def page(session: ReadSession, query: PipelineQuery, *, after: str | None = None, limit: int = 50) -> Page[Run]:
    """Runs, the newest first; from after the run ``after``."""
    statement = select(*RUN).order_by(RunRow.id.desc()).limit(limit + 1)
    for column, wanted in (
        (RunRow.pipeline_id, query.pipeline_id),
        (RunRow.user_id, query.user_id),
        (RunRow.organization_id, query.organization_id),
    ):
        if wanted is not None:
            statement = statement.where(column == wanted)
    if query.states:
        statement = statement.where(RunRow.state.in_([str(state) for state in query.states]))
    if query.since is not None:
        statement = statement.where(RunRow.created_at >= query.since)
    if query.until is not None:
        statement = statement.where(RunRow.created_at < query.until)
    if after is not None:
        statement = statement.where(RunRow.id < after)
    found = tuple(map(read_run, await session.rows(statement)))
    return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)


async def request_cancel(session: WriteSession, run_id: str, at: datetime) -> Run:
    """Have a run end: at once where it waits, else its worker ends it. One that has ended stays as it is.

    Raises:
        NotFound: There is no such run.
    """
    query = select(*RUN, RunRow.next_sequence).where(RunRow.id == run_id).with_for_update()
    row = await session.row(query)
    if row is None:
        raise NotFound(f"There is no run '{run_id[:64]}'.", "run_id")
    run = read_run(row)
    if run.state in ENDED:
        return run
    values: dict[str, object] = {"cancel_requested": True}
    if run.state == RunState.QUEUED:
        sequence = row.next_sequence
        values |= {"state": str(RunState.CANCELLED), "finished_at": at, "next_sequence": sequence + 1}
        await run_events.append(session, run_id, sequence, [Happening("run.cancelled")], at)
        await tell_end(session, run, RunState.CANCELLED, at)
    await session.write(update(RunRow).where(RunRow.id == run_id).values(values))
    return await get(session, run_id) or run


async def tell_end(session: WriteSession, run: Run, state: RunState, at: datetime) -> None:
    """Have whoever asked for it be told that a run has ended; in the unit of work that ends it."""
    data = {"id": run.id, "pipeline_id": run.pipeline_id, "pipeline": run.pipeline_name, "version": run.version}
    await webhook_deliveries.enqueue(session, run.user_id, run.organization_id, f"run.{state}", data, at)


async def cancels(session: ReadSession, run_id: str) -> bool:
    """Whether a run is to end."""
    row = await session.row(select(RunRow.cancel_requested).where(RunRow.id == run_id))
    return row is not None and bool(row.cancel_requested)


def error_values(error: RunError | None) -> Mapping[str, object] | None:
    """An error as it is stored."""
    return None if error is None else asdict(error)


def read_error(stored: Any) -> RunError | None:
    """An error from what is stored."""
    return None if stored is None else RunError(**stored)


def read_run(row: Sequence[Any]) -> Run:
    """A run from a row that begins with ``RUN``."""
    values = dict(zip((column.key for column in RUN), row, strict=False))
    values["state"] = RunState(values["state"])
    values["error"] = read_error(values["error"])
    return Run(**values)
