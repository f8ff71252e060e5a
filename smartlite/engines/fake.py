"""Engines that compute nothing: deterministic answers at a chosen pace, for tests, development graphs and benchmarks.

Must not know models: no file is read, no model is loaded. They keep every promise of the contract all the same:
request errors before the first event, cancellation at once, nothing after ``close``.
"""

import asyncio
import math
import re
import zlib
from collections.abc import AsyncGenerator
from typing import Annotated, Any, ClassVar, Final

import numpy as np
from pydantic import Field

from smartlite.domain.asr import EngineTranscriptEvent, Segment, TranscribeOptions, TranscriptInfo, Word
from smartlite.domain.audio import RECOGNITION_SAMPLE_RATE_HZ, AudioChunk
from smartlite.domain.languages import language_code
from smartlite.domain.llm import (
    ChatEvent,
    ChatFinished,
    ChatOptions,
    FinishReason,
    Message,
    TextDelta,
    ToolCallDelta,
)
from smartlite.domain.logprobs import TokenLogprob
from smartlite.domain.models import ModelFiles, Voice
from smartlite.domain.sentences import split_sentences
from smartlite.domain.tts import SpokenSentence, SynthesizeOptions
from smartlite.domain.usage import TokenUsage
from smartlite.engines.fake_choice import choose_call, fixed_logprobs, json_answer
from smartlite.engines.protocols import EngineOptions
from smartlite.errors import (
    ContextLengthExceeded,
    EngineFailed,
    InvalidRequest,
    ModelNotReady,
    TextEmpty,
    VoiceNotFound,
)

_WORDS: Final = (  # noqa: SIM905 - read as text
    "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey yankee zulu"
).split()
_SILENCE_PEAK: Final = 1e-4
_SEGMENT_S: Final = 2.0
_WORD_S: Final = 0.5
_OPENINGS: Final = ("You said", "I heard", "Your words were", "This is what I got")
_TOKEN: Final = re.compile(r"\s*\S+")
_CHARACTER_S: Final = 0.06
_FAKE_VOICE: Final = "fake"

_Seconds = Annotated[float, Field(ge=0, le=600)]


class Fake:
    """What all fakes have in common: they are started, closed, and healthy in between."""

    def __init__(self, files: ModelFiles, options: EngineOptions) -> None:
        self._files = files
        self._options: Any = options
        self._state = "new"

    def start(self) -> None:
        """Nothing to load."""
        self._state = "started"

    async def check_health(self) -> None:
        """Raise EngineFailed before ``start`` and after ``close``."""
        if self._state != "started":
            raise EngineFailed(f"The fake engine of '{self._files.id}' is {self._state}.")

    def _check_started(self) -> None:
        if self._state != "started":
            raise ModelNotReady(f"The model '{self._files.id}' is not loaded.")

    def close(self) -> None:
        """Nothing to give back."""
        self._state = "closed"


class FakeASR(Fake):
    """Recognises a word of the radio alphabet in every half second, chosen by a checksum of its samples."""

    class Options(EngineOptions):
        """The pace and the language of a fake ASR engine."""

        latency_s: _Seconds = 0.0
        """Wait before the first event, in seconds."""
        segment_latency_s: _Seconds = 0.0
        """Wait before each segment (two seconds of audio), in seconds."""
        language: str = "en"
        """ISO-639-1 code that is detected where the request gives none."""

    pieces_at_once: Final = 1

    async def transcribe(
        self, audio: AudioChunk, options: TranscribeOptions
    ) -> AsyncGenerator[EngineTranscriptEvent, None]:
        """Yield TranscriptInfo and a segment for every two seconds that are not silent (peak at least 1e-4).

        Raises:
            InvalidRequest: 400, a language that does not exist or that the model does not know.
        """
        self._check_started()
        if audio.sample_rate_hz != RECOGNITION_SAMPLE_RATE_HZ:
            raise EngineFailed(f"Audio at {audio.sample_rate_hz} Hz; ASR engines take {RECOGNITION_SAMPLE_RATE_HZ} Hz.")
        possible = tuple(self._know(asked, "languages") for asked in options.languages)
        language = self._know(options.language or self._options.language, "language")
        if options.language is None and possible and language not in possible:
            language = possible[0]
        known = self._files.languages
        if options.task == "translate" and known == ("en",):
            raise InvalidRequest(f"The model '{self._files.id}' knows only English and cannot translate.", "model")
        await asyncio.sleep(self._options.latency_s)
        yield TranscriptInfo(language, 1.0, audio.duration_s)
        size = int(_SEGMENT_S * audio.sample_rate_hz)
        identifier = 0
        for offset in range(0, len(audio.samples), size):
            words = _recognise(audio, offset, min(offset + size, len(audio.samples)))
            if words:
                await asyncio.sleep(self._options.segment_latency_s)
                text = "".join(f" {word.text}" for word in words)
                yield Segment(
                    id=identifier,
                    start_s=words[0].start_s,
                    end_s=words[-1].end_s,
                    text=text,
                    tokens=tuple(_WORDS.index(word.text) for word in words),
                    temperature=options.temperature,
                    compression_ratio=1.0,
                    words=words if options.word_timestamps else (),
                    logprobs=_certain(words) if options.logprobs else (),
                )
                identifier += 1

    def _know(self, asked: str, param: str) -> str:
        code = language_code(asked)
        known = self._files.languages
        if code is None or (known and code not in known):
            raise InvalidRequest(f"The model '{self._files.id}' does not know the language '{asked[:32]}'.", param)
        return code


def _certain(words: tuple[Word, ...]) -> tuple[TokenLogprob, ...]:
    return tuple(TokenLogprob(f" {word.text}", 0.0, f" {word.text}".encode()) for word in words)


def _recognise(audio: AudioChunk, begin: int, end: int) -> tuple[Word, ...]:
    step = int(_WORD_S * audio.sample_rate_hz)
    words = []
    for first in range(begin, end, step):
        last = min(first + step, end)
        samples = audio.samples[first:last]
        if np.abs(samples).max() >= _SILENCE_PEAK:
            checksum = zlib.crc32(np.ascontiguousarray(samples, dtype="<f4").tobytes())
            text = _WORDS[checksum % len(_WORDS)]
            words.append(Word(text, first / audio.sample_rate_hz, last / audio.sample_rate_hz, 1.0))
    return tuple(words)


class FakeLLM(Fake):
    """Says the last user message again, in sentences."""

    class Options(EngineOptions):
        """The pace and the length of a fake LLM's answers."""

        latency_s: _Seconds = 0.0
        """Wait before the first token, in seconds."""
        tokens_per_s: Annotated[float, Field(ge=0)] = 0.0
        """Tokens (words) per second; 0 does not wait."""
        context_tokens: Annotated[int, Field(ge=1)] = 2048
        """Words that prompt and answer may have together."""
        answer: str = ""
        """What is answered to everything; empty repeats the last user message."""
        answer_words: Annotated[int, Field(ge=0, le=100_000)] = 0
        """The answer is said again until it has at least so many words."""

        @property
        def request_context_tokens(self) -> int | None:
            """See EngineOptions."""
            return self.context_tokens

    async def chat(self, messages: tuple[Message, ...], options: ChatOptions) -> AsyncGenerator[ChatEvent, None]:
        """Yield a TextDelta for every word, then ChatFinished; ``seed`` chooses the answer's first words.

        A tool is called where it must be, and where the user's last words have its name in them.

        Raises:
            ContextLengthExceeded: 400, the messages leave no room for an answer.
            InvalidRequest: 400, a JSON Schema cannot be used.
        """
        self._check_started()
        prompt_tokens = sum(len(_TOKEN.findall(message.content)) + 1 for message in messages)
        room = self._options.context_tokens - prompt_tokens
        if room < 1:
            raise ContextLengthExceeded(
                f"The messages have {prompt_tokens} tokens; the context of '{self._files.id}' has "
                f"{self._options.context_tokens}, and the answer needs at least one.",
                "messages",
            )
        call = choose_call(messages, options)
        answer = call.arguments if call else json_answer(options) or self._compose(messages, options.seed)
        tokens = _TOKEN.findall(answer)
        allowed = room if options.max_tokens is None else min(room, options.max_tokens)
        text = "".join(tokens[:allowed])
        stops = [position for stop in options.stop if stop and not call and (position := text.find(stop)) >= 0]
        finish: FinishReason = "length" if len(tokens) > allowed and not stops else "tool_calls" if call else "stop"
        spoken = _TOKEN.findall(text[: min(stops)] if stops else text)
        await asyncio.sleep(self._options.latency_s)
        if call:
            yield ToolCallDelta(0, call.id, call.name, "")
        for token in spoken:
            await asyncio.sleep(1 / self._options.tokens_per_s if self._options.tokens_per_s else 0)
            yield (ToolCallDelta(0, None, None, token) if call else TextDelta(token, fixed_logprobs(token, options)))
        yield ChatFinished(finish, TokenUsage(prompt_tokens, len(spoken)))

    def _compose(self, messages: tuple[Message, ...], seed: int | None) -> str:
        asked = next((message.content for message in reversed(messages) if message.role == "user"), "")
        opening = _OPENINGS[(seed or 0) % len(_OPENINGS)]
        sentences = " ".join(
            sentence if sentence[-1] in ".!?。！？" else sentence + "." for sentence in split_sentences(asked)
        )
        answer = self._options.answer or f"{opening}: {sentences or 'nothing.'}"
        words = len(answer.split()) or 1
        return " ".join([answer] * max(1, math.ceil(self._options.answer_words / words)))


class FakeTTS(Fake):
    """Speaks every sentence as a sine tone: longer text, longer tone; another voice, another pitch."""

    SAMPLE_RATE_HZ: ClassVar[int] = 22_050

    class Options(EngineOptions):
        """The pace of a fake TTS engine."""

        latency_s: _Seconds = 0.0
        """Wait before each sentence, in seconds."""

        @property
        def sentences_at_once(self) -> int:
            """See EngineOptions."""
            return 1

    def voices(self) -> tuple[Voice, ...]:
        """Those of the configuration, else one called ``fake``."""
        return self._files.voices or (Voice(_FAKE_VOICE, "A sine tone", "en-US"),)

    async def synthesize(self, text: str, options: SynthesizeOptions) -> AsyncGenerator[SpokenSentence, None]:
        """Yield a tone of 0.06 s per character at speed 1, at 22,050 Hz, for every sentence.

        Raises:
            VoiceNotFound: 400; a model without voices has one, called ``fake``.
            TextEmpty: 400, there is no letter or digit in the text.
        """
        self._check_started()
        voices = [voice.id for voice in self.voices()]
        if options.voice not in voices:
            raise VoiceNotFound(
                f"The voice '{options.voice[:64]}' does not exist. Voices: {', '.join(voices)}.", "voice"
            )
        sentences = [sentence for sentence in split_sentences(text) if any(map(str.isalnum, sentence))]
        if not sentences:
            raise TextEmpty("There is nothing in the text that can be spoken.", "input")
        pitch_hz = 220.0 * 2 ** (voices.index(options.voice) / 12)
        for sentence in sentences:
            await asyncio.sleep(self._options.latency_s)
            count = max(1, round(len(sentence) * _CHARACTER_S / options.speed * self.SAMPLE_RATE_HZ))
            tone = 0.3 * np.sin(2 * np.pi * pitch_hz / self.SAMPLE_RATE_HZ * np.arange(count))
            audio = AudioChunk(tone.astype(np.float32), self.SAMPLE_RATE_HZ)
            yield SpokenSentence(sentence, audio, len(sentence))
