"""Kokoro's files: the graph, its alphabet and its voices, read and checked. Must not know text or threads."""

import json
import zipfile
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from smartlite.domain.models import ModelFiles
from smartlite.engines.onnx_session import Device, OnnxSession, Run
from smartlite.engines.waveform import Samples
from smartlite.errors import ConfigurationError, EngineFailed

SAMPLE_RATE_HZ: Final = 24_000
MAX_LETTERS: Final = 510
"""What the model takes beside the pad at each end."""
_STYLE: Final = 256
_PAD: Final = 0
_MAX_ALPHABET_BYTES: Final = 1_000_000


class KokoroGraph:
    """The graph with its alphabet and voices. Runs are independent of each other and may come from any thread."""

    def __init__(self, files: ModelFiles, device: Device, threads: int) -> None:
        """Load and check.

        Args:
            files: A graph, an alphabet (``vocab.json``) and an archive of voices (``.npz``).
            device: As OnnxSession has it.
            threads: Of one run, on the CPU.

        Raises:
            ConfigurationError: A file is missing or another thing, or a voice of the catalog is not in the archive.
        """
        self._letters = _read_letters(_only(files, ".json"))
        self._voices = _read_voices(_only(files, ".npz"))
        if missing := [voice.id for voice in files.voices if voice.id not in self._voices]:
            raise ConfigurationError(f"The model '{files.id}' has no voice '{missing[0]}'.", "voices")
        path = _only(files, ".onnx")
        self._session = OnnxSession(path, device, threads)
        if (inputs := self._session.inputs) != {"tokens", "style", "speed"}:
            raise ConfigurationError(f"{path.name} takes {sorted(inputs)}, Kokoro takes tokens, style and speed.")

    def known(self, letters: str) -> str:
        """The letters that the alphabet has."""
        return "".join(letter for letter in letters if letter in self._letters)

    def new_run(self) -> Run:
        """A run that can be ended from another thread."""
        return self._session.new_run()

    def speak(self, letters: str, voice: str, speed: float, run: Run) -> Samples:
        """Run the graph once. Blocks.

        Args:
            letters: 1 to MAX_LETTERS letters of the alphabet.
            voice: A voice's own id.
            speed: As the graph takes it.
            run: Ends this run early when asked.

        Returns:
            Shape (n,), about [-1, 1].

        Raises:
            EngineFailed: 500, the graph failed, was ended, or gave numbers that are no audio.
        """
        style = self._voices[voice]
        inputs = {
            "tokens": np.array([[_PAD, *(self._letters[letter] for letter in letters), _PAD]], np.int64),
            # A voice has a style for every length of text.
            "style": style[min(len(letters), len(style)) - 1].reshape(1, _STYLE),
            "speed": np.array([speed], np.float32),
        }
        samples: Samples = np.asarray(self._session.run(inputs, run), np.float32).reshape(-1)
        if not np.isfinite(samples).all():
            raise EngineFailed("The voice gave samples that are not numbers.")
        return samples


def _only(files: ModelFiles, suffix: str) -> Path:
    names = files.files or tuple(sorted(path.name for path in files.directory.glob(f"*{suffix}")))
    found = [name for name in names if name.endswith(suffix)]
    if len(found) != 1:
        raise ConfigurationError(f"The model '{files.id}' must have one {suffix} file, not {len(found)}.")
    path = files.directory / found[0]
    if not path.is_file():
        raise ConfigurationError(f"The model '{files.id}' lacks the file {path.name}.")
    return path


def _read_letters(path: Path) -> dict[str, int]:
    try:
        if path.stat().st_size > _MAX_ALPHABET_BYTES:
            raise ConfigurationError(f"{path.name} is larger than an alphabet can be.")
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path.name} cannot be read as JSON: {error}") from error
    letters = content.get("vocab") if isinstance(content, dict) else None
    if not isinstance(letters, dict) or not letters:
        raise ConfigurationError(f"{path.name} is not Kokoro's alphabet: it has no 'vocab'.")
    if not all(len(letter) == 1 and isinstance(number, int) for letter, number in letters.items()):
        raise ConfigurationError(f"{path.name} is not Kokoro's alphabet: 'vocab' must number single letters.")
    return letters


def _read_voices(path: Path) -> dict[str, NDArray[np.float32]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            voices = {name: np.asarray(archive[name], np.float32) for name in archive.files}
    except (OSError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        raise ConfigurationError(f"{path.name} is not an archive of voices: {error}") from error
    for name, style in voices.items():
        if style.size == 0 or style.size % _STYLE or style.shape[-1] != _STYLE:
            raise ConfigurationError(f"{path.name}: the voice '{name}' has the shape {style.shape}.")
    return {name: style.reshape(-1, _STYLE) for name, style in voices.items()}
