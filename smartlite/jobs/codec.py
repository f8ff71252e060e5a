"""Audio to samples and back for steps: decoded in a process of its own, encoded in a thread. Must not know steps."""

import asyncio
import io
import wave
from collections.abc import Iterable
from typing import Final

import numpy as np

from smartlite.codecs.encode import encode_whole, open_encoder
from smartlite.codecs.limits import AudioLimits
from smartlite.codecs.pool import DecoderPool
from smartlite.domain.audio import SPEECH_SAMPLE_RATE_HZ, AudioChunk, AudioFormat, EncodedAudio, SpeechEncoder
from smartlite.errors import EngineFailed, UnsupportedParameter

_DECODE_TIMEOUT_S: Final = 180.0
"""Two hours of stereo mp3 take 16 s (from half an hour in 4 s, measured on 2 busy cores)."""


class PlatformCodec:
    """What steps call Codec. Used in one event loop; the decoder's process starts with the first file.

    Args:
        limits: What a file may be.
    """

    def __init__(self, limits: AudioLimits) -> None:
        self._limits = limits
        self._pool: DecoderPool | None = None

    async def decode(self, data: bytes, sample_rate_hz: int) -> AudioChunk:
        """See Codec."""
        if self._pool is None:
            self._pool = DecoderPool(self._limits, timeout_s=_DECODE_TIMEOUT_S)
        return await self._pool.decode(EncodedAudio(data), sample_rate_hz)

    async def encode(self, chunks: Iterable[AudioChunk], audio_format: AudioFormat, sample_rate_hz: int) -> bytes:
        """See Codec."""
        if sample_rate_hz == SPEECH_SAMPLE_RATE_HZ:
            return await asyncio.to_thread(encode_whole, chunks, audio_format)
        if audio_format not in ("wav", "pcm"):
            raise UnsupportedParameter(
                f"'{audio_format}' comes at {SPEECH_SAMPLE_RATE_HZ} Hz; wav and pcm at any rate.", "sample_rate_hz"
            )
        return await asyncio.to_thread(_plain, chunks, audio_format, sample_rate_hz)

    def open_encoder(self, audio_format: AudioFormat) -> SpeechEncoder:
        """See Codec."""
        return open_encoder(audio_format, SPEECH_SAMPLE_RATE_HZ)

    async def close(self) -> None:
        """End the decoder's process."""
        if self._pool is not None:
            await self._pool.close()


def _plain(chunks: Iterable[AudioChunk], audio_format: AudioFormat, sample_rate_hz: int) -> bytes:
    parts: list[bytes] = []
    for chunk in chunks:
        if chunk.sample_rate_hz != sample_rate_hz:
            raise EngineFailed(f"The audio is at {chunk.sample_rate_hz} Hz and not at {sample_rate_hz} Hz.")
        parts.append((np.clip(chunk.samples, -1.0, 1.0) * np.float32(32767)).round().astype("<i2").tobytes())
    pcm = b"".join(parts)
    if audio_format == "pcm":
        return pcm
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(sample_rate_hz)
        writer.writeframes(pcm)
    return file.getvalue()
