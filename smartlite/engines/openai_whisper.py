"""Speech recognition by openai-whisper: Whisper on torch, in float16 on GPUs and float32 on CPUs.

Must not know codecs, replicas or where the catalog's files come from. It takes the library's checkpoints: ``.pt``, or
``.safetensors`` with a ``config.json`` beside it.
"""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from smartlite.domain.asr import EngineTranscriptEvent, TranscribeOptions
from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ, AudioChunk
from smartlite.domain.models import ModelFiles
from smartlite.engines.cores import usable_cores
from smartlite.engines.step_threads import StepThreads
from smartlite.engines.torch_attention import choose_attention
from smartlite.engines.torch_memory import free_cached_memory
from smartlite.engines.whisper_options import WhisperOptions
from smartlite.engines.whisper_request import WhisperModelFacts, resolve_request
from smartlite.errors import ConfigurationError, EngineFailed, ModelNotReady


class OpenAIWhisper:
    """An ASR engine. One step at a time is worked on: the library keeps a decoding's state in the model itself.

    Steps (find speech and language; recognise up to the next segment) are asked for one by one, so requests take turns,
    a slow reader holds nothing, and a reader that leaves ends the work before the next window or temperature.
    """

    class Options(WhisperOptions):
        """Beside what all Whispers have."""

        checkpoint: str = ""
        """A name of the library's own table, such as ``large-v3``, which the library downloads into the model cache;
        or the path of a ``.pt`` or ``.safetensors`` file. Empty takes the catalog's file."""
        checkpoint_sha256: Annotated[str, Field(pattern=r"^([0-9a-fA-F]{64})?$")] = ""
        """SHA-256 of the file at ``checkpoint``, without which no path is read."""
        compute_type: Literal["auto", "float16", "float32"] = "auto"
        """Type of the weights while computing; ``auto`` is float32 on a CPU and float16 on a GPU."""

    pieces_at_once: Final = 1

    def __init__(self, files: ModelFiles, options: Options) -> None:
        self._files = files
        self._options = options
        self._model: Any = None
        self._dtype: Any = None
        self._facts: WhisperModelFacts | None = None
        self._steps: StepThreads | None = None
        self._recordings: set[Any] = set()

    def start(self) -> None:
        """Load the model and recognise a second of noise, so that the first request waits for nothing.

        Raises:
            ConfigurationError: A library is missing, the checkpoint is not the one that was named or no Whisper model,
                or this machine cannot compute as the options say.
        """
        options = self._options
        try:
            import torch

            from smartlite.engines.openai_whisper_checkpoint import build_model, read_checkpoint
            from smartlite.engines.openai_whisper_recording import LIBRARY_ERRORS, Recording
        except ImportError as error:
            raise ConfigurationError(
                f"The engine 'openai_whisper' needs a library that is not installed: {error}. "
                "Install the extra 'torch': pip install 'smartlite[torch]'.",
                "engine",
            ) from error
        choose_attention(torch)
        device = options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        if device == "cpu" and options.compute_type == "float16":
            raise ConfigurationError("openai-whisper computes in float32 on a CPU, not in float16.", "compute_type")
        checkpoint = read_checkpoint(self._files, options.checkpoint, options.checkpoint_sha256)
        model = build_model(checkpoint)
        del checkpoint
        try:
            self._dtype = torch.float16 if device == "cuda" and options.compute_type != "float32" else torch.float32
            if self._dtype == torch.float16:
                _halve(model, torch)
            self._model = model.to(torch.device(device, options.device_index) if device == "cuda" else device)
            self._facts = self._describe(self._model)
            self._warm_up(Recording(self._model, self._dtype))
        except LIBRARY_ERRORS as error:
            self._model = self._facts = None
            raise ConfigurationError(
                f"openai-whisper cannot run the model '{self._files.id}' on '{device}': {error}", "engine"
            ) from error

        def prepare() -> None:
            torch.set_num_threads(options.threads or usable_cores())

        self._steps = StepThreads(self._files.id, "openai-whisper", LIBRARY_ERRORS, prepare=prepare)

    async def transcribe(
        self, audio: AudioChunk, options: TranscribeOptions
    ) -> AsyncGenerator[EngineTranscriptEvent, None]:
        """Yield one TranscriptInfo, then Segments in order as they are recognised; silence and noise have none.

        Args:
            audio: At 16 kHz, any length.
            options: ``language`` as a code, a tag or an English name; ``temperature`` 0 is raised step by step for
                windows whose text is too repetitive or too unlikely, any other is taken as it is.

        Raises:
            InvalidRequest: 400, a language that the model does not know, a translation by an English-only model.
            UnsupportedParameter: 400, an option that has no meaning beside the others.
            EngineFailed: 500, the library failed.
            ModelNotReady: 503, the engine is not started, or was closed meanwhile.
        """
        steps = self._steps
        if self._model is None or self._facts is None or steps is None:
            raise ModelNotReady(f"The model '{self._files.id}' is not loaded.")
        if audio.sample_rate_hz != RECOGNITION_SAMPLE_RATE_HZ:
            raise EngineFailed(f"Audio at {audio.sample_rate_hz} Hz; the engine takes {RECOGNITION_SAMPLE_RATE_HZ} Hz.")
        request = resolve_request(options, self._options, self._facts)
        samples = np.ascontiguousarray(audio.samples, dtype=np.float32)

        from smartlite.engines.openai_whisper_recording import Recording

        recording = Recording(self._model, self._dtype)
        self._recordings.add(recording)
        try:
            yield await steps.run(lambda: recording.begin(samples, request))
            while (segment := await steps.run(recording.next_segment)) is not None:
                yield segment
        finally:
            recording.stop()
            self._recordings.discard(recording)

    async def check_health(self) -> None:
        """Raise EngineFailed if the engine is not started, is closed, or a step has taken too long."""
        if self._steps is None:
            raise EngineFailed(f"The model '{self._files.id}' is not loaded.")
        self._steps.check(self._options.stuck_after_s)

    def close(self) -> None:
        """Stop all recordings, wait for the window that is being computed, and free the model."""
        for recording in tuple(self._recordings):
            recording.stop()
        steps, self._steps = self._steps, None
        if steps is not None:
            steps.close()
        if self._model is not None:
            self._model = None
            import torch

            free_cached_memory(torch)

    def _describe(self, model: Any) -> WhisperModelFacts:
        from whisper.tokenizer import get_tokenizer

        tokenizer = get_tokenizer(model.is_multilingual, num_languages=model.num_languages)
        return WhisperModelFacts(
            self._files.id,
            model.is_multilingual,
            knows=lambda code: code in tokenizer.all_language_codes,
            encode=tokenizer.encoding.encode_ordinary,
        )

    def _warm_up(self, recording: Any) -> None:
        """Run every part once: voice activity, features, encoder, decoder, times of words."""
        assert self._facts is not None  # noqa: S101 - set just before
        noise = np.random.default_rng(0).normal(0.0, 0.01, RECOGNITION_SAMPLE_RATE_HZ).astype(np.float32)
        request = resolve_request(TranscribeOptions(language="en"), WhisperOptions(), self._facts)
        recording.begin(noise, request)
        recording.warm_up()


def _halve(model: Any, torch: Any) -> None:
    """Keep in float16 what is computed in it: the library casts float32 at every step. Its norms stay as they are."""
    for module in model.modules():
        if isinstance(module, torch.nn.Linear | torch.nn.Conv1d | torch.nn.Embedding):
            module.half()
