"""Stages that keep what they give, and stages that give what was kept. Must not know where it is kept, nor HTTP.

Only what ended well is kept: a stream that fails, or whose client leaves, is not.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from pydantic import TypeAdapter

from smartlite.domain.asr import (
    Segment,
    TranscribeRequest,
    Transcript,
    TranscriptEvent,
    TranscriptFinished,
    TranscriptInfo,
)
from smartlite.domain.stages import ASRStage, TTSStage
from smartlite.domain.tts import SpeakRequest, SpeechChunk, SpeechEvent, SpeechFinished

Keep = Callable[[bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Speech:
    """What was spoken, but for its bytes."""

    sizes: tuple[int, ...]
    """Of each chunk, so that a stream is cut again as it was."""
    finished: SpeechFinished


_TRANSCRIPT: Final = TypeAdapter(Transcript)
_SPEECH: Final = TypeAdapter(Speech)


@dataclass(frozen=True, slots=True)
class KeepingASR:
    """An ASRStage that keeps its transcripts."""

    stage: ASRStage
    keep: Keep

    async def transcribe(self, request: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        """See ASRStage."""
        info: TranscriptInfo | None = None
        finished: TranscriptFinished | None = None
        segments: list[Segment] = []
        async with aclosing(self.stage.transcribe(request)) as events:
            async for event in events:
                match event:
                    case TranscriptInfo():
                        info = event
                    case Segment():
                        segments.append(event)
                    case TranscriptFinished():
                        finished = event
                yield event
        if info is not None and finished is not None:
            await self.keep(_TRANSCRIPT.dump_json(Transcript(info, tuple(segments), finished)))


@dataclass(frozen=True, slots=True)
class KeptASR:
    """An ASRStage that gives one transcript, whatever it is asked."""

    transcript: Transcript

    @classmethod
    def read(cls, data: bytes) -> "KeptASR":
        """From what KeepingASR kept.

        Raises:
            ValueError: It is something else.
        """
        return cls(_TRANSCRIPT.validate_json(data))

    async def transcribe(self, _: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        """See ASRStage."""
        yield self.transcript.info
        for segment in self.transcript.segments:
            yield segment
        yield self.transcript.finished


@dataclass(frozen=True, slots=True)
class KeepingTTS:
    """A TTSStage that keeps what it speaks, as long as it is no larger than what is kept."""

    stage: TTSStage
    keep: Keep
    most_bytes: int

    async def speak(self, request: SpeakRequest) -> AsyncGenerator[SpeechEvent, None]:
        """See TTSStage."""
        chunks: list[bytes] = []
        size_bytes = 0
        finished: SpeechFinished | None = None
        async with aclosing(self.stage.speak(request)) as events:
            async for event in events:
                if isinstance(event, SpeechFinished):
                    finished = event
                else:
                    size_bytes += len(event.data)
                    if size_bytes <= self.most_bytes:
                        chunks.append(event.data)
                    else:
                        chunks.clear()
                yield event
        if finished is not None and size_bytes <= self.most_bytes:
            speech = Speech(tuple(map(len, chunks)), finished)
            await self.keep(b"\n".join((_SPEECH.dump_json(speech), b"".join(chunks))))


@dataclass(frozen=True, slots=True)
class KeptTTS:
    """A TTSStage that speaks one text, whatever it is asked."""

    speech: Speech
    data: bytes

    @classmethod
    def read(cls, data: bytes) -> "KeptTTS":
        """From what KeepingTTS kept.

        Raises:
            ValueError: It is something else.
        """
        head, _, audio = data.partition(b"\n")
        speech = _SPEECH.validate_json(head)
        if sum(speech.sizes) != len(audio):
            raise ValueError
        return cls(speech, audio)

    async def speak(self, _: SpeakRequest) -> AsyncGenerator[SpeechEvent, None]:
        """See TTSStage."""
        for begin, end in pairwise(accumulate(self.speech.sizes, initial=0)):
            yield SpeechChunk(self.data[begin:end])
        yield self.speech.finished
