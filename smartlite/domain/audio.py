"""Audio as the platform carries it: encoded bytes at the borders, mono float samples inside. No I/O, no codec."""

import asyncio
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

AudioFormat = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
AUDIO_FORMATS: Final[tuple[AudioFormat, ...]] = get_args(AudioFormat)

CONTENT_TYPES: Final[dict[AudioFormat, str]] = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}

SPEECH_SAMPLE_RATE_HZ: Final = 24_000
"""What leaves the TTS stage, in every format: OpenAI's pcm is 24 kHz, 16-bit, little-endian, mono."""

RECOGNITION_SAMPLE_RATE_HZ: Final = 16_000
"""What the ASR engines take (Whisper, section 2.2)."""


class AudioFile(Protocol):
    """A media file as somebody sent it, wherever its bytes are; nothing about it is known to be true."""

    @property
    def filename(self) -> str:
        """The sender's name for it, for messages only: never a path, never what decides the format."""
        ...

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        ...

    @property
    def head(self) -> bytes:
        """Its first bytes, 64 at least where it has as many."""
        ...

    async def read(self) -> bytes:
        """All of it, for whoever decodes it."""
        ...

    async def sha256(self) -> bytes:
        """Of all of it."""
        ...


@dataclass(frozen=True, slots=True)
class EncodedAudio:
    """An AudioFile that is held."""

    data: bytes
    filename: str = ""
    """See AudioFile."""

    @property
    def size_bytes(self) -> int:
        """See AudioFile."""
        return len(self.data)

    @property
    def head(self) -> bytes:
        """See AudioFile."""
        return self.data[:64]

    async def read(self) -> bytes:
        """See AudioFile."""
        return self.data

    async def sha256(self) -> bytes:
        """See AudioFile."""
        return (await asyncio.to_thread(hashlib.sha256, self.data)).digest()


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A run of mono PCM samples and the rate they were taken at."""

    samples: NDArray[np.float32]
    """Shape (n,), in [-1, 1]."""
    sample_rate_hz: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.sample_rate_hz

    def in_growing_pieces(self, first_s: float) -> Iterator["AudioChunk"]:
        """The same in pieces, the first of so many seconds and each further one twice as long; nothing for nothing."""
        start, size = 0, max(1, int(first_s * self.sample_rate_hz))
        while start < len(self.samples):
            yield AudioChunk(self.samples[start : start + size], self.sample_rate_hz)
            start, size = start + size, 2 * size


class SpeechEncoder(Protocol):
    """Makes one file of a run of chunks; ``smartlite.codecs`` has the real ones."""

    def encode(self, chunk: AudioChunk) -> bytes:
        """The bytes that are ready once this chunk is in; may be empty."""
        ...

    def finish(self) -> bytes:
        """The last bytes."""
        ...


_MESSAGE_BYTES: Final = 256 * 1024
"""Even, so that 16-bit samples stay whole; well below the 4 MiB that a call between replicas carries."""


def cut(data: bytes) -> Iterator[bytes]:
    """Cut encoded audio into messages that any call between replicas carries; nothing for nothing."""
    for start in range(0, len(data), _MESSAGE_BYTES):
        yield data[start : start + _MESSAGE_BYTES]
