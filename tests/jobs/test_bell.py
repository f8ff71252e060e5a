"""Runs with a bell over a real Redis: nobody waits for a poll, and a Redis that is lost midway loses no run."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from smartlite.domain.pipelines import RunState
from smartlite.jobs.live import SharedLive
from smartlite.jobs.runs import Runs
from smartlite.jobs.worker import Timing, Worker
from smartlite.pipeline.execution.executor import Executor
from smartlite.storage.bell import Bell
from smartlite.storage.database import Database
from smartlite.storage.redis_channels import RedisChannels
from tests.jobs.world import Office, asked, read
from tests.pipeline.execution.world import SCRIPTED
from tests.storage.redis_server import RedisServer

pytestmark = pytest.mark.integration


@pytest.fixture
def server() -> Iterator[RedisServer]:
    server = RedisServer()
    server.start()
    yield server
    server.close()


class Replicas:
    """One that accepts runs and one that works on them; each has a bell of its own."""

    def __init__(self, office: Office, database: Database, url: str, poll_s: float) -> None:
        self.bells = Bell(url), Bell(url)
        self.live = SharedLive(RedisChannels(url)), SharedLive(RedisChannels(url))
        self.runs = Runs(database, read, poll_s=poll_s, bell=self.bells[0], live=self.live[0])
        executor = Executor({"python": office.script.run}, cancel_check_s=0.02, specs=SCRIPTED)
        timing = Timing(lease_s=5.0, renew_s=1.0, poll_s=poll_s)
        bell, live = self.bells[1], self.live[1]
        self.worker = Worker(database, executor, read, lambda _: office.objects, 4, timing, bell=bell, live=live)
        self.worker.begin()

    async def heard(self) -> None:
        async with asyncio.timeout(30):
            while not self.bells[1].is_heard:  # noqa: ASYNC110 - nobody tells when
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        await self.worker.close()
        for each in (*self.bells, *self.live):
            await each.close()


@pytest.fixture
async def replicas(
    office: Office, database: Database, server: RedisServer, request: pytest.FixtureRequest
) -> AsyncIterator[Replicas]:
    replicas = Replicas(office, database, server.url, getattr(request, "param", 0.05))
    await replicas.heard()
    yield replicas
    await replicas.close()


@pytest.mark.parametrize("replicas", [600.0], indirect=True)
async def test_nobody_waits_for_a_poll(office: Office, replicas: Replicas) -> None:
    office.script.on("a", "A")
    with replicas.bells[0].waiting("x"):
        async with asyncio.timeout(30):
            while not replicas.bells[0].is_heard:  # noqa: ASYNC110 - likewise
                await asyncio.sleep(0.01)
        run = await replicas.runs.submit(asked())
        async with asyncio.timeout(60):
            assert (await replicas.runs.wait(run.id, 500)).state is RunState.SUCCEEDED
            assert [event.type async for event in replicas.runs.events(run.id)][-1] == "run.succeeded"


async def test_losing_redis_midway_loses_no_run(office: Office, replicas: Replicas, server: RedisServer) -> None:
    office.script.on("a", "A")
    runs = [await replicas.runs.submit(asked()) for _ in range(5)]
    server.kill()
    runs += [await replicas.runs.submit(asked()) for _ in range(10)]
    server.start()
    runs += [await replicas.runs.submit(asked()) for _ in range(5)]
    ended = [(await replicas.runs.wait(run.id, 60)).state for run in runs]
    assert ended == [RunState.SUCCEEDED] * 20
    assert len(office.script.calls) == 20
