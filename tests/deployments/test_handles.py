"""What becomes of a remote stage's failures, over a handle that is scripted here."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import grpc
import pytest
from ray.exceptions import ActorDiedError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException

from deployments.batch_messages import Frame, Part, Room
from deployments.batched_calls import BatchLimits
from deployments.handles import RemoteEmbedding, RemoteLLM, RemoteStage, RemoteTTS, Route, open_routes
from smartlite.config import Settings
from smartlite.domain.embedding import EmbedRequest
from smartlite.domain.llm import ChatOptions, ChatRequest, Message, Tool
from smartlite.domain.models import ModelDirectory, ServedModel
from smartlite.domain.tts import SpeakRequest, SynthesizeOptions
from smartlite.errors import (
    AudioEmpty,
    DeadlineExceeded,
    EngineFailed,
    ModelNotFound,
    Overloaded,
    ReplicaLost,
    SmartLiteError,
    Unavailable,
)


class Response:
    def __init__(self, events: AsyncGenerator[Any, None]) -> None:
        self._events = events
        self.cancelled = False

    def __aiter__(self) -> "Response":
        return self

    async def __anext__(self) -> Any:
        return await anext(self._events)

    def cancel(self) -> None:
        self.cancelled = True


class Broadcast:
    """What every replica answers, one event each."""

    def __init__(self, events: tuple[object, ...]) -> None:
        self._events = events

    async def results_async(self, *, timeout_s: float) -> list[object]:
        async with asyncio.timeout(timeout_s):
            if ... in self._events:
                await asyncio.Event().wait()
        for event in self._events:
            if isinstance(event, BaseException):
                raise event
        return list(self._events)


class Handle:
    """Satisfies what RemoteStage uses of a DeploymentHandle."""

    def __init__(self, *events: object) -> None:
        self.events = events
        self.options_asked: list[dict[str, object]] = []
        self.response: Response | None = None
        self.by_reference = False

    def options(self, **options: object) -> "Handle":
        twin = Handle(*self.events)
        twin.by_reference = bool(options.get("_by_reference"))
        twin.response = self.response
        return twin

    @property
    def verb(self) -> "Handle":
        return self

    @property
    def speak(self) -> "Handle":
        return self

    def remote(self, _request: object) -> Response:
        self.response = Response(self._play())
        LAST.append(self)
        return self.response

    def broadcast(self, method: str) -> "Broadcast":
        assert method == "model_states"
        return Broadcast(self.events)

    async def _play(self) -> AsyncGenerator[object, None]:
        for event in self.events:
            if isinstance(event, BaseException):
                raise event
            if event is ...:
                await asyncio.Event().wait()
            yield event


LAST: list[Handle] = []


def stage(*events: object, timeout_s: float = 5) -> RemoteStage:
    return RemoteStage(Handle(*events), "asr", timeout_s, timeout_s)  # type: ignore[arg-type]


async def drain(remote: RemoteStage, size_bytes: int = 0) -> list[object]:
    return [event async for event in remote.stream("verb", "request", size_bytes)]


def crossed(error: SmartLiteError) -> Exception:
    """The error as it arrives from an actor: an instance of its class and of RayTaskError."""
    return RayTaskError("transcribe", "Traceback: /secret/path", error).as_instanceof_cause()


async def test_events_pass_unchanged() -> None:
    assert await drain(stage(1, 2, 3)) == [1, 2, 3]


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (crossed(AudioEmpty("The file is empty.", "file")), AudioEmpty),
        (AudioEmpty("The file is empty.", "file"), AudioEmpty),
        (crossed(EngineFailed("It failed.")), EngineFailed),
        (BackPressureError(3, 2), Overloaded),
        (ActorDiedError(), ReplicaLost),
        (grpc.RpcError(), ReplicaLost),
        (RayServeException("gone"), Unavailable),
        (RayTaskError("f", "Traceback: /secret/path", ValueError("x")), EngineFailed),
    ],
)
async def test_failures_become_our_errors(raised: Exception, expected: type[SmartLiteError]) -> None:
    with pytest.raises(expected) as caught:
        await drain(stage(1, raised))
    assert type(caught.value) is expected
    assert "secret" not in caught.value.message
    assert caught.value.__cause__ is None


async def test_the_field_of_an_error_crosses() -> None:
    with pytest.raises(AudioEmpty) as caught:
        await drain(stage(crossed(AudioEmpty("The file is empty.", "file"))))
    assert (caught.value.message, caught.value.param) == ("The file is empty.", "file")


async def test_a_silent_stage_is_cancelled_at_its_deadline() -> None:
    with pytest.raises(DeadlineExceeded):
        await drain(stage(1, ..., timeout_s=0.01))
    assert LAST[-1].response is not None
    assert LAST[-1].response.cancelled


async def test_closing_early_cancels_the_replicas_work() -> None:
    events = stage(1, 2, 3).stream("verb", "request")
    assert await anext(events) == 1
    await events.aclose()
    assert LAST[-1].response is not None
    assert LAST[-1].response.cancelled


async def test_a_large_request_goes_through_the_object_store() -> None:
    await drain(stage(1), size_bytes=1024 * 1024 + 1)
    assert LAST[-1].by_reference
    await drain(stage(1), size_bytes=1024 * 1024)
    assert not LAST[-1].by_reference


async def test_a_first_event_may_take_longer_where_a_model_may_have_to_be_loaded() -> None:
    class LateHandle(Handle):
        def options(self, **options: object) -> "LateHandle":
            return self

        async def _play(self) -> AsyncGenerator[object, None]:
            await asyncio.sleep(0.05)
            yield 1

    remote = RemoteStage(LateHandle(), "tts", 0.01, 5)  # type: ignore[arg-type]
    with pytest.raises(DeadlineExceeded):
        await drain(remote)
    assert [event async for event in remote.stream("verb", "request", load_s=5)] == [1]


MODELS = ModelDirectory(
    (
        ServedModel("plain", "tts", "fake", 0, "me"),
        ServedModel("late", "tts", "fake", 0, "me", load="on_demand", deployment="tts-late"),
    )
)


def test_every_model_has_a_route_to_the_deployment_that_runs_it() -> None:
    settings = Settings(model_load_timeout_s=7)
    stages = {"tts": stage(), "tts-late": stage()}
    routes = open_routes(stages, MODELS, settings)
    assert routes == {"plain": Route(stages["tts"], 0.0), "late": Route(stages["tts-late"], 7.0)}


async def test_a_request_goes_to_the_deployment_of_its_model() -> None:
    tts = RemoteTTS(open_routes({"tts": stage("from tts"), "tts-late": stage("from tts-late")}, MODELS, Settings()))
    late, plain, unknown = (
        SpeakRequest("Hi", model, SynthesizeOptions("a"), "wav") for model in ("late", "plain", "x")
    )
    assert [str(event) async for event in tts.speak(late)] == ["from tts-late"]
    assert [str(event) async for event in tts.speak(plain)] == ["from tts"]
    with pytest.raises(ModelNotFound):
        tts.speak(unknown)


@pytest.mark.parametrize("failure", [..., ActorDiedError(), RayServeException("gone"), grpc.RpcError()])
async def test_replicas_that_do_not_tell_of_their_models_are_unavailable(failure: object) -> None:
    with pytest.raises(Unavailable):
        await stage({"late": "loaded"}, failure).model_states(0.01)


async def test_every_replica_tells_of_its_models() -> None:
    told = await stage({"late": "loaded"}, {"late": "available"}).model_states(1)
    assert list(told) == [{"late": "loaded"}, {"late": "available"}]


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
    remote = RemoteStage(handle, "llm", 5, 5, BatchLimits(items, 2, 1000, 10))  # type: ignore[arg-type]
    stream = remote.stream("ask", "request", size_bytes, is_small=is_small)
    assert [event async for event in stream] == ["request"]
    assert handle.asked == [way]


async def test_a_request_in_a_batch_has_its_own_deadline() -> None:
    class Silent(Batching):
        async def _answer(self, request: Any) -> AsyncGenerator[object, None]:
            yield Frame([], Room(8, 8))
            await asyncio.Event().wait()

    remote = RemoteStage(Silent(), "llm", 0.01, 5, BatchLimits(64, 2, 1000, 10))  # type: ignore[arg-type]
    with pytest.raises(DeadlineExceeded):
        _ = [event async for event in remote.stream("ask", "request", 10, is_small=True)]


async def test_a_lost_replica_is_lost_to_each_request_of_a_batch() -> None:
    class Dying(Batching):
        async def _answer(self, request: Any) -> AsyncGenerator[object, None]:
            raise ActorDiedError
            yield

    remote = RemoteStage(Dying(), "llm", 5, 5, BatchLimits(64, 2, 1000, 10))  # type: ignore[arg-type]

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
    stage = RemoteStage(handle, "any", 5, 5, BatchLimits(64, 2, 1000, 10))  # type: ignore[arg-type]
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
