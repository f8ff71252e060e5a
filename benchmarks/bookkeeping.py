"""``python -m benchmarks bookkeeping``: what runs cost for each step; needs no platform. Must not know engines.

A worker in this process runs a chain of steps that do nothing, on SQLite and on the database that is named; whatever
time passes is that of the runs themselves: claims, records, attempts, events.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Final

from benchmarks.machine import describe_run
from benchmarks.measure import Goal, Row, Sample, markdown_table, value_row
from smartlite.domain.pipelines import ENDED, JSON, Run
from smartlite.errors import NotFound
from smartlite.jobs.live import LocalLive
from smartlite.jobs.pipelines import reading
from smartlite.jobs.runs import Runs, Submission
from smartlite.jobs.worker import Worker
from smartlite.pipeline.execution.executor import Executor
from smartlite.pipeline.execution.kinds import StepContext, StepEvent, StepOutput
from smartlite.pipeline.spec import KINDS, Kind
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate

COUNTED: Final = {**KINDS, "python": Kind("python", "What a benchmark counts.", {}, {}, open=True)}
"""What steps of benchmarks use."""
read_counted: Final = reading(COUNTED)
_STEPS: Final = 20
_GOAL: Final = Goal("at most", 15, "ms")


async def nothing(context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
    """A StepRunner."""
    yield StepOutput(1)


class NoObjects:
    """Objects that are not there."""

    async def get(self, key: str) -> bytes:
        """See Objects."""
        raise NotFound("There is nothing.")

    async def put(self, key: str, data: bytes) -> None:
        """See Objects."""


def chain(steps: int) -> str:
    """A document of steps, each of which waits for the one before."""
    lines = ["name: chain", "steps:", "  - {id: s0, uses: python, with: {entry_point: x}}"]
    for n in range(1, steps):
        lines.append(f"  - {{id: s{n}, uses: python, with: {{entry_point: x, v: '${{{{ steps.s{n - 1}.output }}}}'}}}}")
    return "\n".join(lines)


async def measure(url: str, name: str, runs_wanted: int) -> list[Row]:
    """Milliseconds that each step of a chain takes beyond its own work, and a run from its request to its begin."""
    database = Database(url)
    await migrate(database)
    live = LocalLive()
    runs = Runs(database, read_counted, live=live)
    worker = Worker(database, Executor({"python": nothing}, specs=COUNTED), read_counted, _objects, live=live)
    worker.begin()
    per_step: list[float] = []
    begins: list[float] = []
    working: list[float] = []
    try:
        for number in range(runs_wanted + 1):
            worked_s = time.process_time()
            run = await runs.submit(Submission("user_1", None, "pl_1", "chain", 1, chain(_STEPS), {}))
            worker.wake()
            run = await runs.wait(run.id, 60)
            if run.state not in ENDED or run.started_at is None or run.finished_at is None:
                raise NotFound("A run did not end.")
            if number:  # the first one opens connections
                per_step.append(1000 * (run.finished_at - run.started_at).total_seconds() / _STEPS)
                begins.append(1000 * (run.started_at - run.created_at).total_seconds())
                working.append(1000 * (time.process_time() - worked_s) / _STEPS)
    finally:
        await worker.close()
        await database.close()
    return [
        value_row(f"Bookkeeping of a step, {name}", Sample(tuple(per_step), "ms"), _GOAL),
        value_row(f"Processor time of it in this process, {name}", Sample(tuple(working), "ms")),
        value_row(f"A run until it begins, {name}", Sample(tuple(begins), "ms"), Goal("at most", 100, "ms")),
    ]


def main(arguments: list[str]) -> int:
    """Measure and print a table.

    Returns:
        0 where the goal is met, else 1.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks bookkeeping", description=__doc__)
    parser.add_argument("--database", action="append", default=[], help="a MySQL or MariaDB beside SQLite; its URL")
    parser.add_argument("--runs", type=int, default=30, help="runs of the chain")
    asked = parser.parse_args(arguments)
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        rows += asyncio.run(measure(f"sqlite+aiosqlite:///{Path(folder) / 'runs.db'}", "SQLite", asked.runs))
    for url in asked.database:
        rows += asyncio.run(measure(url, url.partition(":")[0], asked.runs))
    print(describe_run(["python", "-m", "benchmarks", "bookkeeping", *arguments]))
    print(f"\n{markdown_table(rows)}")
    return 1 if any(row.is_met is False for row in rows) else 0


def _objects(run: Run) -> NoObjects:
    return NoObjects()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
