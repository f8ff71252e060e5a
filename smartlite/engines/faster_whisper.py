"""Speech recognition by faster-whisper: Whisper on CTranslate2, 8-bit on CPUs.

Must not know codecs, replicas or where files come from. It takes a folder in CTranslate2's format: ``config.json``,
``model.bin``, ``tokenizer.json`` and the vocabulary.
"""

import dataclasses
import json
import logging
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from smartlite.domain.asr import EngineTranscriptEvent, TranscribeOptions
from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ, AudioChunk
from smartlite.domain.models import ModelFiles
from smartlite.engines.cores import usable_cores
from smartlite.engines.step_threads import StepThreads
from smartlite.engines.whisper_options import WhisperOptions
from smartlite.engines.whisper_request import WhisperModelFacts, resolve_request
from smartlite.errors import ConfigurationError, EngineFailed, ModelNotReady

_logger = logging.getLogger(__name__)

_MOST_WORKERS: Final = 64


class FasterWhisper:
    """An ASR engine. One step of a recording at a time is worked on by one of the engine's threads.

    Steps (find speech and language; recognise up to the next segment) are asked for one by one, so a slow reader holds
    no thread, and a reader that leaves ends the work before the next window or temperature.
    """

    class Options(WhisperOptions):
        """Beside what all Whispers have."""

        compute_type: Literal[
            "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "float16", "bfloat16", "float32"
        ] = "auto"
        """Type of the weights while computing; ``auto`` is int8 on a CPU and float16 on a GPU."""
        workers: Annotated[int, Field(ge=1, le=64)] | None = None
        """Windows computed side by side, each by an equal part of ``threads``. None: on a GPU one, on a CPU one for
        every thread, which does most, since threads that share a window wait for each other: 8 clips of 30 s at once
        took 0.6 of what 2 threads took for one after the other, on 2 cores. One clip alone takes 1.15 times as long."""

        shortest_window_s: Annotated[float, Field(ge=1, le=30)] = 30.0
        """Whisper fills every window up with silence to the 30 s that it learnt on. With less, in seconds, a short clip
        costs by its length: prompts of 4 s took 0.73 s of processor time each with 30, 0.30 s with 15, 0.20 s with 1
        (whisper-base). Some words then are others: with 15, 2.4 % were wrong in English (2.0 % with 30), 13 % in
        French (9), 13 % in Spanish (11), 6 % in Italian (8)."""

    def __init__(self, files: ModelFiles, options: Options) -> None:
        self._files = files
        self._options = options
        self._model: Any = None
        self._facts: WhisperModelFacts | None = None
        self._steps: StepThreads | None = None
        self._recordings: set[Any] = set()
        self._workers = 1

    @property
    def pieces_at_once(self) -> int:
        """As many as there are workers."""
        return self._workers

    def start(self) -> None:
        """Load the model and recognise a second of noise by every worker, so that no first request waits for anything.

        Raises:
            ConfigurationError: The library is missing, the folder is not a Whisper model in CTranslate2's format, or
                this machine cannot compute as the options say.
        """
        self._check_files()
        try:
            import ctranslate2
            from faster_whisper import WhisperModel

            from smartlite.engines.faster_whisper_recording import LIBRARY_ERRORS, Recording
        except ImportError as error:
            raise ConfigurationError(
                f"The engine 'faster_whisper' needs a library that is not installed: {error}. "
                "Install the extra 'cpu': pip install 'smartlite[cpu]'.",
                "engine",
            ) from error
        for device in self._devices(ctranslate2):
            try:
                self._model = self._load(WhisperModel, device)
                with ThreadPoolExecutor(self._workers) as warming:
                    list(warming.map(self._warm_up, [Recording(self._model) for _ in range(self._workers)]))
                break
            except LIBRARY_ERRORS as error:
                self._model = None
                if device == "cpu" or self._options.device == "cuda":
                    raise ConfigurationError(
                        f"faster-whisper cannot run the model '{self._files.id}' on '{device}': {error}", "engine"
                    ) from error
                # CTranslate2 is built for one version of CUDA's libraries, and this machine may have another.
                _logger.warning(
                    "faster-whisper cannot use the GPU and takes the CPU",
                    extra={"model": self._files.id, "reason": str(error)[:500]},
                )
        self._facts = self._describe(self._model)
        self._steps = StepThreads(self._files.id, "faster-whisper", LIBRARY_ERRORS, count=self._workers)

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

        from smartlite.engines.faster_whisper_recording import Recording

        recording = Recording(self._model, self._options.shortest_window_s)
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
        """Stop all recordings, wait for the windows that are being computed, and free the model."""
        for recording in tuple(self._recordings):
            recording.stop()
        model, self._model = self._model, None
        steps, self._steps = self._steps, None
        if steps is not None:
            steps.close()
        if model is not None:
            model.model.unload_model()

    def _devices(self, ctranslate2: Any) -> tuple[str, ...]:
        """What to try, in order."""
        if self._options.device != "auto":
            return (self._options.device,)
        return ("cuda", "cpu") if ctranslate2.get_cuda_device_count() else ("cpu",)

    def _load(self, model_class: Any, device: str) -> Any:
        options = self._options
        compute_type: str = options.compute_type
        if compute_type == "auto":
            compute_type = "float16" if device == "cuda" else "int8"
        threads = options.threads or usable_cores()
        self._workers = options.workers or (1 if device == "cuda" else min(threads, _MOST_WORKERS))
        return model_class(
            str(self._files.directory),
            device=device,
            device_index=options.device_index,
            compute_type=compute_type,
            cpu_threads=max(1, threads // self._workers),
            num_workers=self._workers,
            local_files_only=True,
        )

    def _describe(self, model: Any) -> WhisperModelFacts:
        tokenizer = model.hf_tokenizer
        first_special = tokenizer.token_to_id("<|endoftext|>")

        def encode(text: str) -> list[int]:
            # A prompt that says <|endoftext|> must not end the text.
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            return [token for token in ids if token < first_special]

        return WhisperModelFacts(
            self._files.id,
            model.model.is_multilingual,
            knows=lambda code: tokenizer.token_to_id(f"<|{code}|>") is not None,
            encode=encode,
        )

    def _check_files(self) -> None:
        """Refuse a folder that is not a model here: the library would ask a hub for what is missing."""
        for name in ("config.json", "model.bin", "tokenizer.json"):
            path = self._files.directory / name
            if not path.is_file():
                raise ConfigurationError(f"The model '{self._files.id}' has no file {name} in {path.parent}.", "engine")
            if path.suffix == ".json":
                try:
                    content = json.loads(path.read_bytes())
                except ValueError as error:
                    raise ConfigurationError(f"{path} is not JSON: {error}", "engine") from error
                if not isinstance(content, dict):
                    raise ConfigurationError(f"{path} holds no JSON object.", "engine")

    def _warm_up(self, recording: Any) -> None:
        """Run every part once: voice activity, features, encoder, decoder."""
        noise = np.random.default_rng(0).normal(0.0, 0.01, RECOGNITION_SAMPLE_RATE_HZ).astype(np.float32)
        request = resolve_request(TranscribeOptions(language="en"), WhisperOptions(), self._describe(self._model))
        recording.begin(noise, request)
        recording.begin(noise, dataclasses.replace(request, cut=None, temperatures=(0.0,)), max_new_tokens=8)
        recording.next_segment()
