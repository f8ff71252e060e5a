"""Audio files as hostile or broken senders make them, with what the audio gate answers. Nothing here is a recording.

``HOSTILE`` maps a name to the bytes and the error class; ``HARMLESS`` maps a name to odd bytes that are taken and the
seconds of sound in them. Tests of other areas may use it: ``from tests.codecs.hostile import HOSTILE``.
"""

import io
import struct
import zipfile
import zlib

import av
import numpy as np
from numpy.typing import NDArray

from smartlite import errors

PCM, FLOAT, WMA = 1, 3, 0x161


def make_wav(
    data: bytes = bytes(3200),
    *,
    sample_rate_hz: int = 16_000,
    channels: int = 1,
    bits: int = 16,
    coding: int = PCM,
    claimed_bytes: int | None = None,
) -> bytes:
    """Build a WAV whose header says what is asked for, true or not."""
    frame = channels * bits // 8
    rate = sample_rate_hz * frame & 0xFFFF_FFFF
    claimed = len(data) if claimed_bytes is None else claimed_bytes
    header = struct.pack("<HHIIHH", coding, channels, sample_rate_hz, rate, frame & 0xFFFF, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(header)) + header + b"data" + struct.pack("<I", claimed) + data
    return b"RIFF" + struct.pack("<I", 36 + claimed & 0xFFFF_FFFF) + body


def make_floats(samples: list[float], repeat: int = 400) -> bytes:
    """Build a WAV of 32-bit floats."""
    return make_wav(np.tile(np.array(samples, "<f4"), repeat).tobytes(), coding=FLOAT, bits=32)


def make_media(  # one keyword for each thing that a container can be
    muxer: str,
    encoder: str,
    *,
    sample_rate_hz: int = 48_000,
    layout: str = "mono",
    seconds: float = 1.0,
    bit_rate: int | None = 64_000,
    silent: bool = False,
    options: dict[str, str] | None = None,
    seekable: bool = True,
) -> bytes:
    """Encode a 440 Hz tone of peak 0.3, or silence, with the libraries' own encoders."""
    file = io.BytesIO()
    sink = file if seekable else _WriteOnly(file)
    with av.open(sink, "w", format=muxer, container_options=options or {}) as container:
        stream = container.add_stream(encoder, rate=sample_rate_hz)
        stream.layout = layout
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        channels, done, total = stream.layout.nb_channels, 0, int(seconds * sample_rate_hz)
        while done < total:
            count = min(sample_rate_hz * 60, total - done)
            tone = np.zeros(count, np.float32) if silent else make_tone(sample_rate_hz, count)
            frame = av.AudioFrame.from_ndarray(np.repeat(tone, channels)[None], format="flt", layout=layout)
            frame.sample_rate = sample_rate_hz
            container.mux(stream.encode(frame))
            done += count
        container.mux(stream.encode(None))
    return file.getvalue()


class _WriteOnly:
    def __init__(self, file: io.BytesIO) -> None:
        self.write = file.write


def make_tone(sample_rate_hz: int, count: int, peak: float = 0.3) -> NDArray[np.float32]:
    """Sample a sine of 440 Hz, shape (count,)."""
    return (peak * np.sin(2 * np.pi * 440 * np.arange(count) / sample_rate_hz)).astype(np.float32)


def make_silent_flac_hour(*, declared: bool) -> bytes:
    """Build an hour of silence in some hundred kB, its length in the header or not."""
    return make_media("flac", "flac", sample_rate_hz=8_000, seconds=3600, bit_rate=None, silent=True, seekable=declared)


def make_video(audio: bool = False, tracks: int = 1) -> bytes:
    """Build a Matroska file of small grey pictures, three a track, and a second of sound behind them."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        videos = [container.add_stream("mpeg4", rate=5) for _ in range(tracks)]
        for video in videos:
            video.width = video.height = 32
            video.pix_fmt = "yuv420p"
        sound = container.add_stream("pcm_s16le", rate=16_000, layout="mono") if audio else None
        for video in videos:
            for _ in range(3):
                container.mux(video.encode(av.VideoFrame.from_ndarray(np.full((32, 32, 3), 128, np.uint8))))
            container.mux(video.encode(None))
        if sound is not None:
            _mux_tone(container, sound)
    return file.getvalue()


def make_streams(count: int) -> bytes:
    """Build a Matroska file of many sounds of one second."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        sounds = [container.add_stream("pcm_s16le", rate=16_000, layout="mono") for _ in range(count)]
        for sound in sounds:
            _mux_tone(container, sound)
    return file.getvalue()


def _mux_tone(container: av.container.OutputContainer, stream: av.AudioStream) -> None:
    frame = av.AudioFrame.from_ndarray(make_tone(16_000, 16_000)[None], format="flt", layout="mono")
    frame.sample_rate = 16_000
    container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def make_png() -> bytes:
    """Build a picture of one pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")


def make_zip() -> bytes:
    """Build an archive with a WAV in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("speech.wav", make_wav())
    return file.getvalue()


def make_concat(path: str) -> bytes:
    """Build the text that makes ffmpeg open and decode another file."""
    return f"ffconcat version 1.0\nfile '{path}'\n".encode()


def make_playlist(address: str) -> bytes:
    """Build an HLS playlist of one segment."""
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{address}\n#EXT-X-ENDLIST\n".encode()


_MP3 = make_media("mp3", "libmp3lame", sample_rate_hz=24_000, seconds=1)
_M4A = make_media("ipod", "aac", sample_rate_hz=24_000, seconds=1)
_OGG = make_media("ogg", "libopus", seconds=1)
_NOISE = np.random.default_rng(7).integers(0, 256, 4000, np.uint8).tobytes()

HOSTILE: dict[str, tuple[bytes, type[errors.SmartLiteError]]] = {
    "no bytes": (b"", errors.AudioEmpty),
    "a WAV of no samples": (make_wav(b""), errors.AudioEmpty),
    "a WAV that ends after RIFF": (b"RIFF\x24\0\0\0", errors.AudioInvalid),
    "a WAV that ends in its fmt chunk": (make_wav()[:30], errors.AudioInvalid),
    "a WAV of WAVE and no more": (b"RIFF\x24\0\0\0WAVE", errors.AudioInvalid),
    "a WAV of 0 channels": (make_wav(channels=0), errors.AudioInvalid),
    "a WAV of 65535 channels": (make_wav(channels=65_535), errors.AudioInvalid),
    "a WAV of 300 channels": (make_wav(channels=300), errors.ChannelsUnsupported),
    "a WAV of 9 channels": (make_wav(channels=9), errors.ChannelsUnsupported),
    "a WAV at 0 Hz": (make_wav(sample_rate_hz=0), errors.AudioInvalid),
    "a WAV at 4294967295 Hz": (make_wav(sample_rate_hz=2**32 - 1), errors.AudioInvalid),
    "a WAV at 1 Hz": (make_wav(sample_rate_hz=1), errors.SampleRateUnsupported),
    "a WAV at 10 MHz": (make_wav(sample_rate_hz=10_000_000), errors.SampleRateUnsupported),
    "a FLAC at 655350 Hz": (
        make_media("flac", "flac", sample_rate_hz=655_350, seconds=0.1, bit_rate=None),
        errors.SampleRateUnsupported,
    ),
    "a WAV of 0 bits": (make_wav(bits=0), errors.AudioInvalid),
    "a WAV of an unknown coding": (make_wav(coding=0x7777), errors.AudioInvalid),
    "a WAV of a coding that is not allowed": (make_wav(coding=WMA), errors.UnsupportedMediaType),
    "NaN samples": (make_floats([0.1, float("nan")]), errors.AudioNotFinite),
    "infinite samples": (make_floats([0.1, float("-inf")]), errors.AudioNotFinite),
    "an hour of silence, declared": (make_silent_flac_hour(declared=True), errors.AudioTooLong),
    "an hour of silence, not declared": (make_silent_flac_hour(declared=False), errors.AudioTooLong),
    "an mp3 of one header": (b"\xff\xf3\x84\xc4", errors.AudioInvalid),
    "an ID3 tag and no more": (b"ID3\x04\0\0\0\0\x02\x01" + bytes(300), errors.AudioInvalid),
    "an ID3 tag and noise": (b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + _NOISE, errors.AudioInvalid),
    "an m4a without its end": (_M4A[: len(_M4A) // 2], errors.AudioInvalid),
    "an Ogg of one page": (_OGG[:60], errors.AudioInvalid),
    "an Ogg page and noise": (_OGG[:28] + _NOISE, errors.AudioInvalid),
    "a FLAC marker and noise": (b"fLaC" + _NOISE, errors.AudioInvalid),
    "an EBML marker and noise": (b"\x1a\x45\xdf\xa3" + _NOISE, errors.AudioInvalid),
    "an MPEG pack and noise": (b"\0\0\1\xba" + _NOISE, errors.AudioInvalid),
    "an ftyp box and noise": (b"\0\0\0\x18ftypM4A " + _NOISE, errors.AudioInvalid),
    "a video without audio": (make_video(), errors.AudioInvalid),
    "a sound behind 8 videos": (make_video(tracks=8, audio=True), errors.AudioInvalid),
    "a sound coded as ac3": (make_media("mp4", "ac3", bit_rate=96_000), errors.UnsupportedMediaType),
    "text": (b"this is not a recording\n" * 50, errors.UnsupportedMediaType),
    "JSON": (b'{"file": "speech.wav"}', errors.UnsupportedMediaType),
    "HTML": (b"<!doctype html><title>speech.wav</title>", errors.UnsupportedMediaType),
    "a PNG": (make_png(), errors.UnsupportedMediaType),
    "a ZIP": (make_zip(), errors.UnsupportedMediaType),
    "an AVI": (b"RIFF\x24\0\0\0AVI LIST" + bytes(40), errors.UnsupportedMediaType),
    "an AIFF": (b"FORM\0\0\0\x2eAIFFCOMM" + bytes(40), errors.UnsupportedMediaType),
    "noise": (_NOISE, errors.UnsupportedMediaType),
    "zeros": (bytes(4000), errors.UnsupportedMediaType),
    "one byte": (b"R", errors.UnsupportedMediaType),
    "an ffconcat text": (make_concat("/etc/hostname"), errors.UnsupportedMediaType),
    "an HLS playlist of a file": (make_playlist("file:///etc/hostname"), errors.UnsupportedMediaType),
    "an HLS playlist of an address": (make_playlist("http://127.0.0.1:9/a.ts"), errors.UnsupportedMediaType),
    "an SDP": (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 5004 RTP/AVP 0\r\n", errors.UnsupportedMediaType),
    "a DASH manifest": (b'<?xml version="1.0"?><MPD><Period/></MPD>', errors.UnsupportedMediaType),
}

_SECOND = make_tone(16_000, 16_000)
_SECOND_S16 = (_SECOND * 32767).astype("<i2").tobytes()

HARMLESS: dict[str, tuple[bytes, float]] = {
    "a WAV": (make_wav(_SECOND_S16), 1.0),
    "a WAV that claims 4 GB": (make_wav(_SECOND_S16, claimed_bytes=0xFFFF_FFFF), 1.0),
    "a WAV that claims 2 GB": (make_wav(_SECOND_S16, claimed_bytes=0x7FFF_FFFF), 1.0),
    "a WAV that ends inside a sample": (make_wav(_SECOND_S16 + b"\0"), 1.0),
    "samples of 1e38": (make_floats([0.0, 1e38, -1e38, 0.5], repeat=4000), 1.0),
    "a WAV of 8 channels": (make_wav(_SECOND_S16 * 8, channels=8), 1.0),
    "a WAV at 192 kHz": (make_wav(_SECOND_S16 * 12, sample_rate_hz=192_000), 1.0),
    "a WAV at 8 kHz": (make_wav(_SECOND_S16, sample_rate_hz=8_000), 2.0),
    "an mp3": (_MP3, 1.0),
    "an m4a": (_M4A, 1.0),
    "an Ogg of Opus": (_OGG, 1.0),
    "a FLAC": (make_media("flac", "flac", sample_rate_hz=44_100, bit_rate=None, layout="stereo"), 1.0),
    "a FLAC without its length": (make_media("flac", "flac", bit_rate=None, seekable=False), 1.0),
    "a WebM without its length": (make_media("webm", "libopus", seekable=False), 1.0),
    "an ADTS": (make_media("adts", "aac", sample_rate_hz=24_000), 1.0),
    "an MPEG program stream": (make_media("mpeg", "mp2", sample_rate_hz=44_100, bit_rate=128_000), 1.0),
    "an m4a of 8 channels": (make_media("ipod", "aac", layout="7.1", bit_rate=384_000), 1.0),
    "a video with audio": (make_video(audio=True), 1.0),
    "60 streams, of which 8 are looked at": (make_streams(60), 1.0),
    "a sound behind 7 videos": (make_video(tracks=7, audio=True), 1.0),
    "a cut mp3": (_MP3[: len(_MP3) // 2], 0.5),
    "a WAV that is HTML too": (make_wav(_SECOND_S16) + b"<script>alert(1)</script>", 1.0),
}
