"""Served models, their names and their voices. Must not know where weights come from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from smartlite.errors import ModelNotFound, ModelNotReady, VoiceNotFound

ModelTask = Literal["asr", "llm", "tts", "embedding"]
ModelState = Literal["available", "loading", "loaded", "failed"]
"""``available``: loaded when it is first asked for."""
ModelLoad = Literal["startup", "on_demand"]


OPENAI_VOICES: Final = (
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "fable", "marin", "nova", "onyx", "sage", "shimmer", "verse",
)  # fmt: skip
"""Names that clients of OpenAI's API insist on."""


@dataclass(frozen=True, slots=True)
class Voice:
    """A speaker of a TTS model."""

    id: str
    name: str
    language: str
    """BCP 47 tag, such as ``en-US``."""
    aliases: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """BCP 47 tags of every language that it speaks, ``language`` first; empty: only ``language``."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model as the gateway knows it."""

    id: str
    task: ModelTask
    engine: str
    created: int
    """Unix time in seconds, as the catalog has it."""
    owned_by: str
    aliases: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    """ISO-639-1 codes; empty where the model does not say."""
    voices: tuple[Voice, ...] = ()
    """Of a TTS model; empty until the model itself has told them, where nobody else knows them."""
    load: ModelLoad = "startup"
    deployment: str = ""
    """Name of the deployment that runs it; empty: the task's own."""
    context_tokens: int | None = None
    """Of a language model: prompt and answer of one request; None: its engine does not say."""
    fingerprint: str = ""
    """SHA-256, in hexadecimal, of its files' own and of its engine's options: another one may answer otherwise."""


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A model on this node's disk, as an engine gets it."""

    id: str
    directory: Path
    """Holds every file of the catalog entry under its own name."""
    files: tuple[str, ...] = ()
    """Names of the catalog's files, in its order."""
    voices: tuple[Voice, ...] = ()
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelDirectory:
    """Names to served models: ids first, then aliases in the order the models are served."""

    models: tuple[ServedModel, ...]
    _by_name: Mapping[str, ServedModel] = field(init=False, repr=False, compare=False)
    untold: tuple[ServedModel, ...] = field(init=False, repr=False, compare=False)
    """TTS models whose voices only they themselves can tell."""
    _voiced: "list[tuple[Mapping[str, tuple[Voice, ...]], ModelDirectory]]" = field(
        init=False, repr=False, compare=False, default_factory=list
    )
    """What was told last, and what came of it."""

    def __post_init__(self) -> None:
        by_name: dict[str, ServedModel] = {}
        for model in self.models:
            by_name[model.id] = model
        for model in self.models:
            for alias in model.aliases:
                by_name.setdefault(alias, model)
        object.__setattr__(self, "_by_name", by_name)
        untold = tuple(model for model in self.models if model.task == "tts" and not model.voices)
        object.__setattr__(self, "untold", untold)

    def with_voices(self, told: Mapping[str, tuple[Voice, ...]]) -> "ModelDirectory":
        """The same models with the voices that they have told since, by model id; ``told`` never changes."""
        if not self._voiced or self._voiced[0][0] is not told:
            models = tuple(
                replace(model, voices=told[model.id], languages=model.languages or _languages(told[model.id]))
                if model in self.untold and model.id in told
                else model
                for model in self.models
            )
            self._voiced[:] = [(told, ModelDirectory(models))]
        return self._voiced[0][1]

    def names(self) -> Iterable[tuple[str, ServedModel]]:
        """Every name a client may use, with its model, in a stable order."""
        return self._by_name.items()

    def find(self, name: str) -> ServedModel:
        """Find a model of any task.

        Raises:
            ModelNotFound: 404; the message names no other tenant's model, only served ones.
        """
        model = self._by_name.get(name)
        if model is None:
            raise ModelNotFound(f"The model '{_shorten(name)}' does not exist.", "model")
        return model

    def resolve(self, name: str, task: ModelTask, param: str = "model") -> ServedModel:
        """Find a model that does ``task``.

        Raises:
            ModelNotFound: 404, with the names that would do.
        """
        model = self._by_name.get(name)
        if model is None or model.task != task:
            allowed = ", ".join(sorted(n for n, m in self._by_name.items() if m.task == task)) or "none is served"
            raise ModelNotFound(f"The model '{_shorten(name)}' does not exist for this task. Served: {allowed}.", param)
        return model

    def default(self, task: ModelTask) -> ServedModel:
        """The first model served for ``task``.

        Raises:
            ModelNotFound: 404 when none is served.
        """
        for model in self.models:
            if model.task == task:
                return model
        raise ModelNotFound(f"No model for the task '{task}' is served.", "model")


def resolve_voice(model: ServedModel, name: str | None) -> Voice:
    """Find a voice of a TTS model by id or alias; None takes the first.

    Raises:
        VoiceNotFound: 400, with the voices that the model has.
        ModelNotReady: 503, the model has not told its voices yet.
    """
    if not model.voices:
        raise ModelNotReady(f"The model '{model.id}' has not told its voices yet. Try again shortly.", "model")
    if name is None:
        return model.voices[0]
    for voice in model.voices:
        if name == voice.id or name in voice.aliases:
            return voice
    allowed = ", ".join(n for voice in model.voices for n in (voice.id, *voice.aliases))
    wrong = _shorten(name or "")
    raise VoiceNotFound(f"The voice '{wrong}' does not exist. Voices of '{model.id}': {allowed}.", "voice")


def answering_to_openai_names(voices: tuple[Voice, ...]) -> tuple[Voice, ...]:
    """Voices of a model that nobody named, OpenAI's names spread over them."""
    own = {name for voice in voices for name in (voice.id, *voice.aliases)}
    free = [name for name in OPENAI_VOICES if name not in own]
    count = len(voices)
    return tuple(replace(voice, aliases=(*voice.aliases, *free[at::count])) for at, voice in enumerate(voices))


def _languages(voices: tuple[Voice, ...]) -> tuple[str, ...]:
    """Primary codes, in the order of the voices."""
    tags = (tag for voice in voices for tag in voice.languages or (voice.language,))
    return tuple(dict.fromkeys(tag.partition("-")[0] for tag in tags))


def _shorten(name: str) -> str:
    return name if len(name) <= 64 else name[:64] + "..."
