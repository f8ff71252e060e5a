"""What becomes of a remote stage's failures, over a handle that is scripted here."""

import asyncio
from collections.abc import AsyncGenerator
from contextvars import ContextVar

import grpc
import pytest
from ray.exceptions import ActorDiedError, RayTaskError
from ray.serve.exceptions import BackPressureError, RayServeException

from deployments import waking
from deployments.handles import RemoteStage
from deployments.remote_models import RemoteTTS, Route, open_routes
from deployments.waking import Waking
from smartlite.config import Settings
from smartlite.domain.models import ModelDirectory, ServedModel
from smartlite.domain.tts import SpeakRequest, SynthesizeOptions
from smartlite.errors import (
    AudioEmpty,
    DeadlineExceeded,
    EngineFailed,
    ModelNotFound,
    ModelNotReady,
    Overloaded,
    ReplicaLost,
    SmartLiteError,
    Unavailable,
)
from tests.deployments.scripted_handle import LAST, Handle, Response


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
    assert routes["plain"] == Route(stages["tts"], 0.0)
    assert routes["late"].load_s == 7.0


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


async def test_requests_for_a_model_on_demand_go_where_it_is_loaded() -> None:
    stages = {"tts": stage("from tts"), "tts-late": stage("from tts-late")}
    tts = RemoteTTS(open_routes(stages, MODELS, Settings()))
    for model, preferred in (("plain", None), ("late", "late")):
        request = SpeakRequest("Hi", model, SynthesizeOptions("a"), "wav")
        assert [event async for event in tts.speak(request)]
        assert LAST[-1].model == preferred


async def test_a_request_whose_deployment_does_not_wake_in_time_is_cancelled_and_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Asleep:
        async def is_waking(self, _deployment: str | None = None) -> bool:
            return True

    monkeypatch.setattr(waking, "_LATE_S", 0.01)
    remote = RemoteStage(Handle(...), "asr", 60, 60, Waking(Asleep(), 0.05))  # type: ignore[arg-type]
    with pytest.raises(ModelNotReady, match=r"slept and is starting, which takes longer than 0\.05 s"):
        await drain(remote)
    assert LAST[-1].response is not None
    assert LAST[-1].response.cancelled


@pytest.mark.parametrize(("is_apart", "told"), [(False, "a request"), (True, None)])
async def test_a_call_that_is_apart_does_not_tell_for_whom_it_is_made(is_apart: bool, told: str | None) -> None:
    made_for: ContextVar[str | None] = ContextVar("made_for", default=None)
    seen: list[str | None] = []

    class Noting(Handle):
        def options(self, **_options: object) -> "Noting":
            return self

        def remote(self, request: object) -> Response:
            seen.append(made_for.get())
            return super().remote(request)

    made_for.set("a request")
    remote = RemoteStage(Noting(1), "tts-peer", 5, 5, is_apart=is_apart)  # type: ignore[arg-type]
    assert await drain(remote) == [1]
    assert seen == [told]


async def test_work_that_was_stopped_by_somebody_else_is_lost_and_not_cancelled() -> None:
    with pytest.raises(ReplicaLost):
        await drain(stage(1, asyncio.CancelledError()))


async def test_whoever_is_cancelled_while_they_wait_stays_cancelled() -> None:
    waiting = asyncio.create_task(drain(stage(1, ...)))
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
