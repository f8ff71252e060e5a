"""The replicas of this replica's own deployment: how many run, and a way to ask one. Must not know what is asked.

A call goes to whichever other replica has the fewest requests (``peer_router``). It waits where every one is full, so
whoever asks gives up before long and does the work itself: replicas that only wait for each other would wait for ever.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final, Protocol

from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException
from ray.serve.handle import DeploymentHandle

from deployments.blocking_question import BlockingQuestion
from deployments.handles import RemoteStage
from deployments.presence import read_stages
from smartlite.errors import Unavailable

_logger = logging.getLogger(__name__)

_COUNT_AGE_S: Final = 5.0
_COUNT_TIMEOUT_S: Final = 1.0


class Stage(Protocol):
    """What is used of RemoteStage."""

    def stream(self, method: str, request: object, size_bytes: int = 0) -> AsyncGenerator[Any, None]:
        """See RemoteStage."""
        ...


class Peers:
    """Used in one event loop.

    Args:
        open_stage: Opens the way to the deployment, when it is first needed; in the loop, which its router runs in.
        count: How many of its replicas run. Blocks; asked at most every five seconds.
    """

    def __init__(self, open_stage: Callable[[], Stage] | None = None, count: Callable[[], int] | None = None) -> None:
        self._open_stage = open_stage
        self._count = None if count is None else BlockingQuestion(count, _COUNT_TIMEOUT_S)
        self._stage: Stage | None = None
        self._running: int | None = None
        self._counted_at = float("-inf")
        self._lock = asyncio.Lock()

    async def running(self) -> int | None:
        """How many replicas run, this one too, as of the last seconds; None where that cannot be known."""
        if self._count is None:
            return None
        async with self._lock:
            if time.monotonic() - self._counted_at > _COUNT_AGE_S:
                try:
                    self._running = await self._count.answer()
                except (TimeoutError, RayError, RayServeException) as error:
                    # What was known last still holds: replicas work on without the controller.
                    _logger.warning("the controller did not answer", extra={"reason": type(error).__name__})
                self._counted_at = time.monotonic()
        return self._running

    async def stream(self, method: str, request: object, size_bytes: int = 0) -> AsyncGenerator[Any, None]:
        """Yield what the method of some replica yields; closing this generator cancels the work there.

        Args:
            method: An asynchronous generator function of the deployment.
            request: Its argument.
            size_bytes: About how large that is; above 1 MiB it goes by reference.

        Raises:
            Unavailable: 503, there are no peers.
            SmartLiteError: As RemoteStage.stream.
        """
        if self._open_stage is None:
            raise Unavailable("This replica has no peers.")
        if self._stage is None:
            self._stage = self._open_stage()
        async with aclosing(self._stage.stream(method, request, size_bytes)) as events:
            async for event in events:
                yield event


def open_peers(first_event_timeout_s: float, next_event_timeout_s: float) -> Peers:
    """The peers of the replica that this process is; of any other process, nobody.

    Args:
        first_event_timeout_s: Longest wait for a replica to take a call and say its first word.
        next_event_timeout_s: Longest silence after that.
    """
    try:
        context = serve.get_replica_context()
    except RayServeException:
        return Peers()
    name, application = context.deployment, context.app_name

    def open_stage() -> RemoteStage:
        # As serve.get_deployment_handle, which blocks to ask the controller whether there is such a deployment.
        handle: DeploymentHandle = DeploymentHandle(name, application)
        return RemoteStage(handle, f"{name}-peer", first_event_timeout_s, next_event_timeout_s, is_apart=True)

    def count() -> int:
        return sum(stage.replicas_ready for stage in read_stages(application) if stage.name == name)

    return Peers(open_stage, count)
