"""What every replica does with its engines: files ahead of their first use, states, health, an end that closes all."""

import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import pytest

from deployments.engine_replica import EngineReplica
from deployments.model_pool import OnDemand
from deployments.text import TextDeployment
from smartlite.domain.embedding import Embedding, EmbeddingEvent, EmbeddingFinished, EmbedRequest
from smartlite.domain.llm import ChatFinished, ChatOptions, ChatRequest, Message, TextDelta
from smartlite.domain.models import ModelFiles
from smartlite.domain.usage import TokenUsage
from smartlite.engines.protocols import EngineOptions
from smartlite.engines.registry import create_llm
from smartlite.errors import EngineFailed, ModelNotFound, SourceUnavailable
from tests.deployments.test_model_pool import Engine


def fetching(fetched: list[str], missing: str = "") -> tuple[OnDemand[Engine], threading.Event]:
    """Models on demand whose files are noted when they are fetched, and an event for the last of them."""
    done = threading.Event()

    def fetch(model: str) -> None:
        fetched.append(model)
        if model == "c":
            done.set()
        if model == missing:
            raise SourceUnavailable(f"no source has {model}")

    return OnDemand(("a", "b", "c"), Engine, fetch, 1, 5), done


async def test_files_of_models_on_demand_are_fetched_once_the_replica_is_there() -> None:
    fetched: list[str] = []
    on_demand, done = fetching(fetched)
    replica = EngineReplica(lambda: {"kept": Engine("kept")}, on_demand)
    assert done.wait(10)
    assert fetched == ["a", "b", "c"]
    assert await replica.model_states() == {"kept": "loaded"} | dict.fromkeys("abc", "available")


async def test_files_that_cannot_be_fetched_keep_nothing_else_from_coming() -> None:
    fetched: list[str] = []
    on_demand, done = fetching(fetched, missing="a")
    replica = EngineReplica(dict, on_demand)
    assert done.wait(10)
    async with replica.engine("b") as engine:
        assert engine.model == "b"


async def test_a_replica_tells_how_many_requests_it_works_on_or_loads_for() -> None:
    replica = EngineReplica(lambda: {"kept": Engine("kept")})
    async with replica.engine("kept"), replica.engine("kept"):
        assert await replica.record_autoscaling_stats() == {"at_work": 2.0}
    with pytest.raises(ModelNotFound):
        async with replica.engine("other"):
            pass
    assert await replica.record_autoscaling_stats() == {"at_work": 0.0}


async def test_a_replica_is_as_healthy_as_what_it_keeps() -> None:
    kept = Engine("kept")
    replica = EngineReplica(lambda: {"kept": kept})
    await replica.check_health()
    kept.healthy = False
    with pytest.raises(EngineFailed):
        await replica.check_health()


def test_the_end_of_a_replica_closes_its_engines() -> None:
    kept = Engine("kept")
    replica = EngineReplica(lambda: {"kept": kept})
    replica.__del__()  # as Serve calls it
    assert kept.closed == 1


class Lengths:
    """An embedding engine: the vector of a text is its length."""

    Options = EngineOptions

    def start(self) -> None:
        """Nothing to load."""

    async def check_health(self) -> None:
        """Always well."""

    def close(self) -> None:
        """Nothing to give back."""

    async def embed(self, texts: tuple[str, ...]) -> AsyncGenerator[EmbeddingEvent, None]:
        for index, text in enumerate(texts):
            yield Embedding(index, np.array([len(text)], dtype=np.float32))
        yield EmbeddingFinished(TokenUsage(len(texts), 0))


async def test_a_replica_of_texts_answers_and_makes_vectors_on_demand() -> None:
    def load_llm() -> dict[str, object]:
        engine = create_llm("fake", ModelFiles("llm", Path()), {})
        engine.start()
        return {"llm": engine}

    on_demand = OnDemand(("vectors",), lambda _: Lengths(), lambda _: None, 1, 5)
    replica = TextDeployment(load_llm, 0.0, on_demand)  # type: ignore[arg-type]
    events = [event async for event in replica.embed(EmbedRequest("vectors", ("one", "three")))]
    assert [event.vector.tolist() for event in events if isinstance(event, Embedding)] == [[3.0], [5.0]]
    assert isinstance(events[-1], EmbeddingFinished)
    request = ChatRequest("llm", (Message("user", "Hi"),), ChatOptions())
    answer = [event async for event in replica.chat(request)]
    assert isinstance(answer[0], TextDelta)
    assert isinstance(answer[-1], ChatFinished)
    assert await replica.model_states() == {"llm": "loaded", "vectors": "loaded"}
