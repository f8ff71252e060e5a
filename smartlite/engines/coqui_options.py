"""What an operator may set for the engine ``coqui``. Must not know files, torch or the library."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from smartlite.engines.protocols import EngineOptions

_SHA256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class CoquiOptions(EngineOptions):
    """Where the model comes from, where it runs, and how its voices are called."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the model runs, in float32; auto takes a GPU if torch sees one."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Threads of torch on the CPU. Two of them collapse where another process takes a core: a sentence took 218 ms on
    two free cores, 1,637 ms when one of them was taken."""
    noise_scale: Annotated[float, Field(ge=0, le=2)] | None = None
    """VITS: variation of the sound; None takes the model's own."""
    noise_w: Annotated[float, Field(ge=0, le=2)] | None = None
    """VITS: variation of the rhythm; None takes the model's own. With both at 0 a text always sounds the same."""
    sentence_silence_s: Annotated[float, Field(ge=0, le=5)] = 0.2
    """Silence after a sentence at speed 1, in seconds."""
    max_phonemes: Annotated[int, Field(ge=50, le=1000)] = 200
    """Longest run of the model, in phonemes or characters; a longer sentence is spoken in parts."""
    phonemes_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Longest time for the phonemes of a sentence, in seconds."""

    checkpoint: Path | None = None
    """A .pth of the library's own format, instead of the catalog's files; its folder holds what else it needs."""
    config: Path | None = None
    """The config.json of ``checkpoint``."""
    checkpoint_sha256: _SHA256 | None = None
    """SHA-256 of ``checkpoint``, which is compared before it is read."""
    model_name: Annotated[str, Field(pattern=r"^tts_models(/[A-Za-z0-9_][A-Za-z0-9_.-]*){3}$")] | None = None
    """A model that the library knows and downloads, such as ``tts_models/multilingual/multi-dataset/xtts_v2``."""
    library_dir: Path | None = None
    """Where the library keeps its downloads; None: its own place (TTS_HOME, or the user's data folder)."""
    download_timeout_s: Annotated[float, Field(gt=0, le=86_400)] = 3600.0
    """Longest time for that download, in seconds."""
    sha256: dict[str, _SHA256] = Field(default_factory=dict)
    """SHA-256 of every file that could hold code (.pth, .pt, .npy ...) by its name, for ``model_name`` and for files
    beside ``checkpoint``."""

    language: str | None = None
    """Language of a model that speaks several, where neither request nor voice says; None takes the model's first."""
    speakers: dict[str, str] = Field(default_factory=dict)
    """Speaker of the model for a voice's id, where they are not the same: ``{ana: Ana Florence}``."""
    speaker_wav: dict[str, Path] = Field(default_factory=dict)
    """Recording to clone for a voice's id, for models that can: 6 to 30 s of one speaker without noise."""

    @property
    def sentences_at_once(self) -> int:
        """See EngineOptions."""
        return 1

    @model_validator(mode="after")
    def _is_one_source(self) -> Self:
        if self.checkpoint is not None:
            if self.model_name is not None:
                msg = "checkpoint and model_name exclude each other"
                raise ValueError(msg)
            if self.config is None or self.checkpoint_sha256 is None:
                msg = "checkpoint needs config and checkpoint_sha256"
                raise ValueError(msg)
        elif self.config is not None or self.checkpoint_sha256 is not None:
            msg = "config and checkpoint_sha256 belong to checkpoint, which is not set"
            raise ValueError(msg)
        return self
