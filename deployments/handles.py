"""Calls to other replicas, and what becomes of their failures. Must not know what is asked.

The only place where ``.remote(`` is written. Each class here satisfies the stage Protocol of the replica behind it, so
nobody above knows whether a stage is a handle, a plain object or a test's fake.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final, cast

import grpc
from ray import serve
from ray.exceptions import RayActorError, RayError, TaskCancelledError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import DeploymentStatus

from deployments.metrics import observe
from smartlite.domain.asr import TranscribeRequest, TranscriptEvent
from smartlite.domain.llm import ChatEvent, ChatRequest
from smartlite.domain.models import ModelDirectory, ModelState
from smartlite.domain.pipeline import TurnEvent, VoiceTurnRequest
from smartlite.domain.stages import StageState, StageStatus
from smartlite.domain.tts import SpeakRequest, SpeechEvent
from smartlite.errors import DeadlineExceeded, EngineFailed, Overloaded, ReplicaLost, SmartLiteError, Unavailable
from smartlite.metrics import STAGE_FIRST_EVENT_SECONDS, STAGE_SECONDS

_logger = logging.getLogger(__name__)

_BY_REFERENCE_BYTES: Final = 1024 * 1024
"""Larger requests go through the object store: Serve's gRPC carries at most 4 MiB (measured: 5 MiB fails)."""

_STATUS_AGE_S: Final = 1.0
_STATUS_TIMEOUT_S: Final = 3.0
_MODEL_STATES: Final[dict[StageState, ModelState]] = {"ready": "loaded", "starting": "loading", "unhealthy": "failed"}


class RemoteStage:
    """Streams a method of a deployment, with deadlines, cancellation and our errors."""

    def __init__(self, handle: DeploymentHandle, name: str, first_event_timeout_s: float, next_event_timeout_s: float):
        self._small = handle.options(stream=True)
        self._large = handle.options(stream=True, _by_reference=True)
        self._name = name
        self._first_event_timeout_s = first_event_timeout_s
        self._next_event_timeout_s = next_event_timeout_s

    async def stream(self, method: str, request: object, size_bytes: int = 0) -> AsyncGenerator[Any, None]:
        """Yield what the method yields; closing this generator cancels the work on the replica.

        Raises:
            Overloaded: 429, the deployment's queue is full.
            ReplicaLost: 503, the replica ended while it worked.
            Unavailable: 503, no replica can take the request.
            DeadlineExceeded: 504, the stage was silent for too long.
            SmartLiteError: What the method raised.
        """
        handle = self._large if size_bytes > _BY_REFERENCE_BYTES else self._small
        response = getattr(handle, method).remote(request)
        began = time.monotonic()
        timeout_s = self._first_event_timeout_s
        ended = False
        outcome = "cancelled"
        try:
            while True:
                try:
                    async with asyncio.timeout(timeout_s):
                        event = await anext(response)
                except StopAsyncIteration:
                    ended, outcome = True, "ok"
                    return
                except TimeoutError:
                    outcome = DeadlineExceeded.code
                    raise DeadlineExceeded(f"The {self._name} stage did not answer within {timeout_s:g} s.") from None
                except (RayError, RayServeException, grpc.RpcError, SmartLiteError) as error:
                    translated = self._translate(error)
                    ended, outcome = True, translated.code
                    raise translated from None
                if outcome != "streaming":
                    outcome = "streaming"
                    observe(STAGE_FIRST_EVENT_SECONDS, time.monotonic() - began, stage=self._name)
                    timeout_s = self._next_event_timeout_s
                yield event
        finally:
            if not ended:
                response.cancel()
            outcome = "cancelled" if outcome == "streaming" else outcome
            observe(STAGE_SECONDS, time.monotonic() - began, stage=self._name, outcome=outcome)

    def _translate(self, error: Exception) -> SmartLiteError:
        # An exception that crossed from an actor is an instance of its own class and of RayTaskError at once; its
        # text then holds a remote traceback, which no client may see. The bare exception is its cause.
        cause = getattr(error, "cause", None)
        if isinstance(cause, SmartLiteError):
            return cause
        if isinstance(error, SmartLiteError):
            return error
        if isinstance(error, BackPressureError):
            return Overloaded(f"The {self._name} stage is busy and its queue is full. Try again shortly.")
        if isinstance(error, RayActorError | grpc.RpcError | TaskCancelledError):
            _logger.warning("a replica was lost", extra={"stage": self._name, "reason": type(error).__name__})
            return ReplicaLost(f"The {self._name} replica that worked on this request was lost. Try again.")
        if isinstance(error, RayServeException):
            _logger.warning("a stage is unavailable", extra={"stage": self._name, "reason": type(error).__name__})
            return Unavailable(f"The {self._name} stage is not available. Try again shortly.")
        _logger.error("a replica failed", extra={"stage": self._name, "reason": str(error)[:4000]})
        return EngineFailed(f"The {self._name} stage failed on this request.")


class RemoteASR(RemoteStage):
    """ASRStage behind a handle."""

    def transcribe(self, request: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        """See ASRStage."""
        return self.stream("transcribe", request, len(request.audio.data))


class RemoteLLM(RemoteStage):
    """LLMStage behind a handle."""

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """See LLMStage."""
        return self.stream("chat", request, sum(len(message.content) * 4 for message in request.messages))


class RemoteTTS(RemoteStage):
    """TTSStage behind a handle."""

    def speak(self, request: SpeakRequest) -> AsyncGenerator[SpeechEvent, None]:
        """See TTSStage."""
        return self.stream("speak", request)


class RemotePipeline(RemoteStage):
    """PipelineStage behind a handle."""

    def run_turn(self, request: VoiceTurnRequest) -> AsyncGenerator[TurnEvent, None]:
        """See PipelineStage."""
        return self.stream("run_turn", request, len(request.audio.data))


class ServeStatusBoard:
    """StatusBoard over Serve's controller: asks no model replica, so a busy one is still ready."""

    def __init__(self, application: str, models: ModelDirectory) -> None:
        self._application = application
        self._models = models
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._stages: tuple[StageStatus, ...] = ()

    async def stages(self) -> tuple[StageStatus, ...]:
        """Ask the controller, at most once a second; it is asked in a thread because Serve's call blocks."""
        async with self._lock:
            if time.monotonic() - self._asked_at > _STATUS_AGE_S:
                try:
                    async with asyncio.timeout(_STATUS_TIMEOUT_S):
                        self._stages = await asyncio.to_thread(read_stages, self._application)
                except (TimeoutError, RayError, RayServeException) as error:
                    # The controller restarts by itself and replicas go on without it: the last answer still holds.
                    _logger.warning("the controller did not answer", extra={"reason": type(error).__name__})
                self._asked_at = time.monotonic()
            return self._stages

    async def models(self) -> Mapping[str, ModelState]:
        """A model is as its stage is."""
        states = {stage.name: _MODEL_STATES[stage.state] for stage in await self.stages()}
        return {model.id: states.get(model.task, "loading") for model in self._models.models}


def read_stages(application: str) -> tuple[StageStatus, ...]:
    """Read the state of every deployment of an application. Blocks."""
    overview = serve.status().applications.get(application)
    if overview is None:
        return ()
    return tuple(_stage(name, status) for name, status in sorted(overview.deployments.items()))


def _stage(name: str, status: Any) -> StageStatus:
    ready = int(status.replica_states.get("RUNNING", 0))
    wanted = sum(int(count) for state, count in status.replica_states.items() if state != "STOPPING")
    if ready:
        state: StageState = "ready"
    elif status.status in {DeploymentStatus.UNHEALTHY, DeploymentStatus.DEPLOY_FAILED}:
        state = "unhealthy"
    else:
        state = "starting"
    message = "" if ready else (status.message or "no replica is running yet")
    # Only the first line: what follows may be a traceback.
    return StageStatus(name, state, cast("str", message).splitlines()[0] if message else "", ready, wanted)
