"""Decoding of untrusted media to mono PCM, block by block, inside limits. Must not know processes or pipes.

Runs in the decoder's own process (``decoder_worker``): ffmpeg's parsers meet hostile bytes here. One demuxer and a few
decoders are allowed; nothing but the given bytes can be opened.
"""

import io
import math
from collections.abc import Callable, Iterator
from typing import Any, Final, Never

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.resampler import AudioResampler

from smartlite.codecs.limits import AudioLimits
from smartlite.codecs.sniff import Container
from smartlite.errors import (
    AudioEmpty,
    AudioInvalid,
    AudioNotFinite,
    AudioTooLarge,
    AudioTooLong,
    ChannelsUnsupported,
    SampleRateUnsupported,
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

_BLOCK_SAMPLES: Final = 16_384
"""Samples resampled at once: 25 % faster than frame by frame (30 s of mp3: 32 ms against 41 ms)."""

_OVERSHOOT: Final = 4.0
"""Lossy codecs overshoot full scale a little, and the resampler clips that; from here (12 dB) on a frame is clipped
before the resampler, whose sums of such values overflow."""

# What PyAV raises on damaged headers besides FFmpegError: seen with PNG, and with 0 bits per sample.
_LIBRARY_ERRORS: Final = (av.FFmpegError, ValueError, IndexError, AttributeError)

_DAMAGED: Final = "The audio is damaged or cut off: it cannot be decoded."


def decode_pcm(data: bytes, container: Container, limits: AudioLimits, sample_rate_hz: int) -> Iterator[bytes]:
    """Decode the first audio stream to mono, signed 16-bit, little-endian PCM at another rate.

    16 bits and ffmpeg's default resampler are what faster-whisper's own ``decode_audio`` uses: the samples are equal.

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
            yield from _Mixer(limits, sample_rate_hz).convert(_frames(source, stream))
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
        _check_shape(codec.sample_rate, codec.channels, limits)
    except _LIBRARY_ERRORS as error:
        raise AudioInvalid(_DAMAGED, "file") from error
    codec.thread_count = 1
    return stream


def _check_shape(sample_rate_hz: int, channels: int, limits: AudioLimits) -> None:
    if sample_rate_hz <= 0 or channels <= 0:
        raise AudioInvalid(f"The header declares {channels} channels at {sample_rate_hz} Hz.", "file")
    if not limits.min_sample_rate_hz <= sample_rate_hz <= limits.max_sample_rate_hz:
        allowed = f"{limits.min_sample_rate_hz} to {limits.max_sample_rate_hz} Hz"
        raise SampleRateUnsupported(f"The sample rate is {sample_rate_hz} Hz; {allowed} are supported.", "file")
    if channels > limits.max_channels:
        raise ChannelsUnsupported(
            f"The audio has {channels} channels; at most {limits.max_channels} are supported.", "file"
        )


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
        raise _too_large(limits)


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


def _too_large(limits: AudioLimits) -> AudioTooLarge:
    return AudioTooLarge(
        f"The audio would need more than {limits.max_decoded_bytes} bytes once decoded (samples x channels x 4).",
        "file",
    )


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


class _Mixer:
    """Checks frames as they come, mixes them to mono and resamples them."""

    def __init__(self, limits: AudioLimits, sample_rate_hz: int) -> None:
        self._limits = limits
        self._sample_rate_hz = sample_rate_hz
        self._fifo = AudioFifo()
        self._resampler = self._new_resampler()

    def _new_resampler(self) -> Any:
        return AudioResampler(format="s16", layout="mono", rate=self._sample_rate_hz)

    def convert(self, frames: Iterator[Any]) -> Iterator[bytes]:
        shape: tuple[str, str, int] | None = None
        duration_s, decoded_bytes, samples_out = 0.0, 0, 0
        for raw in frames:
            if raw.samples == 0:
                continue
            _check_shape(raw.sample_rate, raw.layout.nb_channels, self._limits)
            frame = _checked(raw)
            frame.pts = None
            frame_shape = (frame.format.name, frame.layout.name, frame.sample_rate)
            if frame_shape != shape:
                # A chained Ogg stream, a header that a later frame contradicts, or a clipped frame.
                if shape is not None:
                    block = self._flush()
                    samples_out += len(block) // 2
                    yield block
                shape = frame_shape
            duration_s += raw.samples / raw.sample_rate
            decoded_bytes += raw.samples * raw.layout.nb_channels * 4
            if duration_s > self._limits.max_duration_s:
                raise AudioTooLong(f"The audio lasts longer than {self._limits.max_duration_s:.0f} s.", "file")
            if decoded_bytes > self._limits.max_decoded_bytes:
                raise _too_large(self._limits)
            self._fifo.write(frame)
            if self._fifo.samples >= _BLOCK_SAMPLES:
                block = self._resample(self._fifo.read())
                samples_out += len(block) // 2
                yield block
        block = self._flush() if shape is not None else b""
        if samples_out + len(block) // 2 == 0:
            raise AudioEmpty("The file holds no audio samples.", "file")
        yield block

    def _flush(self) -> bytes:
        rest = self._resample(self._fifo.read()) if self._fifo.samples else b""
        rest += self._resample(None)
        self._fifo, self._resampler = AudioFifo(), self._new_resampler()
        return rest

    def _resample(self, frame: Any) -> bytes:
        return b"".join(part.to_ndarray().tobytes() for part in self._resampler.resample(frame))


def _checked(frame: Any) -> Any:
    """Refuse NaN and infinity, clip what is absurdly loud; integer samples can be neither."""
    dtype = _FLOATS.get(frame.format.name)
    if dtype is None:
        return frame
    # Not to_ndarray(): with 8 planes PyAV 18.1 reads a ninth, past the end of the array of planes, and crashes.
    if frame.format.is_planar:
        planes = frame.planes[: frame.layout.nb_channels]
        samples = np.stack([np.frombuffer(plane, dtype, frame.samples) for plane in planes], axis=1)
    else:
        samples = np.frombuffer(frame.planes[0], dtype, frame.samples * frame.layout.nb_channels)
    peak = max(float(samples.max()), -float(samples.min()))
    if not math.isfinite(peak):
        raise AudioNotFinite("The audio holds samples that are NaN or infinite.", "file")
    if peak <= _OVERSHOOT:
        return frame
    packed = np.clip(samples, -1.0, 1.0).reshape(1, -1)
    clipped = av.AudioFrame.from_ndarray(packed, format=frame.format.packed.name, layout=frame.layout)
    clipped.sample_rate = frame.sample_rate
    return clipped


_FLOATS: Final[dict[str, type[np.float32] | type[np.float64]]] = {
    "flt": np.float32,
    "fltp": np.float32,
    "dbl": np.float64,
    "dblp": np.float64,
}
