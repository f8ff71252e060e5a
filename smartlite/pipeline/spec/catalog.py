"""Which models and voices a document may name. Must not know how they are served."""

from dataclasses import dataclass
from typing import Protocol

from smartlite.domain.models import ModelDirectory, ModelTask, ServedModel
from smartlite.errors import ModelNotFound


class Catalog(Protocol):
    """What ``check_document`` asks."""

    def models(self, task: ModelTask) -> tuple[str, ...]:
        """Every name of every model of the task, the default model's first; empty where none is served."""
        ...

    def resolve(self, name: str, task: ModelTask) -> ServedModel | None:
        """The model of this name, if it does the task."""
        ...

    def voices(self, model: ServedModel) -> tuple[str, ...]:
        """Every name of every voice of the model; empty where it has not told them yet."""
        ...


@dataclass(frozen=True, slots=True)
class ServedCatalog:
    """The models of a directory, as a Catalog."""

    directory: ModelDirectory

    def models(self, task: ModelTask) -> tuple[str, ...]:
        """Every name of every model of the task, the default model's first."""
        served = [model for model in self.directory.models if model.task == task]
        return tuple(model.id for model in served) + tuple(
            name for name, model in self.directory.names() if model.task == task and name != model.id
        )

    def resolve(self, name: str, task: ModelTask) -> ServedModel | None:
        """The model of this name, if it does the task."""
        try:
            return self.directory.resolve(name, task)
        except ModelNotFound:
            return None

    def voices(self, model: ServedModel) -> tuple[str, ...]:
        """Every name of every voice of the model; empty where it has not told them yet."""
        return tuple(name for voice in model.voices for name in (voice.id, *voice.aliases))
