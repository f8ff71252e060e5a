"""Speech by VITS voices in Piper's format on onnxruntime, sentence by sentence, each as soon as it is made.

Must not know audio formats, aliases of voices or replicas.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

import numpy as np
from pydantic import Field

from smartlite.domain.audio import AudioChunk
from smartlite.domain.models import ModelFiles, Voice
from smartlite.domain.sentences import split_sentences
from smartlite.domain.tts import SpokenSentence, SynthesizeOptions
from smartlite.engines.clauses import clean_text, in_latin_script, is_speakable, split_clauses
from smartlite.engines.english import set_is_apart, spell_english
from smartlite.engines.onnx_graph import VitsGraph
from smartlite.engines.onnx_session import Device, Run
from smartlite.engines.phonemes import EspeakNG
from smartlite.engines.piper_voice import PiperVoice, find_voice, read_voice, split_ids
from smartlite.engines.protocols import EngineOptions
from smartlite.engines.waveform import Samples, change_tempo, set_level, trim_silence
from smartlite.errors import ConfigurationError, EngineFailed, InvalidRequest, TextEmpty

_log = logging.getLogger(__name__)

_WARM_UP: Final = "This is the voice that answers you"
_SPEEDS: Final = (0.25, 4.0)
_SHORTEST: Final = 0.75
"""Least length scale; the rest of the speed is a change of tempo after the graph. Every phoneme lasts a frame at least,
so a small scale blurs speech and hardly shortens it: at speed 2, WER 4.1 % so, 7.1 % with the graph down to 0.5."""


class OnnxVITSOptions(EngineOptions):
    """What an operator may set."""

    device: Device = "auto"
    """Where the graph runs; auto takes a GPU if onnxruntime has been built for one. Measured: 22 s of speech took 2.6 s
    on an H200 and 0.9 s on 8 threads beside it, so a CPU is no worse."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Threads of one run on the CPU."""
    parallel: Annotated[int, Field(ge=1, le=64)] = 1
    """Runs at once, of different sentences; each has its own threads and memory."""
    noise_scale: Annotated[float, Field(ge=0, le=2)] | None = None
    """Variation of the sound; None takes the voice's own."""
    noise_w: Annotated[float, Field(ge=0, le=2)] | None = None
    """Variation of the rhythm; None takes the voice's own. With both at 0 the same text gives the same samples on a
    CPU, and nearly the same on a GPU; there is no seed, since the graph draws its noise inside and takes none."""
    sentence_silence_s: Annotated[float, Field(ge=0, le=5)] = 0.2
    """Silence after a sentence at speed 1, in seconds."""
    max_phonemes: Annotated[int, Field(ge=50, le=1000)] = 200
    """Longest run of the graph; a longer sentence is spoken in parts. Measured: 200 phonemes are 9 s of speech and take
    340 MB resident, 400 take 710 MB, which onnxruntime keeps."""
    phonemes_timeout_s: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Longest time for the phonemes of a sentence, in seconds."""

    @property
    def sentences_at_once(self) -> int:
        """See EngineOptions."""
        return self.parallel


@dataclass(frozen=True, slots=True)
class _Part:
    """What the graph speaks in one run: a sentence, or as many clauses of it as fit."""

    text: str
    ids: tuple[int, ...]
    ends_sentence: bool


class OnnxVITS:
    """A TTS engine: one voice file, as many runs of its graph at once as the options say."""

    Options: ClassVar[type[EngineOptions]] = OnnxVITSOptions

    def __init__(self, files: ModelFiles, options: EngineOptions) -> None:
        self._files = files
        self._options = OnnxVITSOptions.model_validate(options.model_dump())
        self._executor = ThreadPoolExecutor(max_workers=self._options.parallel, thread_name_prefix="onnx-vits")
        self._graph: VitsGraph | None = None
        self._voice: PiperVoice | None = None
        self._espeak: EspeakNG | None = None

    def start(self) -> None:
        """Load the graph and speak once.

        Raises:
            ConfigurationError: onnxruntime or espeak-ng is missing, there is no such device, or the files are no voice.
        """
        path, config = find_voice(self._files)
        voice = read_voice(config)
        espeak = EspeakNG(voice.espeak.voice, self._options.phonemes_timeout_s)
        espeak.start()
        graph = VitsGraph(path, self._options.device, self._options.threads, multi_speaker=voice.is_multi_speaker)
        ids, _ = voice.ids(espeak.phonemize_one(_WARM_UP), ".")
        speaker = 0 if voice.is_multi_speaker else None
        try:
            samples = graph.speak(voice.frame(ids), self._scales(voice, 1.0), speaker, graph.new_run())
        except EngineFailed as error:
            raise ConfigurationError(f"{path.name} does not fit {config.name}: {error.message}") from error
        if not samples.size or len(samples) % voice.hop_length:
            raise ConfigurationError(
                f"{path.name} does not speak in frames of {voice.hop_length} samples.", "hop_length"
            )
        self._graph, self._voice, self._espeak = graph, voice, espeak

    def voices(self) -> tuple[Voice, ...]:
        """The catalog's."""
        return self._files.voices

    async def synthesize(self, text: str, options: SynthesizeOptions) -> AsyncGenerator[SpokenSentence, None]:
        """Speak a text; a sentence longer than ``max_phonemes`` comes in parts.

        Raises:
            VoiceNotFound: 400.
            InvalidRequest: 400, the speed is out of [0.25, 4].
            TextEmpty: 400, nothing in the text can be spoken by this voice.
            EngineFailed: 500, espeak-ng or onnxruntime failed.
        """
        voice, graph, espeak = self._started()
        speaker = voice.speaker(options.voice, self._files)
        if not _SPEEDS[0] <= options.speed <= _SPEEDS[1]:
            raise InvalidRequest(f"The speed {options.speed} is not in [{_SPEEDS[0]}, {_SPEEDS[1]}].", "speed")
        sentences = split_sentences(text)
        spoken = False
        # The phonemes of a sentence are made while the graph speaks the one before it.
        preparing = asyncio.ensure_future(self._prepare(sentences[0], voice, espeak)) if sentences else None
        try:
            for after in [*sentences[1:], None]:
                if preparing is None:
                    break
                parts = await preparing
                preparing = asyncio.ensure_future(self._prepare(after, voice, espeak)) if after is not None else None
                for part in parts:
                    samples = await self._speak(part, voice, graph, speaker, options.speed)
                    spoken = True
                    yield SpokenSentence(part.text, AudioChunk(samples, voice.audio.sample_rate), len(part.ids))
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
        """End the threads and drop the graph; a run of the graph that has begun is waited for."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        if self._espeak is not None:
            self._espeak.close()
        self._graph = self._voice = self._espeak = None

    def _started(self) -> tuple[PiperVoice, VitsGraph, EspeakNG]:
        if self._voice is None or self._graph is None or self._espeak is None:
            raise EngineFailed(f"The engine of '{self._files.id}' is not running.")
        return self._voice, self._graph, self._espeak

    async def _prepare(self, sentence: str, voice: PiperVoice, espeak: EspeakNG) -> list[_Part]:
        language = voice.espeak.voice.partition("-")[0].lower()
        cleaned = clean_text(sentence, latin_only=in_latin_script(language))
        if not is_speakable(cleaned):
            return []
        clauses = split_clauses(cleaned)
        said = [spell_english(clause.text) if language == "en" else clause.text for clause in clauses]
        parts: list[_Part] = []
        texts: list[str] = []
        ids: list[int] = []
        unknown = 0
        for clause, phonemes in zip(clauses, await espeak.phonemize(said), strict=True):
            if not phonemes:
                continue
            said_apart = set_is_apart(phonemes) if language == "en" else phonemes
            new, lacking = voice.ids(said_apart, clause.mark)
            unknown += lacking
            for run in split_ids(new, voice, self._options.max_phonemes):
                # A pad follows every phoneme, so two ids are one phoneme.
                if ids and len(ids) + len(run) > 2 * self._options.max_phonemes:
                    parts.append(_Part(" ".join(texts), tuple(ids), ends_sentence=False))
                    texts, ids = [], []
                ids += run
            texts.append(clause.text + clause.mark)
        if unknown:
            _log.debug("The voice has no id for %d characters of phonemes", unknown, extra={"model": self._files.id})
        if ids:
            text = " ".join(texts) if parts else sentence
            parts.append(_Part(text, tuple(ids), ends_sentence=True))
        return parts

    async def _speak(
        self, part: _Part, voice: PiperVoice, graph: VitsGraph, speaker: int | None, speed: float
    ) -> Samples:
        run = graph.new_run()
        work = asyncio.get_running_loop().run_in_executor(
            self._executor, self._make, part, voice, graph, speaker, speed, run
        )
        try:
            return await work
        except asyncio.CancelledError:
            run.end()
            raise

    def _make(
        self, part: _Part, voice: PiperVoice, graph: VitsGraph, speaker: int | None, speed: float, run: Run
    ) -> Samples:
        length = max(_SHORTEST, 1 / speed)
        ids = voice.frame(part.ids)
        samples = graph.speak(ids, self._scales(voice, length), speaker, run)
        rate = voice.audio.sample_rate
        # The graph rounds each id's duration up to frames: half a frame on average, whatever the length scale. So
        # length 0.5 gives 0.6 of the time, and what lacks is made up for after it.
        frames = len(samples) / voice.hop_length
        rounding = min(0.5 * len(ids), 0.8 * frames)
        natural = (frames - rounding) / length + rounding
        samples = trim_silence(samples, rate)
        if speed != 1.0:
            samples = change_tempo(samples, rate, frames / (natural / speed))
        samples = set_level(samples, rate)
        if not part.ends_sentence:
            return samples
        silence = np.zeros(int(self._options.sentence_silence_s / speed * rate), np.float32)
        return np.concatenate([samples, silence])

    def _scales(self, voice: PiperVoice, length: float) -> tuple[float, float, float]:
        own = voice.inference
        noise = own.noise_scale if self._options.noise_scale is None else self._options.noise_scale
        noise_w = own.noise_w if self._options.noise_w is None else self._options.noise_w
        return noise, own.length_scale * length, noise_w
