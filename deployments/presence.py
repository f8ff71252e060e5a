"""Which deployments have replicas, which sleep and which wake, asked of Serve's controller. Must not know models.

A deployment whose ``min_replicas`` is 0 sleeps while nobody needs it; a request that waits for it wakes it.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, cast

from ray.exceptions import RayError
from ray.serve.context import _get_global_client
from ray.serve.exceptions import RayServeException
from ray.serve.schema import DeploymentStatus, ReplicaState

from deployments.blocking_question import BlockingQuestion
from smartlite.domain.stages import StageState, StageStatus

_logger = logging.getLogger(__name__)

_AGE_S: Final = 1.0
_TIMEOUT_S: Final = 3.0
_SLEEPLESS_AGE_S: Final = 30.0
"""Where no deployment may sleep, so long passes before it is looked whether one does: each question costs the
controller as much as a call of a model."""


class Presence:
    """The deployments of an application.

    Args:
        application: Its name.
    """

    def __init__(self, application: str) -> None:
        self._question = BlockingQuestion(partial(read_stages, application), _TIMEOUT_S)
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._stages: tuple[StageStatus, ...] = ()

    async def stages(self) -> tuple[StageStatus, ...]:
        """Every deployment, by name, at most a second old."""
        return await self._ask(_AGE_S)

    async def is_waking(self, deployment: str | None = None) -> bool:
        """Whether a deployment has no replica yet and gets one for the asking; where none is named, whether any does.

        One that sleeps wakes for whoever asks it, but not for those who ask others.
        """
        may_sleep = not self._stages or any(stage.may_sleep for stage in self._stages)
        stages = await self._ask(_AGE_S if may_sleep else _SLEEPLESS_AGE_S)
        if deployment is None:
            return any(stage.state == "waking" for stage in stages)
        return any(stage.state in {"asleep", "waking"} for stage in stages if stage.name == deployment)

    async def _ask(self, age_s: float) -> tuple[StageStatus, ...]:
        """What was told at most so many seconds ago."""
        async with self._lock:
            if time.monotonic() - self._asked_at > age_s:
                try:
                    self._stages = await self._question.answer()
                except (TimeoutError, RayError, RayServeException) as error:
                    # The controller restarts by itself and replicas go on without it: the last answer still holds.
                    _logger.warning("the controller did not answer", extra={"reason": type(error).__name__})
                self._asked_at = time.monotonic()
            return self._stages


def read_stages(application: str) -> tuple[StageStatus, ...]:
    """Read the state of every deployment of an application. Blocks.

    As ``serve.status()`` does, without its checks of what the controller sent: once a second they take a
    tenth of what a busy ingress replica has.
    """
    client = _get_global_client(raise_if_no_controller_running=False)
    overview = client.get_serve_details()["applications"].get(application) if client else None
    if overview is None:
        return ()
    return tuple(describe(name, status) for name, status in sorted(overview["deployments"].items()))


def describe(name: str, deployment: Mapping[str, Any]) -> StageStatus:
    """A deployment as the controller tells of it."""
    states = Counter(ReplicaState(replica["state"]) for replica in deployment["replicas"])
    ready = states[ReplicaState.RUNNING]
    wanted = states.total() - states[ReplicaState.STOPPING]
    scaling = deployment["deployment_config"].get("autoscaling_config") or {}
    may_sleep = scaling.get("min_replicas", 1) == 0
    message = cast("str", deployment["message"] or "")
    if ready:
        state: StageState = "ready"
        message = ""
    elif deployment["status"] in {DeploymentStatus.UNHEALTHY, DeploymentStatus.DEPLOY_FAILED}:
        state = "unhealthy"
    elif may_sleep:
        state = "waking" if wanted else "asleep"
        message = message if wanted else "the next request starts a replica"
    else:
        state = "starting"
    if not ready and not message:
        message = "no replica is running yet"
    # Only the first line: what follows may be a traceback.
    return StageStatus(name, state, message.splitlines()[0] if message else "", ready, wanted, may_sleep)
