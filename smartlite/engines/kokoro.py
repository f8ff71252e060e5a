"""Speech by Kokoro-82M on onnxruntime: one small model for seven languages, sentence by sentence.

Must not know audio formats, aliases of voices or replicas.
"""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

import numpy as np
from pydantic import Field

from smartlite.domain.audio import AudioChunk
from smartlite.domain.language_tags import primary
from smartlite.domain.models import ModelFiles, Voice
from smartlite.domain.scripts import writing_of
from smartlite.domain.sentences import split_sentences
from smartlite.domain.speaking import guess_language
from smartlite.domain.tts import SpokenSentence, SynthesizeOptions
from smartlite.engines.clauses import clean_text, is_speakable, split_clauses
from smartlite.engines.english import set_is_apart, spell_english
from smartlite.engines.kokoro_graph import MAX_LETTERS, SAMPLE_RATE_HZ, KokoroGraph
from smartlite.engines.kokoro_japanese import JapaneseReader
from smartlite.engines.kokoro_letters import PACES, PROGRAM_VOICES, to_letters
from smartlite.engines.onnx_session import Device, Run
from smartlite.engines.phonemes import EspeakNG
from smartlite.engines.protocols import EngineOptions
from smartlite.engines.waveform import Samples, change_tempo, set_level, trim_silence
from smartlite.errors import ConfigurationError, EngineFailed, InvalidRequest, TextEmpty, VoiceNotFound

LANGUAGES: Final = ("ja", *PROGRAM_VOICES)
_SPEEDS: Final = (0.25, 4.0)
_OWN_SPEEDS: Final = (0.5, 1.4)
"""What the graph is asked for; the rest of the speed is a change of tempo after it, since it slurs when it hurries."""
_WARM_UP: Final = "həlˈO wˈɜɹld."


class KokoroOptions(EngineOptions):
    """What an operator may set."""

    device: Device = "auto"
    """Where the graph runs; auto takes a GPU if onnxruntime has been built for one. Take ``cpu`` for an 8-bit
    graph: an H200, its time being profiled, did not do in 40 s what 8 threads beside it did in 25 s."""
    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Threads of one run on the CPU."""
    parallel: Annotated[int, Field(ge=1, le=64)] = 1
    """Runs at once, of different sentences; each has its own threads and memory."""
    sentence_silence_s: Annotated[float, Field(ge=0, le=5)] = 0.2
    """Silence after a sentence at speed 1, in seconds."""
    max_phonemes: Annotated[int, Field(ge=50, le=MAX_LETTERS)] = 250
    """Longest run of the graph; a longer sentence is spoken in parts, so that the first is heard early."""
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
    letters: str
    pace: float
    """What the graph is asked for at speed 1."""
    ends_sentence: bool


class Kokoro:
    """A TTS engine: one graph, as many runs at once as the options say, any of its voices in any of its languages."""

    Options: ClassVar[type[EngineOptions]] = KokoroOptions

    def __init__(self, files: ModelFiles, options: EngineOptions) -> None:
        self._files = files
        self._options = KokoroOptions.model_validate(options.model_dump())
        self._executor = ThreadPoolExecutor(max_workers=self._options.parallel, thread_name_prefix="kokoro")
        self._reading = ThreadPoolExecutor(max_workers=1, thread_name_prefix="kokoro-reader")
        self._graph: KokoroGraph | None = None
        self._japanese: JapaneseReader | None = None
        self._programs = {
            language: EspeakNG(voice, self._options.phonemes_timeout_s) for language, voice in PROGRAM_VOICES.items()
        }

    def start(self) -> None:
        """Load the graph, check what reads each language, and speak once.

        Raises:
            ConfigurationError: A library or espeak-ng is missing, there is no such device, or the files are not these.
        """
        graph = KokoroGraph(self._files, self._options.device, self._options.threads)
        if not self._files.voices:
            raise ConfigurationError(f"The model '{self._files.id}' has no voice.", "voices")
        for program in self._programs.values():
            program.start()
        japanese = JapaneseReader()
        try:
            graph.speak(graph.known(_WARM_UP), self._files.voices[0].id, 1.0, graph.new_run())
        except EngineFailed as error:
            raise ConfigurationError(f"The graph of '{self._files.id}' does not speak: {error.message}") from error
        self._graph, self._japanese = graph, japanese

    def voices(self) -> tuple[Voice, ...]:
        """The catalog's."""
        return self._files.voices

    async def synthesize(self, text: str, options: SynthesizeOptions) -> AsyncGenerator[SpokenSentence, None]:
        """Speak a text; a sentence longer than ``max_phonemes`` comes in parts.

        Raises:
            VoiceNotFound: 400.
            InvalidRequest: 400, the speed is out of [0.25, 4], or a language that the model does not speak.
            TextEmpty: 400, nothing in the text can be spoken in this language.
            EngineFailed: 500, espeak-ng, haqumei or onnxruntime failed.
        """
        graph = self._started()
        language = self._language(text, options)
        if not _SPEEDS[0] <= options.speed <= _SPEEDS[1]:
            raise InvalidRequest(f"The speed {options.speed} is not in [{_SPEEDS[0]}, {_SPEEDS[1]}].", "speed")
        is_spoken = False
        for sentence in split_sentences(text):
            for part in await self._prepare(sentence, language, graph):
                samples = await self._speak(part, options, graph)
                is_spoken = True
                yield SpokenSentence(part.text, AudioChunk(samples, SAMPLE_RATE_HZ), len(part.letters))
        if not is_spoken:
            raise TextEmpty(f"Nothing in the text can be spoken by the voice '{options.voice}'.", "input")

    async def check_health(self) -> None:
        """Raise EngineFailed before start and after close."""
        self._started()

    def close(self) -> None:
        """End the threads and drop the graph; a run of the graph that has begun is waited for."""
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._reading.shutdown(wait=True, cancel_futures=True)
        for program in self._programs.values():
            program.close()
        self._graph = self._japanese = None

    def _started(self) -> KokoroGraph:
        if self._graph is None:
            raise EngineFailed(f"The engine of '{self._files.id}' is not running.")
        return self._graph

    def _language(self, text: str, options: SynthesizeOptions) -> str:
        voice = next((voice for voice in self._files.voices if voice.id == options.voice), None)
        if voice is None:
            raise VoiceNotFound(f"The model '{self._files.id}' has no voice '{options.voice[:64]}'.", "voice")
        # Its voices are Japanese ones: where nobody says the language, the letters tell Japanese from the others.
        tag = options.language or guess_language(voice, writing_of(text), {})
        language = primary(tag.replace("_", "-"))
        if options.language is None and language not in LANGUAGES:
            language = primary(voice.language)
        if language not in LANGUAGES:
            raise InvalidRequest(
                f"The model '{self._files.id}' does not speak '{tag[:32]}'. It speaks: {', '.join(LANGUAGES)}.",
                "language",
            )
        return language

    async def _prepare(self, sentence: str, language: str, graph: KokoroGraph) -> list[_Part]:
        cleaned = clean_text(sentence, latin_only=language != "ja")
        if not is_speakable(cleaned):
            return []
        if language == "ja":
            assert self._japanese is not None  # noqa: S101 - started with the graph
            reading = asyncio.get_running_loop().run_in_executor(self._reading, self._japanese.letters, cleaned)
            return self._parts(sentence, language, [(sentence, graph.known(await reading))])
        clauses = split_clauses(cleaned)
        said = [spell_english(clause.text) if language == "en" else clause.text for clause in clauses]
        pieces = []
        for clause, ipa in zip(clauses, await self._programs[language].phonemize(said), strict=True):
            letters = to_letters(set_is_apart(ipa) if language == "en" else ipa, language)
            if known := graph.known(letters).strip():
                pieces.append((clause.text + clause.mark, known + clause.mark))
        return self._parts(sentence, language, pieces)

    def _parts(self, sentence: str, language: str, pieces: list[tuple[str, str]]) -> list[_Part]:
        """Join texts with their letters to as few runs of the graph as the limit allows."""
        limit, pace = self._options.max_phonemes, PACES.get(language, 1.0)
        runs: list[tuple[list[str], str]] = []
        for text, letters in pieces:
            for number, run in enumerate(_cut(letters, limit)):
                if runs and len(runs[-1][1]) + 1 + len(run) <= limit:
                    runs[-1] = (runs[-1][0], f"{runs[-1][1]} {run}")
                else:
                    runs.append(([], run))
                if number == 0:
                    runs[-1][0].append(text)
        if len(runs) == 1:
            return [_Part(sentence, runs[0][1], pace, ends_sentence=True)]
        last = len(runs) - 1
        return [_Part(" ".join(texts), run, pace, ends_sentence=at == last) for at, (texts, run) in enumerate(runs)]

    async def _speak(self, part: _Part, options: SynthesizeOptions, graph: KokoroGraph) -> Samples:
        run = graph.new_run()
        work = asyncio.get_running_loop().run_in_executor(self._executor, self._make, part, options, graph, run)
        try:
            return await work
        except asyncio.CancelledError:
            run.end()
            raise

    def _make(self, part: _Part, options: SynthesizeOptions, graph: KokoroGraph, run: Run) -> Samples:
        wanted = options.speed * part.pace
        own = min(max(wanted, _OWN_SPEEDS[0]), _OWN_SPEEDS[1])
        samples = trim_silence(graph.speak(part.letters, options.voice, own, run), SAMPLE_RATE_HZ)
        samples = set_level(change_tempo(samples, SAMPLE_RATE_HZ, wanted / own), SAMPLE_RATE_HZ)
        if not part.ends_sentence:
            return samples
        silence = np.zeros(int(self._options.sentence_silence_s / options.speed * SAMPLE_RATE_HZ), np.float32)
        return np.concatenate([samples, silence])


def _cut(letters: str, limit: int) -> list[str]:
    """Cut letters into runs of at most ``limit``, after a mark, else at a space, else anywhere."""
    runs: list[str] = []
    rest = letters.strip()
    while len(rest) > limit:
        ends = [at + 1 for at in range(limit // 3, limit) if rest[at] in ",.;:!?…"]
        spaces = [at for at in range(limit // 3, limit) if rest[at] == " "]
        cut = (ends or spaces or [limit])[-1]
        runs.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return [*runs, rest] if rest else runs
