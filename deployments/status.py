"""The state of stages and models, asked of Serve's controller and of replicas. Must not know routes.

Both are asked in the background and answers are kept, so that neither a slow controller nor a busy replica makes
anybody wait who only wants to know.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

from deployments.handles import RemoteStage
from deployments.presence import Presence
from smartlite.domain.models import ModelDirectory, ModelState, ServedModel, Voice, answering_to_openai_names
from smartlite.domain.stages import StageState, StageStatus
from smartlite.errors import Unavailable

_logger = logging.getLogger(__name__)

_STATUS_AGE_S: Final = 1.0
_UNDISTURBED_S: Final = 15.0
"""How old an answer of replicas that may go to sleep becomes before they are asked again: to Serve a question is a
request like any other, and asked every second it would keep them awake."""
_WAKE_TIMEOUT_S: Final = 300.0
_MODELS_OLD_S: Final = 3.0
"""An answer of this age is not given before it was tried to get a newer one."""
_MODELS_TIMEOUT_S: Final = 1.0
_MODEL_STATES: Final[dict[StageState, ModelState]] = {
    "ready": "loaded",
    "starting": "loading",
    "unhealthy": "failed",
    "asleep": "available",
    "waking": "loading",
}
_FURTHEST: Final[dict[ModelState, int]] = {"available": 0, "failed": 1, "loading": 2, "loaded": 3}


class ServeStatusBoard:
    """StatusBoard of an application.

    Args:
        application: Its name.
        models: Every served model.
        remote: The deployments that run models, by name.
    """

    def __init__(self, application: str, models: ModelDirectory, remote: Mapping[str, RemoteStage]) -> None:
        self._presence = Presence(application)
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
        self._told: dict[str, tuple[float, Sequence[Mapping[str, ModelState]]]] = {}
        """When the replicas of a deployment answered last, and what."""
        self._waking: dict[str, asyncio.Task[None]] = {}
        self._states: dict[str, ModelState] = {
            model.id: "available" if model.load == "on_demand" else "loading" for model in models.models
        }
        self._states_at = float("-inf")
        self._refreshing: asyncio.Task[None] | None = None

    async def stages(self) -> tuple[StageStatus, ...]:
        """At most a second old."""
        return await self._presence.stages()

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
                for name, stage in self._speaking.items():
                    await self._learn(name, stage)
                self._voices_asked_at = time.monotonic()
        return self._voices

    async def _learn(self, name: str, stage: RemoteStage) -> None:
        try:
            told = await stage.model_voices(_MODELS_TIMEOUT_S)
        except Unavailable:
            if name not in self._waking and await self._presence.is_waking(name):
                # Nobody can name a voice of it before it has told them, so no request would ever wake it.
                self._waking[name] = asyncio.create_task(self._wake(name, stage))
            return
        for of_replica in told:
            for model in self._untold & of_replica.keys():
                self._voices = {**self._voices, model: answering_to_openai_names(of_replica[model])}

    async def _wake(self, name: str, stage: RemoteStage) -> None:
        try:
            await stage.wake(_WAKE_TIMEOUT_S)
        except Unavailable as error:
            _logger.warning("a deployment did not wake", extra={"deployment": name, "reason": error.message})
        finally:
            del self._waking[name]

    async def _refresh(self) -> None:
        try:
            of_stage = {stage.name: stage for stage in await self.stages()}
            asked = [self._ask(name, stage, of_stage.get(name)) for name, stage in self._remote.items()]
            by_replica = [states for replicas in await asyncio.gather(*asked) for states in replicas]
            self._states = {
                model.id: self._state(model, _state_of(of_stage.get(_deployment(model))), by_replica)
                for model in self._models
            }
            self._states_at = time.monotonic()
        finally:
            self._refreshing = None

    async def _ask(
        self, name: str, stage: RemoteStage, status: StageStatus | None
    ) -> Sequence[Mapping[str, ModelState]]:
        asked_at, told = self._told.get(name, (float("-inf"), ()))
        if status is not None and status.may_sleep:
            if not status.replicas_ready:
                return ()
            if time.monotonic() - asked_at <= _UNDISTURBED_S:
                return told
        try:
            told = await stage.model_states(_MODELS_TIMEOUT_S)
        except Unavailable:
            return ()
        self._told[name] = (time.monotonic(), told)
        return told

    def _state(
        self, model: ServedModel, stage: StageState, by_replica: Sequence[Mapping[str, ModelState]]
    ) -> ModelState:
        if stage != "ready" or model.load == "startup":
            return _MODEL_STATES[stage]
        told = [states[model.id] for states in by_replica if model.id in states]
        # Where no replica answered, what was known last still holds.
        return max(told, key=_FURTHEST.__getitem__) if told else self._states[model.id]


def _state_of(status: StageStatus | None) -> StageState:
    return "starting" if status is None else status.state


def _deployment(model: ServedModel) -> str:
    return model.deployment or model.task
