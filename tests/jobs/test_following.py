"""Runs as those see them who watch: nothing recorded is missing, and what is only told comes while it is made."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from smartlite.domain.pipelines import JSON, Happening, RunEvent, RunState
from smartlite.jobs.live import MOST_WAITING, Live, LocalLive, SharedLive, Watch
from smartlite.jobs.runs import Runs
from smartlite.pipeline.execution.kinds import StepContext
from smartlite.storage.redis_channels import RedisChannels
from tests.jobs.world import FAST, Office, asked, read
from tests.pipeline.execution.world import NOON
from tests.storage.redis_server import RedisServer


class DeafLive(LocalLive):
    """Tells nothing of what is recorded, or only some."""

    def __init__(self, every: int) -> None:
        super().__init__()
        self._every = every
        self._told = 0

    def tell(self, events: Sequence[RunEvent]) -> None:
        self._told += 1
        if self._every and self._told % self._every == 0:
            super().tell(events)


@pytest.fixture(params=["local", "shared"])
async def live(request: pytest.FixtureRequest) -> AsyncIterator[Live]:
    """What carries events, in each of its forms."""
    if request.param == "local":
        yield LocalLive()
        return
    server = RedisServer()
    try:
        server.start()
        shared = SharedLive(RedisChannels(server.url))
        yield shared
        await shared.close()
    finally:
        server.close()


@pytest.mark.integration
@pytest.mark.enable_socket
async def test_what_is_told_reaches_those_who_watch_in_order(live: Live) -> None:
    event = RunEvent("run_1", 3, NOON, "step.delta", {"text": "über"})
    async with live.watch("run_1") as watch, asyncio.timeout(10):
        while not live.is_followed("run_1"):
            live.show("run_1", Happening("hello"))
            await asyncio.sleep(0.01)
        live.tell([event])
        live.tell([RunEvent("run_2", 1, NOON, "another")])
        live.show("run_1", Happening("step.audio", {"audio": "AAAA"}))
        heard = [told async for told in _until(watch, "step.audio")]
    assert heard[-2:] == [event, Happening("step.audio", {"audio": "AAAA"})]


@pytest.mark.parametrize("every", [0, 1, 2, 3])
async def test_no_event_is_missing_however_few_are_told(office: Office, every: int) -> None:
    office.live = DeafLive(every)
    for name in ("a", "b", "each"):
        office.script.on(name, name)
    run = await office.runs().submit(asked("chain", items=[1, 2]))
    office.worker(timing=FAST)
    async with asyncio.timeout(20):
        events = [event async for event in office.runs().events(run.id)]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert events[-1].type == "run.succeeded"


async def test_who_watches_needs_not_wait_for_the_database_to_be_asked(office: Office) -> None:
    goes_on = asyncio.Event()

    async def wait(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        await goes_on.wait()
        return None

    office.script.on("a", wait)
    runs = Runs(office.database, read, poll_s=3600, live=office.live)
    run = await runs.submit(asked())
    async with asyncio.timeout(20):
        follower = runs.follow(run.id)
        first = asyncio.ensure_future(anext(follower))
        office.worker(timing=FAST)
        types = [(await first).type]
        goes_on.set()
        types += [event.type async for event in follower]
        assert (await runs.wait(run.id, 10)).state == RunState.SUCCEEDED
    assert types[-1] == "run.succeeded"


async def test_a_watcher_that_does_not_keep_up_misses_what_comes_later() -> None:
    watch = Watch()
    for number in range(MOST_WAITING + 5):
        watch.put(Happening(str(number)))
    heard = [told.type for _ in range(MOST_WAITING) if (told := await watch.next(0.1)) is not None]
    assert (len(heard), heard[-1]) == (MOST_WAITING, str(MOST_WAITING - 1))


async def _until(watch: Watch, type_: str) -> AsyncIterator[RunEvent | Happening]:
    while (told := await watch.next(5)) is not None:
        yield told
        if told.type == type_:
            return


async def test_what_is_only_told_keeps_its_place_between_the_events(office: Office) -> None:
    goes_on = asyncio.Event()

    async def speak(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        await goes_on.wait()
        office.live.show(context.run.id, Happening("step.audio", {"step": context.step_id}))
        return None

    for name in ("a", "b", "each"):
        office.script.on(name, speak)
    run = await office.runs().submit(asked("chain", items=[1]))
    follower = office.runs().follow(run.id)
    first = asyncio.ensure_future(anext(follower))
    office.worker(timing=FAST)
    async with asyncio.timeout(20):
        told = [await first]
        goes_on.set()
        told += [event async for event in follower]
    kinds = [event.type for event in told if event.data.get("step") == "b"]
    assert kinds == ["step.started", "step.audio", "step.succeeded"]
