"""Decoding of untrusted media to mono PCM, block by block, inside limits. Must not know processes or pipes.

Runs in the decoder's own process (``decoder_worker``): ffmpeg's parsers meet hostile bytes here. One demuxer and a few
decoders are allowed; nothing but the given bytes can be opened.
"""

import io
from collections.abc import Callable, Iterator
from typing import Any, Final, Never

import av

from smartlite.codecs.limits import AudioLimits, check_shape, too_large
from smartlite.codecs.mono import MonoMixer
from smartlite.codecs.sniff import Container
from smartlite.errors import (
    AudioInvalid,
    AudioTooLarge,
    AudioTooLong,
    UnsupportedMediaType,
)

_DECODER_LIST: Final = (
    "aac,alac,flac,mp1,mp1float,mp2,mp2float,mp3,mp3float,opus,libopus,vorbis,adpcm_ima_wav,adpcm_ms,pcm_alaw,"
    "pcm_mulaw,pcm_f32be,pcm_f32le,pcm_f64be,pcm_f64le,pcm_s16be,pcm_s16le,pcm_s24be,pcm_s24le,pcm_s32be,pcm_s32le,"
    "pcm_s8,pcm_u8"
)
DECODERS: Final = frozenset(_DECODER_LIST.split(","))
"""Decoders that may run. ffmpeg's ``codec_whitelist`` holds only while it probes (measured: PyAV 18.1 decoded WMA in
a WAV in spite of it), so the stream's decoder is checked here as well."""

_ESTIMATED: Final = frozenset({"mp3", "aac", "mpeg"})
"""Containers whose duration may be ffmpeg's guess from the first frames' bit rate."""

# What PyAV raises on damaged headers besides FFmpegError: seen with PNG, and with 0 bits per sample.
_LIBRARY_ERRORS: Final = (av.FFmpegError, ValueError, IndexError, AttributeError)

_DAMAGED: Final = "The audio is damaged or cut off: it cannot be decoded."


def decode_pcm(data: bytes, container: Container, limits: AudioLimits, sample_rate_hz: int) -> Iterator[bytes]:
    """Decode the first audio stream to mono, signed 16-bit, little-endian PCM at another rate.

    Args:
        data: The file, within ``limits.max_bytes``.
        container: What ``sniff_container`` found.
        limits: Checked on what the header declares, then on what comes out.
        sample_rate_hz: The rate wanted.

    Yields:
        Blocks of PCM, at most a few hundred kB each.

    Raises:
        AudioEmpty: 400, not one sample.
        AudioTooLong, AudioTooLarge: 413, declared or counted.
        UnsupportedMediaType: 415, a codec that is not allowed, or a reference to another file.
        AudioInvalid, SampleRateUnsupported, ChannelsUnsupported, AudioNotFinite: 422.
    """
    try:
        with _open(data, container, limits) as source:
            stream = _audio_stream(source, limits)
            _check_declared(data, container, source, stream, limits)
            yield from MonoMixer(limits, sample_rate_hz).convert(_frames(source, stream))
    except MemoryError as error:
        raise AudioTooLarge("The audio needs more memory to decode than is allowed.", "file") from error
    except (av.FFmpegError, ValueError) as error:
        raise AudioInvalid(_DAMAGED, "file") from error


def _refuse_reference(*_: object) -> Never:
    raise UnsupportedMediaType("The file refers to other files; send one file that holds all of its audio.", "file")


def _open(data: bytes, container: Container, limits: AudioLimits) -> Any:
    options = {
        "format_whitelist": container,
        "protocol_whitelist": "none",
        "codec_whitelist": _DECODER_LIST,
        "max_streams": str(limits.max_streams),
    }
    refuse: Callable[..., Never] = _refuse_reference
    try:
        return av.open(
            io.BytesIO(data), "r", container, container_options=options, metadata_errors="ignore", io_open=refuse
        )
    except MemoryError:
        raise
    except _LIBRARY_ERRORS as error:
        raise AudioInvalid(f"The file starts like {container} and its header is damaged or cut off.", "file") from error


def _audio_stream(source: Any, limits: AudioLimits) -> Any:
    if not source.streams.audio:
        raise AudioInvalid("The file holds no audio stream.", "file")
    stream = source.streams.audio[0]
    codec = stream.codec_context
    if codec is None:
        raise AudioInvalid("The header does not name a known audio codec.", "file")
    if codec.name not in DECODERS:
        raise UnsupportedMediaType(f"Audio coded as {codec.name} is not supported.", "file")
    try:
        check_shape(codec.sample_rate, codec.channels, limits)
    except _LIBRARY_ERRORS as error:
        raise AudioInvalid(_DAMAGED, "file") from error
    codec.thread_count = 1
    return stream


def _check_declared(data: bytes, container: Container, source: Any, stream: Any, limits: AudioLimits) -> None:
    """Refuse by what the header says, before a sample is decoded; what it says too little is counted later."""
    if stream.duration is not None and stream.time_base:
        duration_s = float(stream.duration * stream.time_base)
    elif source.duration is not None:
        duration_s = source.duration / 1_000_000
    else:
        return
    if duration_s > limits.max_duration_s and container in _ESTIMATED:
        duration_s = _count_packets_s(data, container, limits)
    if duration_s > limits.max_duration_s:
        raise AudioTooLong(f"The audio lasts {duration_s:.0f} s; the limit is {limits.max_duration_s:.0f} s.", "file")
    decoded_bytes = int(duration_s * stream.codec_context.sample_rate) * stream.codec_context.channels * 4
    if decoded_bytes > limits.max_decoded_bytes:
        raise too_large(limits)


def _count_packets_s(data: bytes, container: Container, limits: AudioLimits) -> float:
    """Sum the packets' durations without decoding them, no further than just over the limit."""
    total_s = 0.0
    with _open(data, container, limits) as source:
        stream = source.streams.audio[0]
        try:
            for packet in source.demux(stream):
                total_s += float((packet.duration or 0) * packet.time_base)
                if total_s > limits.max_duration_s:
                    break
        except _LIBRARY_ERRORS:
            pass  # The end of what can be read; decoding says what is wrong with it.
    return total_s


def _frames(source: Any, stream: Any) -> Iterator[Any]:
    """Decode packet by packet. A bad packet is skipped, as players do; more bad than good means a damaged file."""
    good = bad = 0
    packets = source.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            break
        except _LIBRARY_ERRORS:
            bad += 1
            break
        try:
            frames = packet.decode()
        except _LIBRARY_ERRORS:
            bad += 1
            continue
        good += bool(frames)
        yield from frames
    if bad > good:
        raise AudioInvalid(_DAMAGED, "file")
