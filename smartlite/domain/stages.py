"""What one stage of the platform offers to another, as Protocols. Must not know Ray: a replica's plain class, a handle
to it and a test's fake all satisfy the same Protocol.

Every verb is an async generator function: errors of the request come from its first ``__anext__``, so a caller that
waits for the first event can still choose the HTTP status; closing it stops the work.
"""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from smartlite.domain.asr import TranscribeRequest, TranscriptEvent
from smartlite.domain.embedding import EmbeddingEvent, EmbedRequest
from smartlite.domain.llm import ChatEvent, ChatRequest
from smartlite.domain.models import ModelState, Voice
from smartlite.domain.pipeline import TurnEvent, VoiceTurnRequest
from smartlite.domain.tts import SpeakRequest, SpeechEvent

StageState = Literal["ready", "starting", "unhealthy", "asleep", "waking"]
"""``asleep``: it has no replica while nobody needs one; ``waking``: its first replica starts for a request."""


@dataclass(frozen=True, slots=True)
class StageStatus:
    """Whether a stage can take requests."""

    name: str
    state: StageState
    message: str
    """What is not ready; empty when ready."""
    replicas_ready: int
    replicas_wanted: int
    may_sleep: bool = False
    """Whether it may have no replica at all."""

    @property
    def takes_requests(self) -> bool:
        """Whether a request for it is answered in the end: one that sleeps wakes for it."""
        return self.state in {"ready", "asleep", "waking"}


class ASRStage(Protocol):
    """Speech to text."""

    def transcribe(self, request: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        """Yield TranscriptInfo, Segments, TranscriptFinished."""
        ...


class LLMStage(Protocol):
    """Text to text."""

    def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """Yield TextDeltas and ToolCallDeltas, ChatFinished."""
        ...


class EmbeddingStage(Protocol):
    """Text to vectors."""

    def embed(self, request: EmbedRequest) -> AsyncGenerator[EmbeddingEvent, None]:
        """Yield an Embedding for every text, in order, EmbeddingFinished."""
        ...


class TTSStage(Protocol):
    """Text to speech."""

    def speak(self, request: SpeakRequest) -> AsyncGenerator[SpeechEvent, None]:
        """Yield SpeechChunks, SpeechFinished."""
        ...


class PipelineStage(Protocol):
    """Speech to speech."""

    def run_turn(self, request: VoiceTurnRequest) -> AsyncGenerator[TurnEvent, None]:
        """Yield TurnTranscript, then TurnReplyDelta and TurnAudio as they are made, TurnDone."""
        ...


class StatusBoard(Protocol):
    """Tells the state of every stage and model."""

    async def stages(self) -> tuple[StageStatus, ...]:
        """At most a second old."""
        ...

    async def models(self) -> Mapping[str, ModelState]:
        """The state of every served model by its own id; at most a few seconds old."""
        ...

    async def voices(self) -> Mapping[str, tuple[Voice, ...]]:
        """What models told of their voices, by model id, where nobody else knows them; after a second at most."""
        ...
