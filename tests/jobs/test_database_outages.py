"""Runs while the database goes away, or is lost in the middle of a commit: nothing is lost, and nothing is twice."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import pytest

from smartlite.domain.pipelines import JSON, RunState
from smartlite.errors import DatabaseUnavailable
from smartlite.jobs.shift import Timing
from smartlite.pipeline.execution.kinds import StepContext
from smartlite.storage.database import Database, WriteSession
from tests.jobs.world import Office, asked
from tests.storage.mariadb import MariaDB

PATIENT = Timing(lease_s=60, renew_s=0.5, poll_s=0.02, away_s=0.2)


class Unlucky(Database):
    """Every second commit is done, and nobody hears of it."""

    count = 0

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[WriteSession]:
        async with super().writing() as session:
            yield session
        self.count += 1
        if self.count % 2:
            raise DatabaseUnavailable("lost during the commit")


async def test_a_commit_that_nobody_heard_of_is_not_done_twice(database: Database) -> None:
    lucky = Office(database)
    run = await lucky.runs().submit(asked("chain", items=[1, 2]))
    unlucky = Unlucky(database.url.render_as_string(hide_password=False))
    office = Office(unlucky)
    office.script.on("a", "A").on("b", "B").on("each", "E")
    office.worker(timing=Timing(lease_s=0.5, renew_s=0.1, poll_s=0.01, away_s=0.05))
    ended = await lucky.runs().wait(run.id, 60)
    assert ended.state == RunState.SUCCEEDED
    events = [event async for event in lucky.runs().events(run.id)]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    succeeded = [(e.data["step"], e.data.get("item")) for e in events if e.type == "step.succeeded"]
    assert sorted(map(str, succeeded)) == sorted(set(map(str, succeeded)))
    assert len(office.script.calls) == 4
    await office.close()
    await unlucky.close()


@pytest.mark.integration
@pytest.mark.enable_socket
async def test_a_run_goes_on_when_its_database_is_back(fragile_mariadb: MariaDB, fragile_database: Database) -> None:
    office = Office(fragile_database)
    starting: list[asyncio.Task[None]] = []

    async def kill_the_server(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        await asyncio.to_thread(fragile_mariadb.kill)
        starting.append(asyncio.create_task(asyncio.to_thread(fragile_mariadb.start)))
        return "A"

    office.script.on("a", kill_the_server).on("b", "B").on("each", "E")
    run = await office.runs().submit(asked("chain", items=[1]))
    office.worker(timing=PATIENT)
    while not starting:  # noqa: ASYNC110 - the step is in another task, and the server is what is waited for
        await asyncio.sleep(0.01)
    await starting[0]
    assert (await office.runs().wait(run.id, 60)).state == RunState.SUCCEEDED
    assert len(office.script.calls) == 3
    await office.close()


@pytest.mark.integration
@pytest.mark.enable_socket
async def test_a_worker_that_begins_without_its_database_works_when_it_is_there(
    fragile_mariadb: MariaDB, fragile_database: Database
) -> None:
    office = Office(fragile_database)
    office.script.on("a", "A")
    run = await office.runs().submit(asked())
    fragile_mariadb.kill()
    office.worker(timing=PATIENT)
    with pytest.raises(DatabaseUnavailable):
        await office.runs().get(run.id)
    await asyncio.to_thread(fragile_mariadb.start)
    assert (await office.runs().wait(run.id, 60)).state == RunState.SUCCEEDED
    await office.close()
