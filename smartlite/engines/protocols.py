"""The contracts of all engines. Must not know any engine.

An engine is constructed as ``Engine(files: ModelFiles, options: Engine.Options)`` and does nothing until ``start``.
Its module imports its heavy libraries inside ``start``, so importing the registry costs nothing. Its ``Options`` is a
pydantic model with ``extra="forbid"``: what an operator may write under ``options`` in ``serve_config.yaml``.

Verbs are async generator functions. They run blocking work in threads of their own, translate their library's errors
into ``smartlite.errors``, raise request errors before the first event, and stop work when closed or cancelled.
"""

from collections.abc import AsyncGenerator
from typing import ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from smartlite.domain.asr import EngineTranscriptEvent, TranscribeOptions
from smartlite.domain.audio import AudioChunk
from smartlite.domain.embedding import EmbeddingEvent
from smartlite.domain.llm import ChatEvent, ChatOptions, Message
from smartlite.domain.models import ModelFiles, Voice
from smartlite.domain.tts import SpokenSentence, SynthesizeOptions


class EngineOptions(BaseModel):
    """Base of every engine's options: strict, so that a misspelt key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def request_context_tokens(self) -> int | None:
        """Tokens that prompt and answer of one request may have; None: nobody knows, or it is no language model."""
        return None

    @property
    def sentences_at_once(self) -> int:
        """Sentences of one text that may be spoken apart, at the same time; 0: the engine needs the text whole.

        Where it is not 0, the sentences of ``split_sentences`` spoken one by one must sound as they do together.
        """
        return 0


class Engine(Protocol):
    """What every engine has."""

    Options: ClassVar[type[EngineOptions]]

    def __init__(self, files: ModelFiles, options: EngineOptions) -> None: ...

    def start(self) -> None:
        """Load weights and run once on a small input. Blocks; called once, before any verb.

        Raises:
            ConfigurationError: A library or program is missing, or the files are not what this engine reads.
        """
        ...

    async def check_health(self) -> None:
        """Raise EngineFailed if the engine cannot work any more. Cheap: called every few seconds."""
        ...

    def close(self) -> None:
        """Give back threads, memory, processes. Blocks; safe to call twice and without start."""
        ...


class ASREngine(Engine, Protocol):
    """Recognises speech."""

    @property
    def pieces_at_once(self) -> int:
        """Pieces of one recording that it works on side by side; 0: it takes recordings whole."""
        ...

    def transcribe(self, audio: AudioChunk, options: TranscribeOptions) -> AsyncGenerator[EngineTranscriptEvent, None]:
        """Yield one TranscriptInfo, then Segments in order as they are recognised.

        Args:
            audio: At 16 kHz.
            options: Language, task, prompt, temperature, word timestamps.

        Raises:
            InvalidRequest: 400, a language that the model does not know, a translation by an English-only model.
            UnsupportedParameter: 400, an option that this engine or model cannot do.
        """
        ...


class LLMEngine(Engine, Protocol):
    """Answers messages."""

    def chat(self, messages: tuple[Message, ...], options: ChatOptions) -> AsyncGenerator[ChatEvent, None]:
        """Yield TextDeltas and ToolCallDeltas, then one ChatFinished.

        Raises:
            ContextLengthExceeded: 400, with the counts.
            UnsupportedParameter: 400, an option that this engine or model cannot do.
        """
        ...


class EmbeddingEngine(Engine, Protocol):
    """Makes vectors of texts."""

    def embed(self, texts: tuple[str, ...]) -> AsyncGenerator[EmbeddingEvent, None]:
        """Yield an Embedding for every text, in order, then one EmbeddingFinished.

        Raises:
            ContextLengthExceeded: 400, a text is too long, with the counts.
        """
        ...


class TTSEngine(Engine, Protocol):
    """Speaks text."""

    def voices(self) -> tuple[Voice, ...]:
        """Who speaks: those of the catalog or the configuration where they name some, else the model's own.

        Called between start and close. An engine whose models tell voices themselves is in the registry's TELL_VOICES.
        """
        ...

    def synthesize(self, text: str, options: SynthesizeOptions) -> AsyncGenerator[SpokenSentence, None]:
        """Yield the sentences in order, each as soon as it is made.

        Raises:
            VoiceNotFound: 400.
            TextEmpty: 400, nothing in the text can be spoken.
        """
        ...
