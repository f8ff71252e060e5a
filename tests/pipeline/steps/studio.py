"""Stages, models and a codec for tests of steps, which say what they were asked. Must not know any test."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np

from smartlite.domain.asr import Segment, TranscribeRequest, TranscriptEvent, TranscriptFinished, TranscriptInfo, Word
from smartlite.domain.audio import AudioChunk, AudioFormat
from smartlite.domain.llm import ChatEvent, ChatFinished, ChatRequest, FinishReason, TextDelta
from smartlite.domain.models import ModelDirectory, ServedModel, Voice
from smartlite.domain.pipelines import JSON, Document, MediaRef, Run, RunState
from smartlite.domain.prompts import Example, PromptTemplate, Variable
from smartlite.domain.tts import SpeakRequest, SpeechChunk, SpeechEvent, SpeechFinished
from smartlite.domain.usage import TokenUsage
from smartlite.errors import NotFound
from smartlite.pipeline.execution.kinds import StepContext, StepDelta, StepOutput, StepRunner
from smartlite.pipeline.execution.values import media_json
from tests.pipeline.execution.world import MemoryObjects

ENGLISH = Voice("ann", "Ann", "en-US", ("alloy",))
GERMAN = Voice("uwe", "Uwe", "de-DE")
MODELS = ModelDirectory(
    (
        ServedModel("ears", "asr", "fake", 0, "us", ("whisper-1",)),
        ServedModel("mind", "llm", "fake", 0, "us", ("gpt",)),
        ServedModel("mouth", "tts", "fake", 0, "us", ("tts-1",), voices=(ENGLISH, GERMAN)),
    )
)


async def models() -> ModelDirectory:
    """Those that are served."""
    return MODELS


TRANSLATOR = PromptTemplate(
    variables={"language": Variable("string")},
    system="Translate into {{ language }}.",
    examples=(Example("Yes.", "Oui."),),
    user="Now {{ language }}:",
)


async def find_prompt(_: Run, name: str, version: int | None) -> PromptTemplate:
    """There is one, ``translate``."""
    if name != "translate":
        raise NotFound(f"There is no prompt '{name}'.", "prompt_name")
    return TRANSLATOR


@dataclass
class Studio:
    """Every stage."""

    answers: list[str] = field(default_factory=lambda: ["It ", "is."])
    asked: list[TranscribeRequest | ChatRequest | SpeakRequest] = field(default_factory=list)
    is_cut_off: bool = False
    finish_reason: FinishReason = "stop"

    async def transcribe(self, request: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        self.asked.append(request)
        yield TranscriptInfo("en", 0.9, 2.0)
        words = (Word("one", 0.0, 0.5, 1.0), Word("two", 0.5, 1.0, 1.0))
        yield Segment(0, 0.0, 1.0, " one two", words=words if request.options.word_timestamps else ())
        yield Segment(1, 1.0, 2.0, " three")
        if not self.is_cut_off:
            yield TranscriptFinished(0.1, 0.1)

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        self.asked.append(request)
        for text in self.answers:
            yield TextDelta(text)
        if not self.is_cut_off:
            yield ChatFinished(self.finish_reason, TokenUsage(3, 2))

    async def speak(self, request: SpeakRequest) -> AsyncGenerator[SpeechEvent, None]:
        self.asked.append(request)
        pcm = np.full(len(request.text) * 240, 1000, "<i2").tobytes()
        yield SpeechChunk(pcm[:100])
        yield SpeechChunk(pcm[100:])
        if not self.is_cut_off:
            yield SpeechFinished(len(request.text) / 100, len(request.text), 1, 0.1, 0.1)


class PlainEncoder:
    """Samples as they come."""

    def encode(self, chunk: AudioChunk) -> bytes:
        return chunk.samples.astype(np.float32).tobytes()

    def finish(self) -> bytes:
        return b""


class PlainCodec:
    """Files that are float32 samples; every rate is the same."""

    async def decode(self, data: bytes, sample_rate_hz: int) -> AudioChunk:
        return AudioChunk(np.frombuffer(data, np.float32), sample_rate_hz)

    async def encode(self, chunks: Iterable[AudioChunk], audio_format: AudioFormat, sample_rate_hz: int) -> bytes:
        return b"".join(chunk.samples.astype(np.float32).tobytes() for chunk in chunks)

    def open_encoder(self, audio_format: AudioFormat) -> PlainEncoder:
        return PlainEncoder()


def media(objects: MemoryObjects, data: bytes) -> JSON:
    """A file that somebody sent."""
    objects.kept["media/in"] = data
    return media_json(MediaRef("media/in", "audio/wav", len(data)))


def a_context(objects: MemoryObjects) -> StepContext:
    """Of a step."""
    now = datetime(2026, 7, 1, tzinfo=UTC)
    run = Run("run_1", "pl_1", "test", 1, "user_1", None, {}, RunState.RUNNING, now)

    async def run_nested(document: Document, inputs: Mapping[str, JSON]) -> Mapping[str, JSON]:
        return {"document": document.name, "inputs": dict(inputs)}

    return StepContext(run, "s", -1, 2, 7, objects, 0, run_nested)


async def ran(runner: StepRunner, fields: Mapping[str, JSON], objects: MemoryObjects | None = None) -> tuple[JSON, str]:
    """What a step gives, and what it told meanwhile."""
    told: list[str] = []
    output: list[JSON] = []
    async for event in runner(a_context(objects or MemoryObjects()), fields):
        if isinstance(event, StepDelta):
            told.append(event.text)
        elif isinstance(event, StepOutput):
            output.append(event.value)
    assert len(output) == 1
    return output[0], "".join(told)
