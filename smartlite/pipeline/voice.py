"""The voice assistant: speech in, answer aloud, each stage working while the one before it still does.

Must not know engines, codecs or Ray: it sees Protocols of its stages and of an encoder.

The LLM's first sentence is spoken while the second is still being written: one task reads the answer and cuts it into
sentences, another has them spoken in order, and both hand their events to the caller through one bounded queue.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from smartlite.domain.asr import Segment, TranscribeOptions, TranscribeRequest, TranscriptFinished, TranscriptInfo
from smartlite.domain.audio import SPEECH_SAMPLE_RATE_HZ, AudioChunk, AudioFormat, SpeechEncoder, cut
from smartlite.domain.conversations import with_earlier
from smartlite.domain.llm import ChatFinished, ChatOptions, ChatRequest, Message, TextDelta
from smartlite.domain.pipeline import (
    TurnAudio,
    TurnDone,
    TurnEvent,
    TurnReplyDelta,
    TurnTranscript,
    VoiceTurnRequest,
)
from smartlite.domain.stages import ASRStage, LLMStage, TTSStage
from smartlite.domain.tts import SpeakRequest, SpeechChunk, SpeechFinished, SynthesizeOptions
from smartlite.domain.usage import TokenUsage, TurnUsage
from smartlite.errors import EngineFailed, NoSpeech
from smartlite.pipeline.spoken import SpokenSentences

_QUEUE_SIZE: Final = 64
"""Events or sentences that may wait for their consumer; a full queue makes the producer wait."""

DEFAULT_INSTRUCTIONS: Final = (
    "You are a friendly voice assistant. Your answer is spoken aloud: "
    "use plain short sentences, without lists, headings, symbols or code."
)


EncoderFactory = Callable[[AudioFormat, bool], SpeechEncoder]
"""Opens an encoder for a format; True makes one whole file with true sizes, whose bytes all come from ``finish``."""


@dataclass(frozen=True, slots=True)
class VoiceOptions:
    """How the assistant answers."""

    temperature: float
    """Of the LLM, in [0, 2]."""
    top_p: float
    max_reply_tokens: int
    """Longest answer, in tokens."""
    first_clause_characters: int
    """The first piece of the answer may end at a comma once it is this long, so that speech starts earlier; 0 never."""


@dataclass(slots=True)
class _Clock:
    """Seconds since the turn began, and when things happened first and last."""

    started: float = field(default_factory=time.monotonic)
    marks: dict[str, float] = field(default_factory=dict)
    parts: dict[str, float] = field(default_factory=dict)
    """Seconds that replicas told of their own work, the first time."""

    def now(self) -> float:
        return time.monotonic() - self.started

    def first(self, name: str) -> None:
        self.marks.setdefault(name, self.now())

    def last(self, name: str) -> None:
        self.marks[name] = self.now()


@dataclass(slots=True)
class _Turn:
    """What the two tasks of one turn share."""

    request: VoiceTurnRequest
    encoder: SpeechEncoder
    clock: _Clock = field(default_factory=_Clock)
    sentences: asyncio.Queue[str | None] = field(default_factory=lambda: asyncio.Queue(_QUEUE_SIZE))
    events: asyncio.Queue[TurnEvent | BaseException | None] = field(default_factory=lambda: asyncio.Queue(_QUEUE_SIZE))
    reply: list[str] = field(default_factory=list)
    tokens: TokenUsage = field(default_factory=lambda: TokenUsage(0, 0))
    characters: int = 0
    speech_s: float = 0.0
    speaking_s: float = 0.0


class VoicePipeline:
    """Runs voice turns over three stages; a PipelineStage itself. Keeps nothing between turns."""

    def __init__(
        self, asr: ASRStage, llm: LLMStage, tts: TTSStage, open_encoder: EncoderFactory, options: VoiceOptions
    ) -> None:
        self._asr = asr
        self._llm = llm
        self._tts = tts
        self._open_encoder = open_encoder
        self._options = options

    async def run_turn(self, request: VoiceTurnRequest) -> AsyncGenerator[TurnEvent, None]:
        """Answer one recording aloud.

        Yields:
            TurnTranscript, then TurnReplyDelta and TurnAudio as they are made, TurnDone. Its timings, in seconds:
            ``asr`` (the stage), ``llm_first_token`` and ``llm`` (from the transcript on), ``tts`` (sum of the stage's
            time, which overlaps with ``llm``), ``first_audio`` and ``total`` (from the start of the turn). The parts of
            ``first_audio``, one after the other: ``asr``, ``llm_first_token``, ``first_clause`` (from the first token
            to the first piece of the answer that can be spoken), ``tts_first_chunk`` (until its first sound came),
            ``encode`` (where the file comes whole, the rest of the turn). In the replicas: ``asr_decode`` and
            ``asr_transcribe`` of ``asr``, ``tts_replica`` of ``tts_first_chunk``; what they leave is the way there.

        Raises:
            NoSpeech: 422, nothing was said.
            SmartLiteError: Whatever a stage raises.
        """
        turn = _Turn(request, self._open_encoder(request.format, request.whole))
        transcript = await self._listen(request, turn.clock)
        turn.clock.last("asr")
        if not transcript.text:
            raise NoSpeech("No speech was found in 'file'.", "file")
        yield transcript
        tasks = [
            asyncio.create_task(self._guard(self._think(turn, transcript.text), turn)),
            asyncio.create_task(self._guard(self._speak(turn), turn)),
        ]
        try:
            while (event := await turn.events.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        if not turn.speech_s:
            raise EngineFailed("The language model gave no answer that can be spoken.")
        turn.clock.last("total")
        yield self._summary(turn, transcript)

    async def _listen(self, request: VoiceTurnRequest, clock: _Clock) -> TurnTranscript:
        asked = TranscribeRequest(request.audio, request.asr_model, TranscribeOptions(language=request.language))
        info: TranscriptInfo | None = None
        texts: list[str] = []
        async with aclosing(self._asr.transcribe(asked)) as events:
            async for event in events:
                if isinstance(event, TranscriptInfo):
                    info = event
                elif isinstance(event, Segment):
                    texts.append(event.text)
                elif isinstance(event, TranscriptFinished):
                    clock.parts |= {"asr_decode": event.decode_s, "asr_transcribe": event.transcribe_s}
        if info is None:
            raise EngineFailed("The speech recognition ended without an answer.")
        return TurnTranscript("".join(texts).strip(), info.language, info.duration_s)

    async def _think(self, turn: _Turn, question: str) -> None:
        instructions = turn.request.instructions or DEFAULT_INSTRUCTIONS
        frame, asked_now = [Message("system", instructions)], [Message("user", question)]
        asked = ChatRequest(
            turn.request.llm_model,
            with_earlier(frame, turn.request.earlier, turn.request.summary, asked_now),
            ChatOptions(
                temperature=self._options.temperature,
                top_p=self._options.top_p,
                max_tokens=self._options.max_reply_tokens,
            ),
        )
        splitter = SpokenSentences(self._options.first_clause_characters)
        async with aclosing(self._llm.chat(asked)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    turn.clock.first("llm_first_token")
                    turn.reply.append(event.text)
                    await turn.events.put(TurnReplyDelta(event.text))
                    for sentence in splitter.feed(event.text):
                        turn.clock.first("first_clause")
                        await turn.sentences.put(sentence)
                elif isinstance(event, ChatFinished):
                    turn.tokens = event.usage
        turn.clock.last("llm")
        for sentence in splitter.flush():
            turn.clock.first("first_clause")
            await turn.sentences.put(sentence)
        await turn.sentences.put(None)

    async def _speak(self, turn: _Turn) -> None:
        while (spoken := await turn.sentences.get()) is not None:
            began = turn.clock.now()
            asked = SpeakRequest(spoken, turn.request.tts_model, SynthesizeOptions(turn.request.voice), "pcm")
            async with aclosing(self._tts.speak(asked)) as events:
                async for event in events:
                    if isinstance(event, SpeechChunk):
                        turn.clock.first("first_chunk")
                        await self._encode(turn, event.data)
                    elif isinstance(event, SpeechFinished):
                        turn.clock.parts.setdefault("tts_replica", event.first_audio_s)
            turn.characters += len(spoken)
            turn.speaking_s += turn.clock.now() - began
        await self._send(turn, await asyncio.to_thread(turn.encoder.finish))
        await turn.events.put(None)

    async def _encode(self, turn: _Turn, pcm: bytes) -> None:
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)
        chunk = AudioChunk(samples, SPEECH_SAMPLE_RATE_HZ)
        turn.speech_s += chunk.duration_s
        await self._send(turn, await asyncio.to_thread(turn.encoder.encode, chunk))

    @staticmethod
    async def _send(turn: _Turn, data: bytes) -> None:
        for piece in cut(data):
            turn.clock.first("first_audio")
            await turn.events.put(TurnAudio(piece))

    @staticmethod
    async def _guard(work: Coroutine[None, None, None], turn: _Turn) -> None:
        """Hand a task's failure to the caller, who waits on the queue and not on the task."""
        try:
            await work
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - re-raised by run_turn
            await turn.events.put(error)

    @staticmethod
    def _summary(turn: _Turn, transcript: TurnTranscript) -> TurnDone:
        marks = turn.clock.marks
        heard = marks["asr"]
        first_audio = marks.get("first_audio", marks["total"])
        timings = {
            "asr": heard,
            "llm_first_token": marks["llm_first_token"] - heard,
            "first_clause": marks["first_clause"] - marks["llm_first_token"],
            "tts_first_chunk": marks["first_chunk"] - marks["first_clause"],
            "encode": first_audio - marks["first_chunk"],
            "llm": marks["llm"] - heard,
            "tts": turn.speaking_s,
            "first_audio": first_audio,
            "total": marks["total"],
            **turn.clock.parts,
        }
        usage = TurnUsage(transcript.duration_s, turn.tokens, turn.characters, turn.speech_s)
        return TurnDone("".join(turn.reply).strip(), turn.speech_s, timings, usage)
