"""``python -m benchmarks killed_workers``: what becomes of runs whose workers are killed; needs no platform.

Must not know how a worker works. Processes that work on many runs are killed with SIGKILL again and again, and Redis
once; meanwhile some of the runs are followed. At the end every run must have succeeded, with each step's effect at the
engine once by its idempotency key, and its events must be whole and in order.
"""

import argparse
import asyncio
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.bookkeeping import read_counted
from benchmarks.machine import describe_run
from benchmarks.measure import Goal, Row, Sample, markdown_table, value_row
from smartlite.domain.pipelines import Run, RunEvent, RunState
from smartlite.edge import tether
from smartlite.jobs.live import SharedLive
from smartlite.jobs.runs import Runs, Submission
from smartlite.storage.database import Database
from smartlite.storage.embedded_redis import EmbeddedRedis
from smartlite.storage.redis_channels import RedisChannels
from smartlite.storage.schema import migrate

_ROOT: Final = Path(__file__).parents[1]
_PID: Final = str(os.getpid())
_FOLLOWED: Final = 10
_LIMIT_S: Final = 900.0
_DOCUMENT: Final = """name: effects
inputs:
  items: {type: array}
steps:
  - {id: first, uses: python, with: {entry_point: x}}
  - {id: each, uses: python, for_each: inputs.items, with: {entry_point: x, v: "${{ steps.first.output.text }}"}}
  - {id: last, uses: python, needs: [each], with: {entry_point: x}}
outputs: {last: "${{ steps.last.output.text }}"}
"""
_ITEMS: Final = 3
_STEPS: Final = ("first+-1", *(f"each+{item}" for item in range(_ITEMS)), "last+-1")


@dataclass
class Plant:
    """Worker processes over one database.

    Args:
        url: Of the database.
        redis_url: Of Redis.
        effects: Where the engine counts.
    """

    url: str
    redis_url: str
    effects: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    kills: int = 0

    def start(self) -> None:
        """One more."""
        command = [sys.executable, "-m", "benchmarks.run_worker", self.url, self.redis_url, str(self.effects)]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
        self.processes.append(subprocess.Popen(command, cwd=_ROOT, env=environment))

    def kill(self) -> None:
        """The oldest, as a crash would, and start another."""
        process = self.processes.pop(0)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.kills += 1
        self.start()

    def close(self) -> None:
        """Kill all of them."""
        for process in self.processes:
            process.kill()
            process.wait()


async def measure(url: str, wanted: int, every_s: float) -> list[Row]:
    """Accept runs, have workers killed while they work, and count what came of it."""
    database = Database(url)
    await migrate(database)
    with tempfile.TemporaryDirectory() as folder:
        effects = Path(folder) / "effects"
        effects.mkdir()
        async with EmbeddedRedis(Path(folder) / "r", (sys.executable, "-I", "-S", tether.__file__, _PID)) as redis:
            live = SharedLive(RedisChannels(redis.url))
            runs = Runs(database, read_counted, most_of_user=wanted, most=wanted, live=live)
            plant = Plant(url, redis.url, effects)
            began = time.monotonic()
            try:
                ended, heard = await _through(runs, plant, redis, wanted, every_s)
            finally:
                plant.close()
            took_s = time.monotonic() - began
            found = set(await asyncio.to_thread(os.listdir, effects))
            rows = await _judged(runs, ended, heard, found)
            await live.close()
    await database.close()
    seen = f"{plant.kills} workers and Redis killed"
    return [value_row(f"{wanted} runs, {seen}: until all ended", Sample((took_s,), "s")), *rows]


async def _through(
    runs: Runs, plant: Plant, redis: EmbeddedRedis, wanted: int, every_s: float
) -> tuple[list[Run], list[list[int]]]:
    items = {"items": list(range(_ITEMS))}
    accepted = [
        await runs.submit(Submission(f"user_{n % 5}", None, "pl_1", "effects", 1, _DOCUMENT, items))
        for n in range(wanted)
    ]
    plant.start()
    plant.start()
    followers = [asyncio.create_task(_follow(runs, run.id)) for run in accepted[:: max(1, wanted // _FOLLOWED)]]
    killer = asyncio.create_task(_kill_for_ever(plant, redis, every_s))
    try:
        async with asyncio.timeout(_LIMIT_S):
            ended = [await runs.wait(run.id, _LIMIT_S) for run in accepted]
            return ended, [await follower for follower in followers]
    finally:
        killer.cancel()
        await asyncio.gather(killer, return_exceptions=True)


async def _kill_for_ever(plant: Plant, redis: EmbeddedRedis, every_s: float) -> None:
    for number in itertools.count(1):
        await asyncio.sleep(every_s)
        await asyncio.to_thread(plant.kill)
        if number == 1 and redis.pid is not None:
            os.kill(redis.pid, signal.SIGKILL)


async def _follow(runs: Runs, run_id: str) -> list[int]:
    """The numbers of the events that somebody hears who watches all the time."""
    return [event.sequence async for event in runs.follow(run_id) if isinstance(event, RunEvent)]


async def _judged(runs: Runs, ended: Sequence[Run], heard: Sequence[list[int]], found: set[str]) -> list[Row]:
    wanted = {f"{run.id}+{step}" for run in ended for step in _STEPS}
    broken = twice = resumed = 0
    for run in ended:
        events = [event async for event in runs.events(run.id)]
        ends = [(each.data["step"], each.data.get("item")) for each in events if each.type == "step.succeeded"]
        broken += [each.sequence for each in events] != list(range(1, len(events) + 1))
        twice += len(ends) != len(set(ends)) or len(ends) != len(_STEPS) + 1
        resumed += sum(each.type == "run.resumed" for each in events)
    missed = sum(numbers != list(range(1, len(numbers) + 1)) for numbers in heard)
    counts = {
        "runs that did not succeed": sum(run.state != RunState.SUCCEEDED for run in ended),
        "effects that are missing, or of nothing": len(found ^ wanted),
        "runs whose events have a gap": broken,
        "runs with a step that ended never or twice": twice,
        f"followers of {len(heard)} that missed an event": missed,
    }
    rows = [value_row(what, Sample((float(n),), ""), Goal("at most", 0, "")) for what, n in counts.items()]
    return [*rows, value_row("times that another worker went on", Sample((float(resumed),), ""))]


def main(arguments: list[str]) -> int:
    """Measure and print a table.

    Returns:
        0 where every goal is met, else 1.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks killed_workers", description=__doc__)
    parser.add_argument("--database", help="URL of an empty one; absent: SQLite in a temporary folder")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--every", type=float, default=5.0, help="seconds between two kills")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        url = asked.database or f"sqlite+aiosqlite:///{Path(folder) / 'runs.db'}"
        rows = asyncio.run(measure(url, asked.runs, asked.every))
    print(describe_run(["python", "-m", "benchmarks", "killed_workers", *arguments]))
    print(f"\n{markdown_table(rows)}")
    return 1 if any(row.is_met is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
