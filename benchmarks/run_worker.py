"""A process that works on runs until somebody ends it, for ``benchmarks.killed_workers``. Must not know who kills it.

Its steps have one effect each, at an engine that counts by idempotency key: a file of that name.
"""

import asyncio
import sys
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

from benchmarks.bookkeeping import COUNTED, NoObjects, read_counted
from smartlite.domain.pipelines import JSON, Run
from smartlite.jobs.live import SharedLive
from smartlite.jobs.worker import Worker
from smartlite.pipeline.execution.executor import Executor
from smartlite.pipeline.execution.kinds import StepContext, StepDelta, StepEvent, StepOutput
from smartlite.storage.database import Database
from smartlite.storage.redis_channels import RedisChannels

_STEP_S = 0.05


async def work(url: str, redis_url: str, effects: Path) -> None:
    """Work until the process ends."""

    async def count(context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        yield StepDelta("begun ")
        await asyncio.sleep(_STEP_S)
        (effects / context.idempotency_key.replace("/", "+")).touch()
        yield StepOutput({"text": context.step_id})

    live = SharedLive(RedisChannels(redis_url))
    worker = Worker(Database(url), Executor({"python": count}, specs=COUNTED), read_counted, _objects, 8, live=live)
    worker.begin()
    await asyncio.Event().wait()


def _objects(run: Run) -> NoObjects:
    return NoObjects()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
