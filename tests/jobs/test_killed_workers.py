"""Worker processes that are killed again and again: every run that was accepted ends, with every effect once."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from smartlite.domain.pipelines import ENDED, PipelineQuery, RunState
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate
from tests.jobs.world import Office, asked

_ROOT = Path(__file__).parents[2]
_RUNS = 20
_EFFECTS = 5


@contextmanager
def a_worker(url: str, effects: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that works meanwhile, and is killed at the end."""
    command = [sys.executable, "-m", "tests.jobs.worker_process", url, str(effects)]
    process = subprocess.Popen(command, cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT)})
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def until_more(effects: Path, wanted: int, worker: subprocess.Popen[bytes]) -> None:
    """Wait for so many effects."""
    until = time.monotonic() + 60
    while len(list(effects.iterdir())) < wanted:
        assert worker.poll() is None, "the worker ended by itself"
        assert time.monotonic() < until, "the worker does nothing"
        time.sleep(0.005)


@pytest.mark.integration
async def test_runs_end_with_every_effect_once_though_their_workers_are_killed(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/runs.db"
    effects = tmp_path / "effects"
    effects.mkdir()
    database = Database(url)
    await migrate(database)
    office = Office(database)
    accepted = [await office.runs().submit(asked("chain", f"user_{n % 3}", items=[1, 2, 3])) for n in range(_RUNS)]
    for kill in range(1, 6):
        with a_worker(url, effects) as worker:
            until_more(effects, kill * _RUNS * _EFFECTS // 7, worker)
    with a_worker(url, effects), a_worker(url, effects):
        ended = [await office.runs().wait(run.id, 60) for run in accepted]
    assert {run.state for run in ended} == {RunState.SUCCEEDED}
    steps = ("a+-1", "b+-1", "each+0", "each+1", "each+2")
    assert {path.name for path in effects.iterdir()} == {f"{run.id}+{step}" for run in accepted for step in steps}
    resumed = 0
    for run in accepted:
        events = [event async for event in office.runs().events(run.id)]
        assert [event.sequence for event in events] == list(range(1, len(events) + 1))
        assert events[-1].type == "run.succeeded"
        resumed += sum(event.type == "run.resumed" for event in events)
        ends = [(event.data["step"], event.data.get("item")) for event in events if event.type == "step.succeeded"]
        assert len(ends) == len(set(ends)) == _EFFECTS + 1
    assert resumed > 0
    running = await office.runs().page(PipelineQuery(states=[state for state in RunState if state not in ENDED]))
    assert not running.items
    await database.close()
