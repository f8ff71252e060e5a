"""Which container a file is, from its first bytes alone. Must not know file names, decoders or any library.

ffmpeg's own probing is not used: it takes a playlist or an ``ffconcat`` text for a recording and opens the files that
the text names (measured with PyAV 18.1, also from memory).
"""

from typing import Literal

from smartlite.codecs.limits import AudioLimits
from smartlite.errors import AudioEmpty, AudioInvalid, AudioTooLarge, UnsupportedMediaType

Container = Literal["wav", "mp3", "ogg", "flac", "mov", "matroska", "aac", "mpeg"]
"""ffmpeg's name of the one demuxer that may read the file. ``mov`` reads mp4 and m4a, ``matroska`` reads webm."""

_TAKEN = "flac, mp3, mp4, mpeg, mpga, m4a, ogg, wav, webm or aac"
_ID3_HEADER_BYTES = 10
_MPEG_HEADER_BYTES = 4


def sniff_container(data: bytes, limits: AudioLimits) -> Container:
    """Check the size and find the container of a file as it was sent.

    Raises:
        AudioTooLarge: 413, more bytes than allowed.
        AudioEmpty: 400, no bytes at all.
        AudioInvalid: 422, the first bytes are right and the header is cut off.
        UnsupportedMediaType: 415, nothing that we take: text, a playlist, an image, an archive, noise.
    """
    if len(data) > limits.max_bytes:
        raise AudioTooLarge(f"The file has {len(data)} bytes; the limit is {limits.max_bytes}.", "file")
    if not data:
        raise AudioEmpty("The file is empty.", "file")
    container = _by_magic(data)
    if container is None:
        raise UnsupportedMediaType(f"The file is not audio that can be taken here: send {_TAKEN}.", "file")
    return container


def _by_magic(data: bytes) -> Container | None:
    if data.startswith((b"RIFF", b"RF64", b"RIFX")):
        if len(data) < 12:
            raise AudioInvalid("The WAV header is cut off.", "file")
        return "wav" if data[8:12] == b"WAVE" else None
    if data.startswith(b"ID3"):
        return _after_id3(data)
    if data[4:8] == b"ftyp":
        return "mov"
    for magic, container in _MAGIC.items():
        if data.startswith(magic):
            return container
    return _by_frame_header(data[:_MPEG_HEADER_BYTES])


_MAGIC: dict[bytes, Container] = {
    b"OggS": "ogg",
    b"fLaC": "flac",
    b"\x1a\x45\xdf\xa3": "matroska",
    b"\x00\x00\x01\xba": "mpeg",
}


def _by_frame_header(header: bytes) -> Container | None:
    """Tell MPEG audio and ADTS by their frame header (ISO/IEC 11172-3 section 2.4.1.3, 13818-7 section 6.2)."""
    if len(header) < _MPEG_HEADER_BYTES or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    if header[1] & 0xF6 == 0xF0:
        return "aac" if (header[2] >> 2) & 0xF < 13 else None
    version, layer = (header[1] >> 3) & 3, (header[1] >> 1) & 3
    bitrate, sample_rate = header[2] >> 4, (header[2] >> 2) & 3
    return "mp3" if version != 1 and layer != 0 and bitrate != 15 and sample_rate != 3 else None


def _after_id3(data: bytes) -> Container:
    """Look behind an ID3v2 tag (id3.org, ID3v2.4 section 3.1), which mp3, aac and flac files may start with."""
    if len(data) < _ID3_HEADER_BYTES:
        raise AudioInvalid("The file ends inside its ID3 tag.", "file")
    size = 0
    for byte in data[6:_ID3_HEADER_BYTES]:
        size = size << 7 | byte & 0x7F
    start = _ID3_HEADER_BYTES + size + (_ID3_HEADER_BYTES if data[5] & 0x10 else 0)
    if start >= len(data):
        raise AudioInvalid("The file ends inside its ID3 tag: it holds no audio.", "file")
    if data.startswith(b"fLaC", start):
        return "flac"
    # Padding may follow the tag, so what is not plainly something else goes to the mp3 demuxer, which resynchronises.
    return "aac" if _by_frame_header(data[start : start + _MPEG_HEADER_BYTES]) == "aac" else "mp3"
