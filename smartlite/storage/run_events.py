"""Events of runs, as rows: numbered without a gap. Must not know what they tell."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import insert, select

from smartlite.domain.pipelines import Happening, RunEvent
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.runs_tables import RunEventRow

_EVENT: Final = (
    RunEventRow.run_id,
    RunEventRow.sequence,
    RunEventRow.at,
    RunEventRow.type,
    RunEventRow.data,
)


async def append(session: WriteSession, run_id: str, first: int, happenings: Sequence[Happening], at: datetime) -> None:
    """Number and add what happened; the caller moves the run's ``next_sequence`` on in the same unit of work.

    Args:
        session: Writes.
        run_id: Whose.
        first: The run's ``next_sequence`` before.
        happenings: In order.
        at: When.
    """
    rows = [
        {"run_id": run_id, "sequence": sequence, "at": at, "type": each.type, "data": dict(each.data)}
        for sequence, each in enumerate(happenings, first)
    ]
    if rows:
        await session.write_all(insert(RunEventRow), rows)


async def after(session: ReadSession, run_id: str, sequence: int, limit: int = 500) -> Sequence[RunEvent]:
    """Events of a run that follow a number, in order."""
    query = (
        select(*_EVENT)
        .where(RunEventRow.run_id == run_id, RunEventRow.sequence > sequence)
        .order_by(RunEventRow.sequence)
        .limit(limit)
    )
    return [RunEvent(*row) for row in await session.rows(query)]
