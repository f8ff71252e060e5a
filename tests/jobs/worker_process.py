"""A worker that is a process of its own: its steps leave one file each, by idempotency key. Must not know any test."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from smartlite.domain.pipelines import JSON
from smartlite.pipeline.execution.kinds import StepContext
from smartlite.storage.database import Database
from tests.jobs.world import Office


async def work(url: str, effects: Path) -> None:
    """Work until somebody ends the process."""
    office = Office(Database(url))

    async def leave_a_file(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        with suppress(FileExistsError):
            (effects / context.idempotency_key.replace("/", "+")).touch(exist_ok=False)
        await asyncio.sleep(0.01)
        return context.step_id

    for name in ("a", "b", "each"):
        office.script.on(name, leave_a_file)
    office.worker()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], Path(sys.argv[2])))
