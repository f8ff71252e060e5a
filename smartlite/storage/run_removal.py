"""Runs that are removed, with their steps, attempts and events. Must not know why, nor where their media are."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, exists, select
from sqlalchemy.orm import aliased

from smartlite.domain.ids import first_id
from smartlite.domain.pipelines import ENDED, Run
from smartlite.errors import NotFound, RunBusy
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.organizations_tables import ShareRow
from smartlite.storage.runs import RUN, read_run
from smartlite.storage.runs_tables import RunRow

SHARED_AS: Final = "run"
"""The kind under which shares name one."""
_ENDED: Final = tuple(map(str, ENDED))


async def ended_before(session: ReadSession, before: datetime, limit: int) -> Sequence[Run]:
    """Runs that ended before a time and that may be removed, the oldest first."""
    again = aliased(RunRow)
    is_replayed = exists().where(again.replay_of == RunRow.id)
    wanted = (RunRow.id < first_id("run", before), RunRow.state.in_(_ENDED), RunRow.finished_at < before, ~is_replayed)
    return [read_run(row) for row in await session.rows(select(*RUN).where(*wanted).order_by(RunRow.id).limit(limit))]


async def check_removable(session: ReadSession, run_id: str) -> None:
    """Return if a run may be removed.

    Raises:
        NotFound: There is no such run.
        RunBusy: It goes on, or there is a replay of it, which shows what it made.
    """
    row = await session.row(select(RunRow.state).where(RunRow.id == run_id))
    if row is None:
        raise NotFound(f"There is no run '{run_id[:64]}'.", "run_id")
    if row.state not in _ENDED:
        raise RunBusy("The run goes on: cancel it, and remove it when it has ended.", "run_id")
    replay = await session.row(select(RunRow.id).where(RunRow.replay_of == run_id).limit(1))
    if replay is not None:
        raise RunBusy(
            f"The run '{replay.id}' is a replay of this one and shows what it made: remove that first.", "run_id"
        )


async def remove(session: WriteSession, run_id: str) -> None:
    """Remove a run with its steps, attempts, events and shares.

    Raises:
        NotFound, RunBusy: See ``check_removable``.
    """
    await session.row(select(RunRow.id).where(RunRow.id == run_id).with_for_update())
    await check_removable(session, run_id)
    await session.write(delete(RunRow).where(RunRow.id == run_id))
    await session.write(delete(ShareRow).where(ShareRow.resource_kind == SHARED_AS, ShareRow.resource_id == run_id))
