"""Models that are loaded when they are asked for: once, beside the others, and never closed while in use."""

import asyncio
import gc
import threading
from collections.abc import Callable, Sequence
from random import Random

import pytest

from deployments.model_pool import ModelPool, OnDemand
from smartlite.engines.protocols import EngineOptions
from smartlite.errors import ConfigurationError, EngineFailed, ModelNotFound, ModelNotReady, SourceUnavailable


class Engine:
    """Satisfies what a pool uses of an engine."""

    Options = EngineOptions

    def __init__(self, model: str) -> None:
        self.model = model
        self.closed = 0
        self.healthy = True

    def start(self) -> None:
        """The loader starts it."""

    async def check_health(self) -> None:
        if not self.healthy:
            raise EngineFailed(f"{self.model} is broken.")

    def close(self) -> None:
        self.closed += 1


class Loader:
    """Makes engines, each load held back until it is let through."""

    def __init__(self) -> None:
        self.loads: list[str] = []
        self.made: list[Engine] = []
        self.gate = threading.Event()
        self.gate.set()
        self.error: Exception | None = None

    def load(self, model: str) -> Engine:
        self.loads.append(model)
        assert self.gate.wait(10)
        if self.error is not None:
            raise self.error
        self.made.append(Engine(model))
        return self.made[-1]


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def open_pool(loader: Loader) -> Callable[..., ModelPool[Engine]]:
    """``open_pool("a", "b", max_loaded=1)``: models on demand beside the model ``kept``, which is there always."""

    def build(*models: str, max_loaded: int = 2, load_timeout_s: float = 10) -> ModelPool[Engine]:
        on_demand = OnDemand(models, loader.load, lambda _: None, max_loaded, load_timeout_s)
        return ModelPool({"kept": Engine("kept")}, on_demand)

    return build


class Memory:
    """Counts engines that are there at the same time."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self._lock = threading.Lock()

    def load(self, model: str) -> Engine:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        engine = Engine(model)
        engine.close = self._close  # type: ignore[method-assign]
        return engine

    def _close(self) -> None:
        with self._lock:
            self.now -= 1


Open = Callable[..., ModelPool[Engine]]


async def use(pool: ModelPool[Engine], model: str) -> Engine:
    async with pool.lend(model) as engine:
        return engine


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - what is waited for happens in the code under test
            await asyncio.sleep(0.001)


async def test_a_model_is_loaded_once_for_all_who_ask_at_the_same_time(open_pool: Open, loader: Loader) -> None:
    pool = open_pool("a")
    assert pool.states() == {"kept": "loaded", "a": "available"}
    loader.gate.clear()
    asked = [asyncio.create_task(use(pool, "a")) for _ in range(5)]
    await until(lambda: loader.loads == ["a"])
    assert pool.states()["a"] == "loading"
    loader.gate.set()
    assert len(set(await asyncio.gather(*asked))) == 1
    assert loader.loads == ["a"]
    assert pool.states()["a"] == "loaded"


async def test_other_models_answer_and_health_passes_while_one_loads(open_pool: Open, loader: Loader) -> None:
    pool = open_pool("a")
    loader.gate.clear()
    asked = asyncio.create_task(use(pool, "a"))
    await until(lambda: loader.loads == ["a"])
    assert (await use(pool, "kept")).model == "kept"
    await pool.check_health()
    assert not asked.done()
    loader.gate.set()
    assert (await asked).model == "a"


async def test_the_idle_model_that_was_used_least_recently_makes_room(open_pool: Open, loader: Loader) -> None:
    pool = open_pool("a", "b", "c", max_loaded=2)
    for model in ("a", "b", "a", "c"):
        await use(pool, model)
    assert {engine.model: engine.closed for engine in loader.made} == {"a": 0, "b": 1, "c": 0}
    assert pool.states() == {"kept": "loaded", "a": "loaded", "b": "available", "c": "loaded"}


async def test_a_model_in_use_is_not_closed_and_the_next_waits_for_it(open_pool: Open, loader: Loader) -> None:
    pool = open_pool("a", "b", max_loaded=1)
    async with pool.lend("a") as engine:
        asked = asyncio.create_task(use(pool, "b"))
        await until(lambda: pool.states()["b"] == "loading")
        await asyncio.sleep(0.02)
        assert (engine.closed, loader.loads) == (0, ["a"])
    assert (await asked).model == "b"
    assert engine.closed == 1


async def test_who_waits_too_long_is_told_and_the_load_goes_on(open_pool: Open, loader: Loader) -> None:
    pool = open_pool("a", load_timeout_s=0.02)
    loader.gate.clear()
    with pytest.raises(ModelNotReady, match=r"still loading after 0\.02 s"):
        await use(pool, "a")
    loader.gate.set()
    await until(lambda: pool.states()["a"] == "loaded")
    assert (await use(pool, "a")).model == "a"
    assert loader.loads == ["a"]


async def test_nobody_who_leaves_ends_the_load_of_another(open_pool: Open, loader: Loader) -> None:
    pool = open_pool("a")
    loader.gate.clear()
    leaves, stays = asyncio.create_task(use(pool, "a")), asyncio.create_task(use(pool, "a"))
    await until(lambda: loader.loads == ["a"])
    leaves.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaves
    loader.gate.set()
    assert (await stays).model == "a"


async def test_a_load_that_waits_for_room_ends_with_the_last_who_wants_it(open_pool: Open, loader: Loader) -> None:
    pool = open_pool("a", "b", max_loaded=1)
    async with pool.lend("a"):
        asked = asyncio.create_task(use(pool, "b"))
        await until(lambda: pool.states()["b"] == "loading")
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        await until(lambda: pool.states()["b"] == "available")
    gc.collect()  # an error that nobody looked at would be reported now
    assert loader.loads == ["a"]


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (SourceUnavailable("/secret: no network"), ModelNotReady),
        (ConfigurationError("/secret is no model"), EngineFailed),
        (RuntimeError("/secret"), EngineFailed),
    ],
)
async def test_a_failed_load_is_told_without_its_paths_and_tried_again(
    open_pool: Open, loader: Loader, raised: Exception, expected: type[Exception]
) -> None:
    pool = open_pool("a")
    loader.error = raised
    with pytest.raises(expected) as caught:
        await use(pool, "a")
    assert type(caught.value) is expected
    assert "secret" not in str(caught.value)
    assert pool.states()["a"] == "failed"
    loader.error = None
    assert (await use(pool, "a")).model == "a"
    assert pool.states()["a"] == "loaded"


async def test_a_broken_model_on_demand_is_closed_and_loaded_anew_without_the_replica(
    open_pool: Open, loader: Loader
) -> None:
    pool = open_pool("a")
    first = await use(pool, "a")
    first.healthy = False
    async with pool.lend("a"):
        await pool.check_health()
        assert first.closed == 0
        with pytest.raises(ModelNotReady, match="loaded anew"):
            await use(pool, "a")
    await pool.check_health()
    assert (first.closed, pool.states()["a"]) == (1, "failed")
    assert await use(pool, "a") is not first


async def test_a_broken_model_that_is_kept_fails_the_replica(open_pool: Open) -> None:
    pool = open_pool("a")
    (await use(pool, "kept")).healthy = False
    with pytest.raises(EngineFailed):
        await pool.check_health()


async def test_an_unknown_model_is_not_found(open_pool: Open) -> None:
    with pytest.raises(ModelNotFound):
        await use(open_pool("a"), "b")


async def test_the_end_closes_everything(open_pool: Open, loader: Loader) -> None:
    pool = open_pool("a", "b")
    kept, loaded = await use(pool, "kept"), await use(pool, "a")
    pool.close()
    assert (kept.closed, loaded.closed) == (1, 1)


async def test_of_fifty_voices_asked_for_by_twelve_at_once_no_more_than_may_are_in_memory() -> None:
    voices, memory, random = [f"voice-{number}" for number in range(50)], Memory(), Random(1)
    pool = ModelPool[Engine]({}, OnDemand(voices, memory.load, lambda _: None, 3, 60))  # type: ignore[arg-type]

    async def ask() -> None:
        for _ in range(20):
            async with pool.lend(random.choice(voices)):
                await asyncio.sleep(0)

    await asyncio.gather(*(ask() for _ in range(12)))
    assert memory.most == 3


async def test_whoever_sends_requests_is_told_what_is_loaded_as_soon_as_a_load_begins(loader: Loader) -> None:
    told: list[Sequence[str]] = []
    pool = ModelPool[Engine]({}, OnDemand(("a", "b"), loader.load, lambda _: None, 1, 10), told.append)
    loader.gate.clear()
    first = asyncio.create_task(use(pool, "a"))
    await until(lambda: loader.loads == ["a"])
    assert told == [["a"]]
    loader.gate.set()
    await first
    await use(pool, "b")
    assert told == [["a"], [], ["b"]]


async def test_a_model_that_waits_for_room_is_not_said_to_be_here(open_pool: Open, loader: Loader) -> None:
    pool = open_pool("a", "b", max_loaded=1)
    async with pool.lend("a"):
        asked = asyncio.create_task(use(pool, "b"))
        await until(lambda: pool.states()["b"] == "loading")
        assert pool.held() == ["a"]
    await asked
    assert pool.held() == ["b"]


async def test_a_model_that_could_not_be_loaded_is_said_to_be_gone(loader: Loader) -> None:
    told: list[Sequence[str]] = []
    pool = ModelPool[Engine]({}, OnDemand(("a",), loader.load, lambda _: None, 1, 10), told.append)
    loader.error = RuntimeError("broken")
    with pytest.raises(EngineFailed):
        await use(pool, "a")
    assert told == [["a"], []]
