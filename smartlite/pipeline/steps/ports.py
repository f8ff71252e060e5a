"""What kinds of steps need besides stages, as Protocols. Must not know who provides it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from smartlite.domain.asr import Transcript
from smartlite.domain.audio import AudioChunk, AudioFormat, SpeechEncoder
from smartlite.domain.models import ModelDirectory
from smartlite.domain.pipelines import Document, Run
from smartlite.domain.prompts import PromptTemplate

Directory = Callable[[], Awaitable[ModelDirectory]]
"""Every served model, with its voices as far as they are known."""
CaptionWriter = Callable[[Literal["srt", "vtt"], Transcript], str]
"""Writes a transcript as a file of captions."""
FindPipeline = Callable[[Run, str, int | None], Awaitable[Document]]
"""A checked document by name and version (None: the latest) that the run's user may run; raises NotFound."""

FindPrompt = Callable[[Run, str, int | None], Awaitable[PromptTemplate]]
"""A prompt by id or name and version (None: the latest) that the run's user may read; raises NotFound."""


class Codec(Protocol):
    """Audio to samples and back."""

    async def decode(self, data: bytes, sample_rate_hz: int) -> AudioChunk:
        """Mono samples; raises the audio errors of ``smartlite.errors``."""
        ...

    async def encode(self, chunks: Iterable[AudioChunk], audio_format: AudioFormat, sample_rate_hz: int) -> bytes:
        """A finished mono file.

        Raises:
            UnsupportedParameter: 400, the format does not come at this rate.
            EngineFailed: 500, it cannot be encoded.
        """
        ...

    def open_encoder(self, audio_format: AudioFormat) -> SpeechEncoder:
        """A file that is sent while it is made, mono at 24 kHz; its methods take a while, and one thread at a time."""
        ...


@dataclass(frozen=True, slots=True)
class HTTPRequest:
    """What is sent."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout_s: float
    """Of all of it."""


@dataclass(frozen=True, slots=True)
class HTTPAnswer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    """By name in lower case."""
    body: bytes


class HTTPClient(Protocol):
    """Sends requests to where they may be sent."""

    async def send(self, request: HTTPRequest) -> HTTPAnswer:
        """Raises HTTPRequestRefused where it may not be sent, HTTPRequestFailed where it is not answered."""
        ...
