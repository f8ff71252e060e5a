"""An encoder that makes one finished file at its end, with true sizes in its header. Must not know who plays it."""

from smartlite.codecs.encode import encode_whole
from smartlite.domain.audio import AudioChunk, AudioFormat


class WholeFileEncoder:
    """A SpeechEncoder that gives everything at ``finish``; holds the samples until then."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._format = audio_format
        self._chunks: list[AudioChunk] = []

    def encode(self, chunk: AudioChunk) -> bytes:
        """Keep the samples."""
        self._chunks.append(chunk)
        return b""

    def finish(self) -> bytes:
        """The whole file; empty where nothing was spoken."""
        return encode_whole(self._chunks, self._format) if self._chunks else b""
