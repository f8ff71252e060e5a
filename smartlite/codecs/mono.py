"""Decoded frames of any shape to mono PCM at one rate: checked, mixed, resampled. Must not know files or processes."""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Final

import av
import numpy as np
from av.audio.fifo import AudioFifo
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from smartlite.codecs.limits import AudioLimits, check_shape, too_large
from smartlite.errors import AudioEmpty, AudioNotFinite, AudioTooLong

_BLOCK_SAMPLES: Final = 16_384
"""Samples resampled at once: 25 % faster than frame by frame (30 s of mp3: 32 ms against 41 ms)."""

_OVERSHOOT: Final = 4.0
"""Lossy codecs overshoot full scale a little, and the resampler clips that; from here (12 dB) on a frame is clipped
before the resampler, whose sums of such values overflow."""

_RESAMPLER: Final = "filter_size=128:cutoff=0.96"
"""ffmpeg's own with a longer filter (PyAV's wheels have no soxr): at 16 kHz a tone of 8.2 kHz is 96 dB down and one of
7.5 kHz 0.5 dB, against 15 dB and 2.9 dB by default; a minute costs 45 ms against 33 ms (measured, 48 kHz)."""

_OPPOSED: Final = 10.0
"""Times more energy in the difference of two channels than in their sum, from which they are taken for opposed."""
_FADE_S: Final = 0.01


class MonoMixer:
    """Checks frames as they come, mixes them to mono and resamples them."""

    def __init__(self, limits: AudioLimits, sample_rate_hz: int) -> None:
        self._limits = limits
        self._sample_rate_hz = sample_rate_hz
        self._fifo = AudioFifo()
        self._stereo: _StereoMixer | None = None
        self._graph: Any = None

    def convert(self, frames: Iterator[Any]) -> Iterator[bytes]:
        """Yield blocks of signed 16-bit samples.

        Raises:
            AudioEmpty: 400, not one sample.
            AudioTooLong, AudioTooLarge: 413, counted.
            AudioInvalid, SampleRateUnsupported, ChannelsUnsupported, AudioNotFinite: 422.
        """
        shape: tuple[str, str, int] | None = None
        duration_s, decoded_bytes, samples_out = 0.0, 0, 0
        for raw in frames:
            if raw.samples == 0:
                continue
            check_shape(raw.sample_rate, raw.layout.nb_channels, self._limits)
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
                raise too_large(self._limits)
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
        if self._graph is not None:
            self._graph.push(None)
            rest += self._pull()
        self._fifo, self._stereo, self._graph = AudioFifo(), None, None
        return rest

    def _resample(self, block: Any) -> bytes:
        if block.layout.nb_channels == 2:
            self._stereo = self._stereo or _StereoMixer(block.sample_rate)
            block = self._stereo.mix(block)
        if self._graph is None:
            self._graph = _resampling_graph(block, self._sample_rate_hz)
        block.pts = None
        self._graph.push(block)
        return self._pull()

    def _pull(self) -> bytes:
        parts: list[bytes] = []
        while True:
            try:
                parts.append(self._graph.pull().to_ndarray().tobytes())
            except (av.BlockingIOError, av.EOFError):
                return b"".join(parts)


def _resampling_graph(block: Any, sample_rate_hz: int) -> Any:
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        format=block.format.name,
        layout=block.layout.name,
        sample_rate=block.sample_rate,
        time_base=Fraction(1, block.sample_rate),
    )
    resample = graph.add("aresample", f"{sample_rate_hz}:{_RESAMPLER}")
    shape = graph.add("aformat", f"sample_fmts=s16:channel_layouts=mono:sample_rates={sample_rate_hz}")
    sink = graph.add("abuffersink")
    source.link_to(resample)
    resample.link_to(shape)
    shape.link_to(sink)
    graph.configure()
    return graph


class _StereoMixer:
    """Half the sum of two channels; half their difference where they are opposed, since the sum would be silence."""

    def __init__(self, sample_rate_hz: int) -> None:
        self._to_float = AudioResampler(format="fltp", layout="stereo")
        self._fade = int(_FADE_S * sample_rate_hz)
        self._sign: float | None = None

    def mix(self, block: Any) -> Any:
        planes: NDArray[np.float32] = np.concatenate(
            [part.to_ndarray() for part in self._to_float.resample(block)], axis=1
        )
        left, right = planes[0], planes[1] * self._signs(planes)
        frame = av.AudioFrame.from_ndarray(((left + right) / 2).reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = block.sample_rate
        return frame

    def _signs(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the right channel is taken with, shape (n,): fades where it changes, so that nothing clicks."""
        together = float(np.square(planes[0] + planes[1], dtype=np.float64).sum())
        apart = float(np.square(planes[0] - planes[1], dtype=np.float64).sum())
        before = self._sign
        sign = 1.0 if before is None else before
        if apart > _OPPOSED * together:
            sign = -1.0
        elif together > _OPPOSED * apart:
            sign = 1.0
        self._sign = sign
        signs = np.full(planes.shape[1], sign, np.float32)
        if before is not None and before != sign:
            fade = signs[: self._fade]
            fade[:] = np.linspace(before, sign, len(fade), dtype=np.float32)
        return signs


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
