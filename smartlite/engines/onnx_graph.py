"""The graph of a VITS voice on onnxruntime. Must not know text, phonemes or threads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from smartlite.engines.onnx_session import Device, OnnxSession, Run
from smartlite.engines.waveform import Samples
from smartlite.errors import ConfigurationError, EngineFailed

_SINGLE_SPEAKER_INPUTS: Final = {"input", "input_lengths", "scales"}


class VitsGraph:
    """A loaded graph. Runs are independent of each other and may come from any thread."""

    def __init__(self, path: Path, device: Device, threads: int, *, multi_speaker: bool) -> None:
        """Load the graph.

        Args:
            path: The .onnx file.
            device: auto takes CUDA if this build of onnxruntime has it.
            threads: Of one run, on the CPU.
            multi_speaker: Whether the voice's configuration has more than one speaker.

        Raises:
            ConfigurationError: onnxruntime is missing, has no such device, or the file is no graph of this kind.
        """
        self._session = OnnxSession(path, device, threads)
        expected = _SINGLE_SPEAKER_INPUTS | ({"sid"} if multi_speaker else set())
        if (inputs := self._session.inputs) != expected:
            raise ConfigurationError(f"{path.name} takes {sorted(inputs)}, a voice like this takes {sorted(expected)}.")

    def new_run(self) -> Run:
        """A run that can be ended from another thread."""
        return self._session.new_run()

    def speak(self, ids: Sequence[int], scales: tuple[float, float, float], speaker: int | None, run: Run) -> Samples:
        """Run the graph once. Blocks.

        Args:
            ids: Phoneme ids with start, pads and end.
            scales: Noise, length and noise of the durations, as the graph takes them.
            speaker: For a graph with several.
            run: Ends this run early when asked.

        Returns:
            Shape (n,), about [-1, 1], n a multiple of the hop length.

        Raises:
            EngineFailed: 500, the graph failed, was ended, or gave numbers that are no audio.
        """
        inputs = {
            "input": np.array([ids], dtype=np.int64),
            "input_lengths": np.array([len(ids)], dtype=np.int64),
            "scales": np.array(scales, dtype=np.float32),
        }
        if speaker is not None:
            inputs["sid"] = np.array([speaker], dtype=np.int64)
        samples: Samples = self._session.run(inputs, run).reshape(-1)
        if not np.isfinite(samples).all():
            raise EngineFailed("The voice gave samples that are not numbers.")
        return samples
