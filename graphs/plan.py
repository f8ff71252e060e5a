"""Which deployment runs which models, found out from the arguments, the catalog and the registry, all checked.

Must not bind anything, nor import Ray.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from pydantic import ValidationError

from graphs.args import ModelArgs, PlatformArgs
from smartlite.domain.models import ModelDirectory, ModelLoad, ModelTask, ServedModel
from smartlite.engines.registry import TELL_VOICES, WITHOUT_FILES, parse_options
from smartlite.errors import ConfigurationError, ModelNotFound
from smartlite.models.catalog import Catalog, ModelEntry
from smartlite.strict import describe

FIXED: Final = ("ingress", "pipeline")
"""Deployments that run no model."""
_TOGETHER: Final[tuple[frozenset[ModelTask], ...]] = (frozenset({"llm", "embedding"}),)
"""Tasks whose models may share a deployment."""


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """A model as it will be served."""

    entry: ModelEntry
    engine: str
    options: dict[str, object]
    load: ModelLoad
    deployment: str

    def served(self) -> ServedModel:
        """The model as the gateway knows it."""
        return replace(
            self.entry.served(self.engine),
            load=self.load,
            deployment=self.deployment,
            context_tokens=parse_options(self.entry.task, self.engine, self.options).request_context_tokens,
            fingerprint=self._fingerprint(),
        )

    def _fingerprint(self) -> str:
        files = [(file.name, file.sha256) for file in self.entry.files]
        return hashlib.sha256(json.dumps([files, self.options], sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class PlannedDeployment:
    """Replicas of one kind and the models that they run."""

    name: str
    tasks: frozenset[ModelTask]
    models: tuple[PlannedModel, ...]
    max_loaded: int
    """Models loaded on demand that one replica keeps at once."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Every model, in the order in which it is listed, stage after stage."""

    models: tuple[PlannedModel, ...]
    deployments: tuple[PlannedDeployment, ...]

    def directory(self) -> ModelDirectory:
        """What the gateway is told."""
        return ModelDirectory(tuple(model.served() for model in self.models))

    def to_fetch(self) -> tuple[ModelEntry, ...]:
        """Models whose files a replica needs before it is ready."""
        return tuple(model.entry for model in self.models if model.load == "startup" and model.entry.files)


def make_plan(args: PlatformArgs, catalog: Catalog) -> Plan:
    """Check every model, engine, option and deployment before any replica starts.

    Raises:
        ConfigurationError: With the key, what was wrong, and the nearest right one.
    """
    models = tuple(
        _plan_model(task, index, served, catalog)
        for task, stage in args.stages().items()
        for index, served in enumerate(stage.models)
    )
    names = dict.fromkeys(model.deployment for model in models)
    return Plan(models, tuple(_plan_deployment(name, args, models) for name in names))


def _plan_model(task: ModelTask, index: int, served: ModelArgs, catalog: Catalog) -> PlannedModel:
    where = f"{task}.models[{index}]"
    if served.engine is not None:
        parse_options(task, served.engine, served.options)
    entry = _find(task, served, catalog, where)
    if entry.task != task:
        raise ConfigurationError(f"The model '{served.model}' does {entry.task}, not {task}.", f"args.{task}")
    engine = served.engine or entry.engine
    parse_options(task, engine, served.options)
    _check_voices(entry, engine, served, where)
    deployment = served.deployment or task
    if deployment in FIXED:
        raise ConfigurationError(f"'{where}.deployment': the deployment '{deployment}' runs no model.", where)
    if served.aliases:
        entry = entry.model_copy(update={"aliases": tuple(dict.fromkeys((*served.aliases, *entry.aliases)))})
    return PlannedModel(entry, engine, dict(served.options), served.load, deployment)


def _check_voices(entry: ModelEntry, engine: str, served: ModelArgs, where: str) -> None:
    """Refuse a model whose voices nobody could tell before it is asked to speak."""
    if entry.task != "tts" or entry.voices:
        return
    if engine not in TELL_VOICES:
        raise ConfigurationError(f"'{where}.voices': a tts model of the engine '{engine}' needs voices.", where)
    if served.load == "on_demand":
        raise ConfigurationError(
            f"'{where}.voices': a model that is loaded on demand cannot tell its voices before; list them, or load it "
            "at the start (load: startup).",
            where,
        )


def _find(task: ModelTask, served: ModelArgs, catalog: Catalog, where: str) -> ModelEntry:
    """The catalog's entry, or one made of the arguments where the engine needs no files."""
    needs_files = not _runs_without_files(served)
    try:
        entry = catalog.find(served.model)
    except ModelNotFound as error:
        if needs_files:
            raise ConfigurationError(error.message, f"args.{task}") from error
    else:
        # A name such as tts-1 is another model's alias, and may be the name of a model behind an upstream.
        if needs_files or entry.id == served.model:
            return _as_listed(entry, served, where, needs_files)
    fields = {
        "id": served.model,
        "task": task,
        "engine": served.engine,
        "created": 0,
        "owned_by": served.engine,
        "licence": "NOASSERTION",
        "languages": served.languages,
        "voices": served.voices,
    }
    try:
        return ModelEntry.model_validate(fields)
    except ValidationError as error:
        raise ConfigurationError(f"{where}: {describe(error, ModelEntry)[1]}", where) from error


def _as_listed(entry: ModelEntry, served: ModelArgs, where: str, needs_files: bool) -> ModelEntry:
    if served.languages or served.voices:
        key = "voices" if served.voices else "languages"
        raise ConfigurationError(
            f"'{where}.{key}': the catalog has '{served.model}' and says its {key}; to say others, write an entry into "
            "the file that SMARTLITE_CATALOG names.",
            where,
        )
    return entry if needs_files else entry.model_copy(update={"files": (), "sources": ()})


def _runs_without_files(served: ModelArgs) -> bool:
    if served.engine not in WITHOUT_FILES:
        return False
    instead = WITHOUT_FILES[served.engine]
    return not instead or any(option in served.options for option in instead)


def _plan_deployment(name: str, args: PlatformArgs, models: Iterable[PlannedModel]) -> PlannedDeployment:
    own = tuple(model for model in models if model.deployment == name)
    tasks: frozenset[ModelTask] = frozenset(model.entry.task for model in own)
    if len(tasks) > 1 and tasks not in _TOGETHER:
        raise ConfigurationError(
            f"The deployment '{name}' would run models of {' and '.join(sorted(tasks))}; "
            f"only {' and '.join(sorted(_TOGETHER[0]))} can share one.",
            "deployment",
        )
    on_demand = {model.entry.task for model in own if model.load == "on_demand"}
    kept = sum(args.stages()[task].max_loaded for task in on_demand)
    return PlannedDeployment(name, tasks, own, kept)
