"""Outputs of steps that may be taken again, as rows. Must not know what a step does, nor what makes a key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select

from smartlite.domain.pipelines import JSON
from smartlite.storage.database import ReadSession, WriteSession
from smartlite.storage.step_outputs_tables import StepOutputRow


@dataclass(frozen=True, slots=True)
class KeptOutput:
    """What a step gave before."""

    output: JSON


async def find(session: ReadSession, key: bytes, user_id: str, now: datetime) -> KeptOutput | None:
    """What is kept under a key for a user, and not too old."""
    query = select(StepOutputRow.output).where(
        StepOutputRow.key == key, StepOutputRow.user_id == user_id, StepOutputRow.expires_at > now
    )
    row: Sequence[Any] | None = await session.row(query)
    return None if row is None else KeptOutput(row[0])


async def keep(
    session: WriteSession, key: bytes, user_id: str, output: JSON, now: datetime, expires_at: datetime
) -> None:
    """Keep an output in the place of what was there."""
    await session.write(delete(StepOutputRow).where(StepOutputRow.key == key))
    values = {"key": key, "user_id": user_id, "output": output, "created_at": now, "expires_at": expires_at}
    await session.write(insert(StepOutputRow).values(values))


async def purge(session: WriteSession, now: datetime, limit: int) -> int:
    """Remove at most so many that are too old; how many there were."""
    old = select(StepOutputRow.key).where(StepOutputRow.expires_at <= now).limit(limit)
    keys = [row[0] for row in await session.rows(old)]
    return await session.write(delete(StepOutputRow).where(StepOutputRow.key.in_(keys))) if keys else 0
