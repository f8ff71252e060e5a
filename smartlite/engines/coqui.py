"""Speech by models of Coqui's library on torch (VITS, XTTS and what else it loads), sentence by sentence.

Must not know audio formats, aliases of voices or replicas.
"""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Protocol

import numpy as np

from smartlite.domain.audio import AudioChunk
from smartlite.domain.language_tags import read_tag
from smartlite.domain.models import ModelFiles, Voice
from smartlite.domain.sentences import split_sentences
from smartlite.domain.tts import SpokenSentence, SynthesizeOptions
from smartlite.engines.coqui_files import find_files
from smartlite.engines.coqui_library import LibraryModel, load_by_name, load_checkpoint
from smartlite.engines.coqui_options import CoquiOptions
from smartlite.engines.coqui_text import Part, PhonemeReader, Reader, Spoken, TextReader
from smartlite.engines.coqui_torch import Run, choose_device, loading
from smartlite.engines.coqui_vits import VitsModel, load_folded
from smartlite.engines.coqui_voices import Chosen, Voices
from smartlite.engines.phonemes import EspeakNG
from smartlite.engines.protocols import EngineOptions
from smartlite.engines.torch_attention import choose_attention
from smartlite.engines.torch_memory import free_cached_memory
from smartlite.engines.waveform import set_level
from smartlite.errors import ConfigurationError, EngineFailed, InvalidRequest, TextEmpty

_WARM_UP: Final = "This is the voice that answers you."
_SPEEDS: Final = (0.25, 4.0)


class _Model(Protocol):
    sample_rate_hz: int
    speakers: tuple[str, ...]
    languages: tuple[str, ...]

    def clone(self, voice: str, recording: Path) -> None: ...

    def speak(self, part: Part, speaker: str | None, language: str, speed: float, run: Run) -> Spoken: ...


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: _Model
    reader: Reader
    voices: Voices
    phonemes: str | None
    """The voice of espeak-ng that it reads the phonemes of, such as ``en-us``; None where it reads something else."""


class Coqui:
    """A TTS engine: one model, one run of it at a time, all of them in one thread."""

    Options: ClassVar[type[EngineOptions]] = CoquiOptions

    def __init__(self, files: ModelFiles, options: EngineOptions) -> None:
        self._files = files
        self._options = CoquiOptions.model_validate(options.model_dump())
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="coqui")
        self._loaded: _Loaded | None = None

    def start(self) -> None:
        """Load the model and speak once.

        Raises:
            ConfigurationError: The library, torch or espeak-ng is missing, there is no such device, a SHA-256 is not
                the accepted one, or the files are no model of this kind.
            SourceUnavailable: A model by name could not be fetched.
        """
        # In the thread that will run it: torch keeps the number of threads by thread.
        self._loaded = self._executor.submit(self._load).result()

    def voices(self) -> tuple[Voice, ...]:
        """The catalog's, else the model's own speakers."""
        loaded = self._started()
        return loaded.voices.listed(_language_of(self._options.model_name, loaded.phonemes))

    async def synthesize(self, text: str, options: SynthesizeOptions) -> AsyncGenerator[SpokenSentence, None]:
        """Speak a text; a sentence longer than ``max_phonemes`` comes in parts.

        Raises:
            VoiceNotFound: 400.
            InvalidRequest: 400, the speed is out of [0.25, 4], or the model does not speak the language.
            TextEmpty: 400, nothing in the text can be spoken by this voice.
            EngineFailed: 500, espeak-ng or the model failed.
        """
        loaded = self._started()
        chosen = loaded.voices.choose(options)
        if not _SPEEDS[0] <= options.speed <= _SPEEDS[1]:
            raise InvalidRequest(f"The speed {options.speed} is not in [{_SPEEDS[0]}, {_SPEEDS[1]}].", "speed")
        sentences = split_sentences(text)
        spoken = False
        # The phonemes of a sentence are made while the model speaks the one before it.
        preparing = asyncio.ensure_future(loaded.reader.read(sentences[0], chosen.language)) if sentences else None
        try:
            for after in [*sentences[1:], None]:
                if preparing is None:
                    break
                parts = await preparing
                preparing = None if after is None else asyncio.ensure_future(loaded.reader.read(after, chosen.language))
                for part in parts:
                    made = await self._speak(part, loaded, chosen, options.speed)
                    if not made.samples.size:
                        continue
                    spoken = True
                    yield SpokenSentence(part.text, AudioChunk(made.samples, loaded.model.sample_rate_hz), made.tokens)
        finally:
            if preparing is not None:
                preparing.cancel()
                await asyncio.gather(preparing, return_exceptions=True)
        if not spoken:
            raise TextEmpty(f"Nothing in the text can be spoken by the voice '{options.voice}'.", "input")

    async def check_health(self) -> None:
        """Raise EngineFailed before start and after close."""
        self._started()

    def close(self) -> None:
        """End the threads and drop the model; a run that has begun is waited for."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        if self._loaded is not None:
            self._loaded.reader.close()
            self._loaded = None
            import torch

            free_cached_memory(torch)

    def _started(self) -> _Loaded:
        if self._loaded is None:
            raise EngineFailed(f"The engine of '{self._files.id}' is not running.")
        return self._loaded

    def _load(self) -> _Loaded:
        options = self._options
        device = choose_device(options.device)
        name = options.model_name or self._files.id
        files = None if options.model_name else find_files(self._files, options)
        with loading(name):
            import torch

            torch.set_num_threads(options.threads)
            choose_attention(torch)
            if files is not None and files.weights.suffix == ".safetensors":
                synthesizer, vits = None, load_folded(files.weights, files.config)
            else:
                synthesizer = load_checkpoint(files) if files else load_by_name(name, options)
                vits = synthesizer.tts_model if synthesizer.tts_config.model == "vits" else None
            model: _Model
            if vits is None:
                model, reader, phonemes = LibraryModel(synthesizer, device), self._text_reader(), None
            else:
                model = VitsModel(vits, device, options.noise_scale, options.noise_w)
                reader, phonemes = self._reader_of(model), model.espeak_voice
            voices = Voices(self._files, options, model.speakers, model.languages)
            for voice, recording in options.speaker_wav.items():
                model.clone(voice, recording)
        loaded = _Loaded(model, reader, voices, phonemes)
        self._warm_up(loaded)
        return loaded

    def _text_reader(self) -> Reader:
        return TextReader(self._options.max_phonemes)

    def _reader_of(self, model: VitsModel) -> Reader:
        voice = model.espeak_voice
        if voice is None:
            return self._text_reader()
        espeak = EspeakNG(voice, self._options.phonemes_timeout_s)
        espeak.start()
        return PhonemeReader(espeak, voice, model.alphabet, self._options.max_phonemes)

    def _warm_up(self, loaded: _Loaded) -> None:
        parts = asyncio.run(loaded.reader.read(_WARM_UP, "en"))
        voice = next(iter(loaded.voices.known))
        chosen = loaded.voices.choose(SynthesizeOptions(voice))
        try:
            for part in parts[:1]:
                loaded.model.speak(part, chosen.speaker, chosen.language, 1.0, Run())
        except EngineFailed as error:
            raise ConfigurationError(f"The model of '{self._files.id}' cannot speak: {error.message}") from error

    async def _speak(self, part: Part, loaded: _Loaded, chosen: Chosen, speed: float) -> Spoken:
        run = Run()
        work = asyncio.get_running_loop().run_in_executor(self._executor, self._make, part, loaded, chosen, speed, run)
        try:
            return await work
        except asyncio.CancelledError:
            run.end()
            raise

    def _make(self, part: Part, loaded: _Loaded, chosen: Chosen, speed: float, run: Run) -> Spoken:
        made = loaded.model.speak(part, chosen.speaker, chosen.language, speed, run)
        if not made.samples.size:
            return made
        rate = loaded.model.sample_rate_hz
        samples = set_level(made.samples, rate)
        if part.ends_sentence:
            silence = np.zeros(int(self._options.sentence_silence_s / speed * rate), np.float32)
            samples = np.concatenate([samples, silence])
        return Spoken(samples, made.tokens)


def _language_of(model_name: str | None, phonemes: str | None) -> str:
    """The language of a model that speaks one and does not say which: of its phonemes, or in its name."""
    named = model_name.split("/")[1] if model_name else ""
    for tag in (phonemes, named):
        if tag and (found := read_tag(tag)) is not None:
            return found
    return "en"
