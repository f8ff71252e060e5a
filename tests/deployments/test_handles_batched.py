"""Small requests through a remote stage: which way they go, and what becomes of each in a batch."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from ray.exceptions import ActorDiedError

from deployments.batch_messages import Frame, Part, Room
from deployments.batched_calls import BatchLimits
from deployments.handles import RemoteStage
from deployments.remote_models import RemoteEmbedding, RemoteLLM, RemoteTTS, Route
from smartlite.domain.embedding import EmbedRequest
from smartlite.domain.llm import ChatOptions, ChatRequest, Message, Tool
from smartlite.domain.tts import SpeakRequest, SynthesizeOptions
from smartlite.errors import DeadlineExceeded, ReplicaLost
from tests.deployments.scripted_handle import Handle, Response


class Batching(Handle):
    """Answers a batch with its requests, and notes which way it was asked."""

    @property
    def speak(self) -> "Batching":
        self.asked.append("speak")
        return self

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def options(self, **options: object) -> "Batching":
        return self

    def __getattr__(self, method: str) -> "Batching":
        self.asked.append(method)
        return self

    def remote(self, request: Any) -> Response:
        return Response(self._answer(request))

    async def _answer(self, request: Any) -> AsyncGenerator[object, None]:
        if self.asked[-1] == "run_items":
            yield Frame([Part(place, [item.request], "done") for place, item in enumerate(request)], Room(8, 8))
        else:
            yield request


@pytest.mark.parametrize(
    ("is_small", "size_bytes", "items", "way"),
    [
        (True, 10, 64, "run_items"),
        (True, 10, 1, "ask"),
        (True, 1001, 64, "ask"),
        (False, 10, 64, "ask"),
    ],
)
async def test_only_small_requests_go_together_where_they_may(
    is_small: bool, size_bytes: int, items: int, way: str
) -> None:
    handle = Batching()
    remote = RemoteStage(handle, "llm", 5, 5, limits=BatchLimits(items, 2, 1000, 10))  # type: ignore[arg-type]
    stream = remote.stream("ask", "request", size_bytes, is_small=is_small)
    assert [event async for event in stream] == ["request"]
    assert handle.asked == [way]


async def test_a_request_in_a_batch_has_its_own_deadline() -> None:
    class Silent(Batching):
        async def _answer(self, request: Any) -> AsyncGenerator[object, None]:
            yield Frame([], Room(8, 8))
            await asyncio.Event().wait()

    remote = RemoteStage(Silent(), "llm", 0.01, 5, limits=BatchLimits(64, 2, 1000, 10))  # type: ignore[arg-type]
    with pytest.raises(DeadlineExceeded):
        _ = [event async for event in remote.stream("ask", "request", 10, is_small=True)]


async def test_a_lost_replica_is_lost_to_each_request_of_a_batch() -> None:
    class Dying(Batching):
        async def _answer(self, request: Any) -> AsyncGenerator[object, None]:
            raise ActorDiedError
            yield

    remote = RemoteStage(Dying(), "llm", 5, 5, limits=BatchLimits(64, 2, 1000, 10))  # type: ignore[arg-type]

    async def ask() -> None:
        _ = [event async for event in remote.stream("ask", "request", 10, is_small=True)]

    failures = await asyncio.gather(ask(), ask(), return_exceptions=True)
    assert [type(failure) for failure in failures] == [ReplicaLost, ReplicaLost]


def chat(*texts: str, is_whole: bool = True, options: ChatOptions = ChatOptions()) -> ChatRequest:  # noqa: B008 - frozen
    return ChatRequest("llm", tuple(Message("user", text) for text in texts), options, is_whole)


def embed(*texts: str) -> EmbedRequest:
    return EmbedRequest("embedding", texts)


def say(text: str) -> SpeakRequest:
    return SpeakRequest(text, "plain", SynthesizeOptions("a"), "wav")


@pytest.mark.parametrize(
    ("request_", "goes_with_others"),
    [
        (chat("Hi"), True),
        (chat("Hi", is_whole=False), False),
        (chat("Hi", options=ChatOptions(tools=(Tool("weather", "", {}),))), False),
        (chat("Hi", options=ChatOptions(json_schema={})), False),
        (chat(*["Hi"] * 65), False),
        (chat("Hi" * 1000), False),
        (embed("Hi"), True),
        (embed(*["Hi"] * 65), False),
        (say("Hi"), True),
        (say("Hi" * 101), False),
    ],
)
async def test_streams_schemas_and_what_is_long_go_alone(
    request_: ChatRequest | EmbedRequest | SpeakRequest, goes_with_others: bool
) -> None:
    handle = Batching()
    stage = RemoteStage(handle, "any", 5, 5, limits=BatchLimits(64, 2, 1000, 10))  # type: ignore[arg-type]
    routes = {name: Route(stage, 0.0) for name in ("llm", "embedding", "plain")}
    match request_:
        case ChatRequest():
            events: AsyncGenerator[Any, None] = RemoteLLM(routes).chat(request_)
        case EmbedRequest():
            events = RemoteEmbedding(routes).embed(request_)
        case SpeakRequest():
            events = RemoteTTS(routes).speak(request_)
    assert [event async for event in events] == [request_]
    assert (handle.asked == ["run_items"]) is goes_with_others
