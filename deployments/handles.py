"""Calls to other replicas, and what becomes of their failures. Must not know what is asked.

The only place where ``.remote(`` is written.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextvars import Context
from typing import Any, Final, cast

import grpc
from ray.exceptions import RayActorError, RayError, TaskCancelledError
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from deployments.batch_messages import Item
from deployments.batched_call import BatchResponse, Call, CrashedInBatch, Response
from deployments.batched_calls import BatchedCalls, BatchLimits, Remote
from deployments.metrics import observe
from deployments.waking import StillWaking, Waking
from smartlite.domain.models import ModelState, Voice
from smartlite.errors import (
    DeadlineExceeded,
    EngineFailed,
    ModelNotReady,
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


class RemoteStage:
    """Streams a method of a deployment, with deadlines, cancellation and our errors.

    Args:
        handle: The deployment.
        name: What it is called in messages and metrics.
        first_event_timeout_s: Longest wait for the first event.
        next_event_timeout_s: Longest wait for each further one.
        waking: Waits for a deployment that may sleep; None: it never does.
        limits: How small requests are sent together; None: each goes alone.
        is_apart: Whether Serve is not told for which request a call is made. Where it is, and one call is cancelled, it
            cancels at the other replica all that were made for the same request.
    """

    def __init__(
        self,
        handle: DeploymentHandle,
        name: str,
        first_event_timeout_s: float,
        next_event_timeout_s: float,
        waking: Waking | None = None,
        limits: BatchLimits | None = None,
        is_apart: bool = False,
    ) -> None:
        self._is_apart = is_apart
        self._handle = handle
        self._small = handle.options(stream=True)
        self._large = handle.options(stream=True, _by_reference=True)
        self._name = name
        self._first_event_timeout_s = first_event_timeout_s
        self._next_event_timeout_s = next_event_timeout_s
        self._waking = waking or Waking()
        self._limits = limits
        self._batched: BatchedCalls | None = None
        if limits is not None and limits.items > 1:
            in_batch = handle.options(stream=True, request_serialization="pickle", response_serialization="pickle")

            def send(items: Sequence[Item]) -> BatchResponse:
                observe(CALL_BATCH_ITEMS, len(items), stage=name)
                return cast("BatchResponse", in_batch.run_items.remote(items))

            self._batched = BatchedCalls(Remote(name, send, self._alone, self._cancel_items), limits)

    def preferring(self, model: str) -> "RemoteStage":
        """The same deployment, at which requests go to a replica that has a model loaded, where one is free."""
        return RemoteStage(
            self._handle.options(multiplexed_model_id=model),
            self._name,
            self._first_event_timeout_s,
            self._next_event_timeout_s,
            self._waking,
            self._limits,
        )

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
            ModelNotReady: 503, the deployment slept, and has no replica yet.
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
                        async with self._waking.timeout(timeout_s, self._name):
                            event = await response.__anext__()
                except StopAsyncIteration:
                    ended, outcome = True, "ok"
                    return
                except asyncio.CancelledError:
                    if _is_cancelled_here():
                        raise
                    # The other replica was told to stop, and not by whoever waits here.
                    outcome = ReplicaLost.code
                    raise ReplicaLost(f"The {self._name} replica stopped working on this request. Try again.") from None
                except StillWaking:
                    outcome = ModelNotReady.code
                    raise ModelNotReady(
                        f"The {self._name} stage slept and is starting, which takes longer than "
                        f"{self._waking.wake_timeout_s:g} s. Try again shortly.",
                        "model",
                    ) from None
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

    async def wake(self, timeout_s: float) -> None:
        """Wait until some replica answers; one is started where there is none.

        Raises:
            Unavailable: 503, none did in time.
        """
        response = self._handle.model_states.remote()
        try:
            async with asyncio.timeout(timeout_s):
                await response
        except (TimeoutError, RayError, RayServeException, grpc.RpcError) as error:
            raise Unavailable(f"The {self._name} stage did not wake: {type(error).__name__}.") from None

    def _ask(self, method: str, request: object, size_bytes: int, is_small: bool) -> Response:
        if is_small and self._batched is not None and self._batched.takes(size_bytes):
            return self._batched.call(method, request, size_bytes)
        handle = self._large if size_bytes > _BY_REFERENCE_BYTES else self._small
        call = getattr(handle, method).remote
        return cast("Response", Context().run(call, request) if self._is_apart else call(request))

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


def _is_cancelled_here() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
