"""A Piper-format voice's configuration: its phoneme ids, speakers, scales and rate, checked when it is read.

Must not know onnxruntime or espeak-ng. The format is that of the ``NAME.onnx.json`` beside ``NAME.onnx``.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, Field, ValidationError

from smartlite.domain.models import ModelFiles
from smartlite.errors import ConfigurationError, VoiceNotFound

PAD, BOS, EOS = "_", "^", "$"

_MAX_CONFIG_BYTES: Final = 1024 * 1024
_Id = Annotated[int, Field(ge=0)]
_Scale = Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]


class _Audio(BaseModel):
    sample_rate: Annotated[int, Field(ge=8000, le=96000)]


class _Espeak(BaseModel):
    voice: str


class _Inference(BaseModel):
    noise_scale: _Scale = 0.667
    length_scale: Annotated[_Scale, Field(gt=0)] = 1.0
    noise_w: _Scale = 0.8


class PiperVoice(BaseModel):
    """What the configuration of a voice says."""

    audio: _Audio
    espeak: _Espeak
    inference: _Inference = _Inference()
    phoneme_type: str = "espeak"
    phoneme_id_map: dict[str, Annotated[list[_Id], Field(max_length=16)]]
    phoneme_map: dict[str, list[str]] = {}
    num_symbols: Annotated[int, Field(ge=1)] = 256
    num_speakers: Annotated[int, Field(ge=1)] = 1
    speaker_id_map: dict[str, _Id] = {}
    hop_length: Annotated[int, Field(ge=1)] = 256
    """Samples of a frame, the unit of the model's durations; 256 in every voice that does not say."""

    @property
    def is_multi_speaker(self) -> bool:
        """Whether the graph takes a speaker id."""
        return self.num_speakers > 1

    def ids(self, phonemes: str, mark: str) -> tuple[list[int], int]:
        """Turn phonemes and the mark that ends them into ``^ _ p _ p ... $`` without its frame.

        Args:
            phonemes: IPA in NFD.
            mark: One of ``. , ; : ! ?`` or empty.

        Returns:
            The ids, each phoneme followed by a pad, and how many characters the map lacks.
        """
        pad = self.phoneme_id_map[PAD]
        ids: list[int] = []
        unknown = 0
        for character in phonemes + mark:
            for phoneme in self.phoneme_map.get(character, [character]):
                if (known := self.phoneme_id_map.get(phoneme)) is None:
                    unknown += 1
                else:
                    ids += known + pad
        return ids, unknown

    def frame(self, ids: Sequence[int]) -> list[int]:
        """Put the start before a run of ids and the end behind it."""
        return [*self.phoneme_id_map[BOS], *self.phoneme_id_map[PAD], *ids, *self.phoneme_id_map[EOS]]

    def speaker(self, voice: str, files: ModelFiles) -> int | None:
        """The graph's speaker id for a voice; None where the graph has one speaker.

        A voice of a multi-speaker model is a name of its ``speaker_id_map``. A single speaker answers to the voices
        that the catalog gives the model, or to the model's id where it gives none.

        Raises:
            VoiceNotFound: 400, with the voices there are.
        """
        if self.is_multi_speaker:
            if voice in self.speaker_id_map:
                return self.speaker_id_map[voice]
            known = tuple(self.speaker_id_map)
        else:
            known = tuple(each.id for each in files.voices) or (files.id,)
            if voice in known:
                return None
        shown = ", ".join(known[:20]) + (", ..." if len(known) > 20 else "")
        raise VoiceNotFound(f"The voice '{voice[:64]}' does not exist. Voices of '{files.id}': {shown}.", "voice")


def find_voice(files: ModelFiles) -> tuple[Path, Path]:
    """The graph and the configuration of a model: one NAME.onnx and its NAME.onnx.json.

    Raises:
        ConfigurationError: There is none, or more than one.
    """
    names = files.files or tuple(sorted(path.name for path in files.directory.glob("*.onnx*")))
    graphs = [name for name in names if name.endswith(".onnx")]
    if len(graphs) != 1:
        raise ConfigurationError(f"The model '{files.id}' must have one .onnx file, not {len(graphs)}.")
    graph = files.directory / graphs[0]
    config = files.directory / f"{graphs[0]}.json"
    for path in (graph, config):
        if not path.is_file():
            raise ConfigurationError(f"The model '{files.id}' lacks the file {path.name}.")
    return graph, config


def read_voice(path: Path) -> PiperVoice:
    """Read and check a voice's configuration.

    Raises:
        ConfigurationError: It is not one, or of a kind that this engine does not speak.
    """
    try:
        if path.stat().st_size > _MAX_CONFIG_BYTES:
            raise ConfigurationError(f"{path.name} is larger than a voice's configuration can be.")
        voice = PiperVoice.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"{path.name} is not the configuration of a Piper voice: {where}: {first['msg']}."
        ) from error
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path.name} cannot be read as JSON: {error}") from error
    if voice.phoneme_type != "espeak":
        raise ConfigurationError(f"{path.name}: phoneme_type '{voice.phoneme_type}' is not supported, only 'espeak'.")
    if missing := [symbol for symbol in (PAD, BOS, EOS) if symbol not in voice.phoneme_id_map]:
        raise ConfigurationError(f"{path.name}: phoneme_id_map lacks {' '.join(missing)}.")
    if any(each >= voice.num_symbols for ids in voice.phoneme_id_map.values() for each in ids):
        raise ConfigurationError(f"{path.name}: phoneme_id_map has an id of {voice.num_symbols} or more.")
    if any(speaker >= voice.num_speakers for speaker in voice.speaker_id_map.values()):
        raise ConfigurationError(f"{path.name}: speaker_id_map has an id of {voice.num_speakers} or more.")
    return voice


def split_ids(ids: Sequence[int], voice: PiperVoice, max_phonemes: int) -> list[list[int]]:
    """Cut the ids of a clause into runs of at most ``max_phonemes``, after a space where there is one."""
    limit = 2 * max_phonemes
    space = voice.phoneme_id_map.get(" ", [])[-1:]
    runs: list[list[int]] = []
    rest = list(ids)
    while len(rest) > limit:
        spaces = [at for at in range(limit // 2, limit, 2) if rest[at : at + 1] == space]
        cut = spaces[-1] + 2 if spaces else limit
        runs.append(rest[:cut])
        rest = rest[cut:]
    return [*runs, rest] if rest else runs
