"""The state of stages and models, asked of Serve's controller and of replicas. Must not know routes.

Both are asked in the background and answers are kept, so that neither a slow controller nor a busy replica makes
anybody wait who only wants to know.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from ray.exceptions import RayError
from ray.serve.context import _get_global_client
from ray.serve.exceptions import RayServeException
from ray.serve.schema import DeploymentStatus, ReplicaState

from deployments.handles import RemoteStage
from smartlite.domain.models import ModelDirectory, ModelState, ServedModel, Voice, answering_to_openai_names
from smartlite.domain.stages import StageState, StageStatus
from smartlite.errors import Unavailable

_logger = logging.getLogger(__name__)

_STATUS_AGE_S: Final = 1.0
_STATUS_TIMEOUT_S: Final = 3.0
_MODELS_OLD_S: Final = 3.0
"""An answer of this age is not given before it was tried to get a newer one."""
_MODELS_TIMEOUT_S: Final = 1.0
_MODEL_STATES: Final[dict[StageState, ModelState]] = {"ready": "loaded", "starting": "loading", "unhealthy": "failed"}
_FURTHEST: Final[dict[ModelState, int]] = {"available": 0, "failed": 1, "loading": 2, "loaded": 3}


class ServeStatusBoard:
    """StatusBoard of an application.

    Args:
        application: Its name.
        models: Every served model.
        remote: The deployments that run models, by name.
    """

    def __init__(self, application: str, models: ModelDirectory, remote: Mapping[str, RemoteStage]) -> None:
        self._application = application
        self._models = models.models
        untold = {_deployment(model) for model in models.untold}
        self._speaking = {name: stage for name, stage in remote.items() if name in untold}
        self._untold = {model.id for model in models.untold}
        self._voices: dict[str, tuple[Voice, ...]] = {}
        self._voices_lock = asyncio.Lock()
        self._voices_asked_at = float("-inf")
        self._remote = {
            name: stage
            for name, stage in remote.items()
            if any(_deployment(model) == name and model.load == "on_demand" for model in models.models)
        }
        self._lock = asyncio.Lock()
        self._asked_at = float("-inf")
        self._stages: tuple[StageStatus, ...] = ()
        self._states: dict[str, ModelState] = {
            model.id: "available" if model.load == "on_demand" else "loading" for model in models.models
        }
        self._states_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None

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
        """What is known, at once where it is fresh; else after a second at most, and then the last that was known."""
        age_s = time.monotonic() - self._states_at
        if age_s > _STATUS_AGE_S and self._refreshing is None:
            self._refreshing = asyncio.create_task(self._refresh())
        if age_s > _MODELS_OLD_S and self._refreshing is not None:
            await asyncio.wait({self._refreshing}, timeout=_MODELS_TIMEOUT_S)
        return self._states

    async def voices(self) -> Mapping[str, tuple[Voice, ...]]:
        """Ask the replicas until each model has told its voices; a model's voices do not change after that."""
        async with self._voices_lock:
            is_old = time.monotonic() - self._voices_asked_at > _STATUS_AGE_S
            if is_old and not self._untold <= self._voices.keys():
                for stage in self._speaking.values():
                    await self._learn(stage)
                self._voices_asked_at = time.monotonic()
        return self._voices

    async def _learn(self, stage: RemoteStage) -> None:
        try:
            told = await stage.model_voices(_MODELS_TIMEOUT_S)
        except Unavailable:
            return
        for of_replica in told:
            for model in self._untold & of_replica.keys():
                self._voices = {**self._voices, model: answering_to_openai_names(of_replica[model])}

    async def _refresh(self) -> None:
        try:
            asked = asyncio.gather(*map(self._ask, self._remote.values()))
            stages = await self.stages()
            by_replica = [states for replicas in await asked for states in replicas]
            of_stage = {stage.name: stage.state for stage in stages}
            self._states = {
                model.id: self._state(model, of_stage.get(_deployment(model), "starting"), by_replica)
                for model in self._models
            }
            self._states_at = time.monotonic()
        finally:
            self._refreshing = None

    async def _ask(self, stage: RemoteStage) -> Sequence[Mapping[str, ModelState]]:
        try:
            return await stage.model_states(_MODELS_TIMEOUT_S)
        except Unavailable:
            return ()

    def _state(
        self, model: ServedModel, stage: StageState, by_replica: Sequence[Mapping[str, ModelState]]
    ) -> ModelState:
        if stage != "ready" or model.load == "startup":
            return _MODEL_STATES[stage]
        told = [states[model.id] for states in by_replica if model.id in states]
        # Where no replica answered, what was known last still holds.
        return max(told, key=_FURTHEST.__getitem__) if told else self._states[model.id]


def _deployment(model: ServedModel) -> str:
    return model.deployment or model.task


def read_stages(application: str) -> tuple[StageStatus, ...]:
    """Read the state of every deployment of an application. Blocks.

    As ``serve.status()`` does, without its checks of what the controller sent: once a second they take a
    tenth of what a busy ingress replica has.
    """
    client = _get_global_client(raise_if_no_controller_running=False)
    overview = client.get_serve_details()["applications"].get(application) if client else None
    if overview is None:
        return ()
    return tuple(_stage(name, status) for name, status in sorted(overview["deployments"].items()))


def _stage(name: str, deployment: Mapping[str, Any]) -> StageStatus:
    states = Counter(ReplicaState(replica["state"]) for replica in deployment["replicas"])
    ready = states[ReplicaState.RUNNING]
    wanted = states.total() - states[ReplicaState.STOPPING]
    if ready:
        state: StageState = "ready"
    elif deployment["status"] in {DeploymentStatus.UNHEALTHY, DeploymentStatus.DEPLOY_FAILED}:
        state = "unhealthy"
    else:
        state = "starting"
    message = "" if ready else (deployment["message"] or "no replica is running yet")
    # Only the first line: what follows may be a traceback.
    return StageStatus(name, state, cast("str", message).splitlines()[0] if message else "", ready, wanted)
