"""Calls to other replicas, and what becomes of their failures. Must not know what is asked.

The only place where ``.remote(`` is written. Each class here satisfies the stage Protocol of the replica behind it, so
nobody above knows whether a stage is a handle, a plain object or a test's fake.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import grpc
from ray.exceptions import RayActorError, RayError, TaskCancelledError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from deployments.batch_messages import Item
from deployments.batched_call import BatchResponse, Call, CrashedInBatch, Response
from deployments.batched_calls import BatchedCalls, BatchLimits, Remote
from deployments.metrics import observe
from smartlite.config import Settings
from smartlite.domain.asr import TranscribeRequest, TranscriptEvent
from smartlite.domain.embedding import EmbeddingEvent, EmbedRequest
from smartlite.domain.llm import ChatEvent, ChatRequest
from smartlite.domain.models import ModelDirectory, ModelState, Voice
from smartlite.domain.pipeline import TurnEvent, VoiceTurnRequest
from smartlite.domain.tts import SpeakRequest, SpeechEvent
from smartlite.errors import (
    DeadlineExceeded,
    EngineFailed,
    ModelNotFound,
    Overloaded,
    ReplicaLost,
    SmartLiteError,
    Unavailable,
)
from smartlite.metrics import CALL_BATCH_ITEMS, STAGE_FIRST_EVENT_SECONDS, STAGE_SECONDS

_logger = logging.getLogger(__name__)

_BY_REFERENCE_BYTES: Final = 1024 * 1024
"""Larger requests go through the object store: Serve's gRPC carries at most 4 MiB (measured: 5 MiB fails)."""
_CANCEL_TIMEOUT_S: Final = 5.0
_FEW: Final = 64
"""Messages or texts of a request that goes with others."""
_SHORT_TEXT_CHARACTERS: Final = 200
"""Speech of a text up to so long goes with others: the gateway may hold all of it, 1 MB as samples."""


class RemoteStage:
    """Streams a method of a deployment, with deadlines, cancellation and our errors.

    Args:
        handle: The deployment.
        name: What it is called in messages and metrics.
        first_event_timeout_s: Longest wait for the first event.
        next_event_timeout_s: Longest wait for each further one.
        limits: How small requests are sent together; None: each goes alone.
    """

    def __init__(
        self,
        handle: DeploymentHandle,
        name: str,
        first_event_timeout_s: float,
        next_event_timeout_s: float,
        limits: BatchLimits | None = None,
    ) -> None:
        self._handle = handle
        self._small = handle.options(stream=True)
        self._large = handle.options(stream=True, _by_reference=True)
        self._name = name
        self._first_event_timeout_s = first_event_timeout_s
        self._next_event_timeout_s = next_event_timeout_s
        self._batched: BatchedCalls | None = None
        if limits is not None and limits.items > 1:
            in_batch = handle.options(stream=True, request_serialization="pickle", response_serialization="pickle")

            def send(items: Sequence[Item]) -> BatchResponse:
                observe(CALL_BATCH_ITEMS, len(items), stage=name)
                return cast("BatchResponse", in_batch.run_items.remote(items))

            self._batched = BatchedCalls(Remote(name, send, self._alone, self._cancel_items), limits)

    async def stream(
        self, method: str, request: object, size_bytes: int = 0, load_s: float = 0.0, is_small: bool = False
    ) -> AsyncGenerator[Any, None]:
        """Yield what the method yields; closing this generator cancels the work on the replica.

        Args:
            method: An asynchronous generator function of the deployment.
            request: Its argument.
            size_bytes: About how large that is.
            load_s: How much longer the first event may take because a model may have to be loaded.
            is_small: Whether question and answer are so small that others may go with them in one call.

        Raises:
            Overloaded: 429, the deployment's queue is full.
            ReplicaLost: 503, the replica ended while it worked.
            Unavailable: 503, no replica can take the request.
            DeadlineExceeded: 504, the stage was silent for too long.
            SmartLiteError: What the method raised.
        """
        response = self._ask(method, request, size_bytes, is_small)
        began = time.monotonic()
        timeout_s = self._first_event_timeout_s + load_s
        ended = False
        outcome = "cancelled"
        try:
            while True:
                try:
                    if isinstance(response, Call) and response.is_ready:
                        event = await response.__anext__()  # a time-out costs more than all the rest of it
                    else:
                        async with asyncio.timeout(timeout_s):
                            event = await response.__anext__()
                except StopAsyncIteration:
                    ended, outcome = True, "ok"
                    return
                except TimeoutError:
                    outcome = DeadlineExceeded.code
                    raise DeadlineExceeded(f"The {self._name} stage did not answer within {timeout_s:g} s.") from None
                except (RayError, RayServeException, grpc.RpcError, SmartLiteError, CrashedInBatch) as error:
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

    def _ask(self, method: str, request: object, size_bytes: int, is_small: bool) -> Response:
        if is_small and self._batched is not None and self._batched.takes(size_bytes):
            return self._batched.call(method, request, size_bytes)
        handle = self._large if size_bytes > _BY_REFERENCE_BYTES else self._small
        return cast("Response", getattr(handle, method).remote(request))

    def _alone(self, method: str, request: object) -> Response:
        return cast("Response", getattr(self._small, method).remote(request))

    async def _cancel_items(self, identifiers: Sequence[str]) -> None:
        try:
            response = self._handle.broadcast("cancel_items", identifiers)
            await response.results_async(timeout_s=_CANCEL_TIMEOUT_S)
        except (TimeoutError, RayError, RayServeException, grpc.RpcError) as error:
            _logger.warning(
                "requests were not cancelled",
                extra={"stage": self._name, "reason": type(error).__name__, "requests": len(identifiers)},
            )

    async def model_states(self, timeout_s: float) -> Sequence[Mapping[str, ModelState]]:
        """What every replica says of its models. Passes by the queue, so that a busy replica answers too.

        Raises:
            Unavailable: 503, some replica did not answer in time, or there is none.
        """
        return cast("Sequence[Mapping[str, ModelState]]", await self._ask_all("model_states", timeout_s))

    async def model_voices(self, timeout_s: float) -> Sequence[Mapping[str, tuple[Voice, ...]]]:
        """What every replica of a TTS deployment says of its models' voices; as ``model_states``.

        Raises:
            Unavailable: 503, some replica did not answer in time, or there is none.
        """
        return cast("Sequence[Mapping[str, tuple[Voice, ...]]]", await self._ask_all("model_voices", timeout_s))

    async def _ask_all(self, method: str, timeout_s: float) -> Sequence[Any]:
        try:
            response = self._handle.broadcast(method)
            return cast("Sequence[Any]", await response.results_async(timeout_s=timeout_s))
        except (TimeoutError, RayError, RayServeException, grpc.RpcError) as error:
            raise Unavailable(f"The {self._name} stage did not tell of its models: {type(error).__name__}.") from None

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


@dataclass(frozen=True, slots=True)
class Route:
    """Where the requests for a model go."""

    stage: RemoteStage
    load_s: float
    """How long it may take to load the model, where that is done when it is asked for."""


def open_stages(handles: Mapping[str, DeploymentHandle], settings: Settings) -> dict[str, RemoteStage]:
    """The deployments behind handles, by name."""
    waits = (settings.first_event_timeout_s, settings.next_event_timeout_s)
    limits = BatchLimits(
        settings.call_batch_items,
        settings.call_batches_under_way,
        settings.call_batch_bytes,
        settings.call_batch_waiting,
    )
    return {name: RemoteStage(handle, name, *waits, limits) for name, handle in handles.items()}


def open_routes(stages: Mapping[str, RemoteStage], models: ModelDirectory, settings: Settings) -> dict[str, Route]:
    """The way to every served model, by its id."""
    return {
        model.id: Route(
            stages[model.deployment or model.task], settings.model_load_timeout_s if model.load == "on_demand" else 0.0
        )
        for model in models.models
    }


class RemoteModels:
    """Models at the deployments that run them."""

    def __init__(self, routes: Mapping[str, Route]) -> None:
        self._routes = routes

    def stream(
        self, model: str, method: str, request: object, size_bytes: int = 0, is_small: bool = False
    ) -> AsyncGenerator[Any, None]:
        """As RemoteStage.stream, at the deployment of a model.

        Raises:
            ModelNotFound: 404, at once.
        """
        route = self._routes.get(model)
        if route is None:
            raise ModelNotFound(f"The model '{model[:64]}' is not served.", "model")
        return route.stage.stream(method, request, size_bytes, route.load_s, is_small)


class RemoteASR(RemoteModels):
    """ASRStage behind handles."""

    def transcribe(self, request: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        """See ASRStage."""
        return self.stream(request.model, "transcribe", request, len(request.audio.data))


class RemoteLLM(RemoteModels):
    """LLMStage behind handles."""

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """See LLMStage."""
        size_bytes = sum(len(message.content) * 4 for message in request.messages)
        is_plain = not request.options.tools and request.options.json_schema is None
        is_small = request.is_whole and is_plain and len(request.messages) <= _FEW
        return self.stream(request.model, "chat", request, size_bytes, is_small)


class RemoteEmbedding(RemoteModels):
    """EmbeddingStage behind handles."""

    def embed(self, request: EmbedRequest) -> AsyncGenerator[EmbeddingEvent, None]:
        """See EmbeddingStage."""
        size_bytes = sum(len(text) * 4 for text in request.texts)
        return self.stream(request.model, "embed", request, size_bytes, is_small=len(request.texts) <= _FEW)


class RemoteTTS(RemoteModels):
    """TTSStage behind handles."""

    def speak(self, request: SpeakRequest) -> AsyncGenerator[SpeechEvent, None]:
        """See TTSStage."""
        is_small = len(request.text) <= _SHORT_TEXT_CHARACTERS
        return self.stream(request.model, "speak", request, len(request.text) * 4, is_small)


class RemotePipeline(RemoteStage):
    """PipelineStage behind a handle."""

    def run_turn(self, request: VoiceTurnRequest) -> AsyncGenerator[TurnEvent, None]:
        """See PipelineStage."""
        return self.stream("run_turn", request, len(request.audio.data))
