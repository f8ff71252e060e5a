"""Speech recognition by faster-whisper: Whisper on CTranslate2, 8-bit on CPUs.

Must not know codecs, replicas or where files come from. It takes a folder in CTranslate2's format: ``config.json``,
``model.bin``, ``tokenizer.json`` and the vocabulary.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, Final, Literal, TypeVar

import numpy as np
from pydantic import Field

from smartlite.domain.asr import EngineTranscriptEvent, TranscribeOptions
from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ, AudioChunk
from smartlite.domain.languages import language_code
from smartlite.domain.models import ModelFiles
from smartlite.engines.protocols import EngineOptions
from smartlite.errors import ConfigurationError, EngineFailed, InvalidRequest, ModelNotReady

_FALLBACK_TEMPERATURES: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Tried in turn while a window's text is too repetitive or too unlikely (Radford et al., 2022, section 4.5)."""

_Result = TypeVar("_Result")


class FasterWhisper:
    """An ASR engine. One step of a recording at a time is worked on by one of the engine's threads.

    Steps (find speech and language; recognise up to the next segment) are asked for one by one, so a slow reader holds
    no thread, and a reader that leaves ends the work before the next window or temperature.
    """

    class Options(EngineOptions):
        """What an operator may set; the defaults were measured on whisper-base and whisper-tiny.en on a CPU."""

        device: Literal["auto", "cpu", "cuda"] = "auto"
        """Where the model runs; ``auto`` takes a GPU if CTranslate2 finds one."""
        device_index: Annotated[int, Field(ge=0)] = 0
        """Which of the GPUs that the process can see."""
        compute_type: Literal[
            "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "float16", "bfloat16", "float32"
        ] = "auto"
        """Type of the weights while computing; ``auto`` is int8 on a CPU and float16 on a GPU."""
        threads: Annotated[int, Field(ge=0, le=256)] = 0
        """CPU threads of one transcription; 0 takes OMP_NUM_THREADS (Ray sets it from ``num_cpus``), else up to 4."""
        workers: Annotated[int, Field(ge=1, le=64)] = 1
        """Transcriptions computed at the same time; each needs ``threads`` threads."""
        beam_size: Annotated[int, Field(ge=1, le=16)] = 1
        """Hypotheses kept at temperature 0; 1 is greedy. On 11 clips of telephone speech 5 took 1.0 to 1.3 times as
        long as 1 and had no fewer errors."""
        best_of: Annotated[int, Field(ge=1, le=16)] = 5
        """Samples drawn at temperatures above 0, of which the most likely is taken."""
        condition_on_previous_text: bool = True
        """Whether a window sees the text of those before it: consistent names, but repetitions may spread."""
        vad: bool = True
        """Whether only what Silero VAD takes for speech is recognised: silence and noise give no text."""
        vad_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
        """Probability from which 32 ms are taken for speech."""
        vad_min_silence_s: Annotated[float, Field(ge=0.1, le=60)] = 2.0
        """Pauses shorter than this, in seconds, are recognised together with the speech around them."""
        stuck_after_s: Annotated[float, Field(ge=1)] = 300.0
        """A step that takes longer, in seconds, makes the engine unhealthy; one window takes seconds on a CPU."""

    def __init__(self, files: ModelFiles, options: Options) -> None:
        self._files = files
        self._options = options
        self._model: Any = None
        self._executor: ThreadPoolExecutor | None = None
        self._recordings: set[Any] = set()
        self._steps: dict[object, float] = {}

    def start(self) -> None:
        """Load the model and recognise a second of noise, so that the first request waits for nothing.

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
        options = self._options
        device = options.device
        try:
            if device == "auto":
                device = "cuda" if ctranslate2.get_cuda_device_count() else "cpu"
            compute_type = options.compute_type
            if compute_type == "auto":
                compute_type = "float16" if device == "cuda" else "int8"
            self._model = WhisperModel(
                str(self._files.directory),
                device=device,
                device_index=options.device_index,
                compute_type=compute_type,
                cpu_threads=options.threads,
                num_workers=options.workers,
                local_files_only=True,
            )
            self._warm_up(Recording(self._model))
        except LIBRARY_ERRORS as error:
            self._model = None
            raise ConfigurationError(
                f"faster-whisper cannot run the model '{self._files.id}' on '{device}': {error}", "engine"
            ) from error
        self._executor = ThreadPoolExecutor(options.workers, thread_name_prefix="faster-whisper")

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
        if self._model is None:
            raise self._not_ready()
        if audio.sample_rate_hz != RECOGNITION_SAMPLE_RATE_HZ:
            raise EngineFailed(f"Audio at {audio.sample_rate_hz} Hz; the engine takes {RECOGNITION_SAMPLE_RATE_HZ} Hz.")
        language = self._resolve_language(options)
        samples = np.ascontiguousarray(audio.samples, dtype=np.float32)
        settings = self._settings(options)

        from faster_whisper.vad import VadOptions

        from smartlite.engines.faster_whisper_recording import Recording

        vad = None
        if self._options.vad:
            pause_ms = round(self._options.vad_min_silence_s * 1000)
            vad = VadOptions(threshold=self._options.vad_threshold, min_silence_duration_ms=pause_ms)
        recording = Recording(self._model)
        self._recordings.add(recording)
        try:
            yield await self._run(lambda: recording.begin(samples, language, vad, settings))
            while (segment := await self._run(recording.next_segment)) is not None:
                yield segment
        finally:
            recording.stop()
            self._recordings.discard(recording)

    async def check_health(self) -> None:
        """Raise EngineFailed if the engine is not started, is closed, or a step has taken too long."""
        if self._model is None:
            raise EngineFailed(f"The model '{self._files.id}' is not loaded.")
        oldest = min(tuple(self._steps.values()), default=None)
        if oldest is not None and time.monotonic() - oldest > self._options.stuck_after_s:
            raise EngineFailed(f"A step of '{self._files.id}' takes longer than {self._options.stuck_after_s:g} s.")

    def close(self) -> None:
        """Stop all recordings, wait for the windows that are being computed, and free the model."""
        for recording in tuple(self._recordings):
            recording.stop()
        model, self._model = self._model, None
        if self._executor is not None:
            self._executor.shutdown(wait=True)  # steps that wait for a thread find themselves stopped
            self._executor = None
        if model is not None:
            model.model.unload_model()

    async def _run(self, step: Callable[[], _Result]) -> _Result:
        """Run a step in a thread of the engine; cancelled while it waits for a thread, it never runs."""
        from smartlite.engines.faster_whisper_recording import LIBRARY_ERRORS, Stopped

        if self._executor is None:
            raise self._not_ready()

        def timed() -> _Result:
            key = object()
            self._steps[key] = time.monotonic()
            try:
                return step()
            except LIBRARY_ERRORS as error:
                raise EngineFailed(f"faster-whisper failed: {error}") from error
            except Stopped as error:
                raise self._not_ready() from error
            finally:
                del self._steps[key]

        return await asyncio.get_running_loop().run_in_executor(self._executor, timed)

    def _not_ready(self) -> ModelNotReady:
        return ModelNotReady(f"The model '{self._files.id}' is not loaded.")

    def _resolve_language(self, options: TranscribeOptions) -> str | None:
        """Find the code of the language asked for; an English-only model needs none and takes no other."""
        multilingual = self._model.model.is_multilingual
        if not multilingual and options.task == "translate":
            raise InvalidRequest(f"The model '{self._files.id}' knows only English and cannot translate.", "model")
        if options.language is None:
            return None if multilingual else "en"
        code = language_code(options.language)
        if code is None:
            raise InvalidRequest(
                f"There is no language '{options.language[:32]}'. Use an ISO-639-1 code such as 'en'.", "language"
            )
        known = code == "en" or (multilingual and self._model.hf_tokenizer.token_to_id(f"<|{code}|>") is not None)
        if not known:
            allowed = "" if multilingual else " It knows only English ('en')."
            raise InvalidRequest(
                f"The model '{self._files.id}' does not know the language '{code}'.{allowed}", "language"
            )
        return code

    def _settings(self, options: TranscribeOptions) -> dict[str, Any]:
        prompt: list[int] | None = None
        if options.prompt and options.prompt.strip():
            # As token ids without special ones: a prompt that says <|endoftext|> must not end the text.
            tokenizer = self._model.hf_tokenizer
            ids = tokenizer.encode(" " + options.prompt.strip(), add_special_tokens=False).ids
            prompt = [token for token in ids if token < tokenizer.token_to_id("<|endoftext|>")]
        return {
            "task": options.task,
            "initial_prompt": prompt,
            "temperature": _FALLBACK_TEMPERATURES if options.temperature == 0 else options.temperature,
            "word_timestamps": options.word_timestamps,
            "beam_size": self._options.beam_size,
            "best_of": self._options.best_of,
            "condition_on_previous_text": self._options.condition_on_previous_text,
        }

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

    @staticmethod
    def _warm_up(recording: Any) -> None:
        """Run every part once: voice activity, features, encoder, decoder."""
        from faster_whisper.vad import VadOptions, get_speech_timestamps

        noise = np.random.default_rng(0).normal(0.0, 0.01, RECOGNITION_SAMPLE_RATE_HZ).astype(np.float32)
        get_speech_timestamps(noise, VadOptions())
        recording.begin(noise, "en", None, {"temperature": 0.0, "max_new_tokens": 8})
        recording.next_segment()
