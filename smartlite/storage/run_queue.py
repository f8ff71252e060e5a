"""Who works on which run: claims with a lease, and a worker's writes. Must not know what a run does.

Every claim counts the run's ``attempt`` up. A worker shows the number that it was given with each write, so that one
which was slow, and whose run another took over, changes nothing. What it writes also moves ``next_sequence`` on from
the number that it knows: a write that is done again, because nobody heard whether it was committed, is done once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, func, or_, select, update

from smartlite.domain.pipelines import Happening, Run, RunState
from smartlite.errors import LeaseLost
from smartlite.storage import run_events
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.runs import RUN, read_run
from smartlite.storage.runs_tables import RunRow

_LOOKED_AT: Final = 1000
"""Runs that wait which are looked at for one that is claimed next."""
_TRIED: Final = 16
"""Of those, how many are tried: others are at the first ones at the same moment."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to a run."""

    run_id: str
    token: int
    """The run's ``attempt``."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A run that a worker was given."""

    run: Run
    source: str
    lease: Lease
    next_sequence: int


async def waiting(session: ReadSession, now: datetime) -> Sequence[str]:
    """Runs that may be claimed, in the order in which they should be.

    First those whose worker was lost; then by priority, of the same one those of the user who has the fewest that run,
    then by age.
    """
    lost = await session.rows(
        select(RunRow.id)
        .where(RunRow.state == RunState.RUNNING, RunRow.lease_until < now)
        .order_by(RunRow.lease_until)
        .limit(_TRIED)
    )
    queued = await session.rows(
        select(RunRow.id, RunRow.user_id, RunRow.priority)
        .where(RunRow.state == RunState.QUEUED)
        .order_by(RunRow.priority.desc(), RunRow.id)
        .limit(_LOOKED_AT)
    )
    found = [row.id for row in lost]
    if queued:
        counts = await session.rows(
            select(RunRow.user_id, func.count()).where(RunRow.state == RunState.RUNNING).group_by(RunRow.user_id)
        )
        running: dict[str, int] = {row[0]: row[1] for row in counts}
        placed = []
        for row in queued:
            running[row.user_id] = place = running.get(row.user_id, 0) + 1
            placed.append((-row.priority, place, row.id))
        found += [run_id for _, _, run_id in sorted(placed)[:_TRIED]]
    return found


async def claim(
    session: WriteSession, run_ids: Sequence[str], worker_id: str, now: datetime, lease_until: datetime
) -> Claim | None:
    """Take the first of these runs that nobody has.

    Args:
        session: Writes.
        run_ids: What ``waiting`` found.
        worker_id: Who takes it.
        now: The time.
        lease_until: Until when it is the worker's, unless it is renewed.

    Returns:
        None where others were faster with every one.
    """
    is_free = or_(RunRow.state == RunState.QUEUED, and_(RunRow.state == RunState.RUNNING, RunRow.lease_until < now))
    columns = (*RUN, RunRow.source, RunRow.attempt, RunRow.next_sequence)
    for run_id in run_ids:
        query = select(*columns).where(RunRow.id == run_id, is_free).with_for_update(skip_locked=True)
        row = await session.row(query)
        if row is None:
            continue
        token, sequence = row.attempt + 1, row.next_sequence
        values = {
            "state": str(RunState.RUNNING),
            "worker_id": worker_id,
            "lease_until": lease_until,
            "attempt": token,
            "next_sequence": sequence + 1,
            "started_at": row.started_at or now,
        }
        await session.write(update(RunRow).where(RunRow.id == run_id).values(values))
        begun = Happening("run.started" if token == 1 else "run.resumed", {"attempt": token})
        await run_events.append(session, run_id, sequence, [begun], now)
        return Claim(read_run(row), row.source, Lease(run_id, token), sequence + 1)
    return None


async def renew(session: WriteSession, lease: Lease, lease_until: datetime) -> None:
    """Say that the run goes on.

    Raises:
        LeaseLost: It is another worker's, or has ended.
    """
    await _update(session, lease, {"lease_until": lease_until})


async def give_back(session: WriteSession, lease: Lease) -> None:
    """Put the run back among those that wait, for another worker to go on with.

    Raises:
        LeaseLost: It is another worker's, or has ended.
    """
    await _update(session, lease, {"state": str(RunState.QUEUED), "worker_id": None, "lease_until": None})


async def advance(
    session: WriteSession,
    lease: Lease,
    sequence: int,
    happenings: Sequence[Happening],
    at: datetime,
    values: Mapping[str, object] | None = None,
) -> bool:
    """Write what happened; the first statement of a unit of work, which no other worker can then write to.

    Args:
        session: Writes.
        lease: Of the writer.
        sequence: The run's ``next_sequence`` as the writer knows it.
        happenings: At least one, in order.
        at: When.
        values: Columns of the run that change too, such as those of its end.

    Returns:
        False where the same had been written already: there is nothing left to write.

    Raises:
        LeaseLost: The run is another worker's, or has ended.
    """
    after = sequence + len(happenings)
    statement = update(RunRow).where(*_held(lease), RunRow.next_sequence == sequence)
    if await session.write(statement.values({**(values or {}), "next_sequence": after})):
        await run_events.append(session, lease.run_id, sequence, happenings, at)
        return True
    row = await session.row(select(RunRow.attempt, RunRow.next_sequence).where(RunRow.id == lease.run_id))
    if row is not None and (row.attempt, row.next_sequence) == (lease.token, after):
        return False
    raise _lost(lease)


async def _update(session: WriteSession, lease: Lease, values: Mapping[str, object]) -> None:
    if not await session.write(update(RunRow).where(*_held(lease)).values(dict(values))):
        raise _lost(lease)


def _held(lease: Lease) -> tuple[ColumnElement[bool], ...]:
    return (RunRow.id == lease.run_id, RunRow.attempt == lease.token, RunRow.state == RunState.RUNNING)


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(f"The run {lease.run_id} is not this worker's any more.")
