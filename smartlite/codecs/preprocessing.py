"""What is done to samples before they are recognised: silence trimmed, noise reduced, loudness evened out.

Must not know event loops, engines or requests. Blocks; looks at ``stopped`` every few milliseconds of work.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from threading import Event
from typing import Any, Final

import av
import numpy as np
from numpy.typing import NDArray

from smartlite.domain.asr import Preprocessing
from smartlite.domain.audio import AudioChunk

_FRAME_S: Final = 0.02
_BLOCK_S: Final = 5.0
"""Worked on between two looks at ``stopped``: 20 ms of noise reduction."""

_TARGET_DBFS: Final = -23.0
"""Of speech alone: EBU R 128's target for programmes."""
_QUIET_DBFS: Final = -60.0
"""Speech below this is brought up unasked. Measured on whisper-base: at -72 dBFS 6.7 % of the words were wrong, 1.6 %
once brought up; down to -60 dBFS it made no difference."""
_NOTHING_DBFS: Final = -80.0
"""Below this there is only the noise of converters and codecs; 16 bits end at -98 dBFS."""
_SPEECH_RANGE_DB: Final = 30.0
"""Frames this far below the loudest ones are pauses."""
_KNEE: Final = 0.8
"""Samples above it are bent towards 1 and never reach it."""

_SILENCE_RANGE_DB: Final = 40.0
_KEPT_S: Final = 0.25
"""Of silence at both ends: a recogniser that starts within a word misses it."""

_REDUCTION_DB: Final = 12
_FLOOR_QUANTILE: Final = 0.1
"""Of the frames, the part that is taken for noise alone."""
_FLOOR_MARGIN_DB: Final = 3
"""What ffmpeg's afftdn needs above the true level to take all of a noise; its own tracking of the level (``tn``) left
white noise as it was (measured)."""
_DROWNING_DB: Final = (1.5, 15.0)
"""Speech above steady noise by this much is worth the reduction unasked. Measured on whisper-base: in white noise at
10 dB 9.9 % of the words were wrong, not 21.7 %; at 20 dB as many as without. Below 1.5 dB there is only noise."""
_STEADY_DB: Final = 1.5
"""Spread of the quieter frames (5 to 20 %) up to which noise is steady: white noise has 0.5 to 1.1 dB, six talkers 2.2
to 3.6 dB (measured), and of talkers the reduction makes more errors: 32.5 %, not 20.1 %, at 5 dB."""
_FLOORS_DBFS: Final = (-80.0, -20.0)
"""What afftdn takes; below there is no noise to speak of."""


class Stopped(Exception):
    """Nobody waits for this any more."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Samples that are ready to be recognised."""

    audio: AudioChunk
    offset_s: float
    """What was cut off before them."""


def prepare(audio: AudioChunk, asked: Preprocessing, stopped: Event) -> Prepared:
    """Do the steps that are asked for, and those that are left open where they help.

    Unasked, speech below -60 dBFS is brought up, and steady noise that nearly drowns speech is reduced: see
    ``python -m benchmarks preprocessing``.

    Raises:
        Stopped: ``stopped`` was set.
    """
    powers = _powers(audio)
    speech_dbfs = _speech_dbfs(powers)
    if speech_dbfs < _NOTHING_DBFS:
        return Prepared(audio, 0.0)
    samples, offset = audio.samples, 0
    if asked.trim_silence:
        first, last = _sounding(powers, speech_dbfs, audio)
        samples, offset = samples[first:last], first
    if asked.denoise or (asked.denoise is None and _is_drowned(powers, speech_dbfs)):
        samples = _denoise(samples, _quiet_dbfs(powers, _FLOOR_QUANTILE)[0], audio.sample_rate_hz, stopped)
        speech_dbfs = _speech_dbfs(_powers(AudioChunk(samples, audio.sample_rate_hz)))
    if asked.loudness or (asked.loudness is None and speech_dbfs < _QUIET_DBFS):
        samples = _amplify(samples, _TARGET_DBFS - speech_dbfs, audio.sample_rate_hz, stopped)
    return Prepared(AudioChunk(samples, audio.sample_rate_hz), offset / audio.sample_rate_hz)


def _powers(audio: AudioChunk) -> NDArray[np.float64]:
    """Mean square of every frame, shape (n / frame,), the last one padded with silence."""
    size = max(1, round(_FRAME_S * audio.sample_rate_hz))
    whole = len(audio.samples) // size * size
    frames = audio.samples[:whole].reshape(-1, size)
    powers = np.einsum("ij,ij->i", frames, frames, dtype=np.float64) / size
    rest = audio.samples[whole:].astype(np.float64)
    return np.append(powers, np.square(rest).sum() / size) if len(rest) else powers


def _speech_dbfs(powers: NDArray[np.float64]) -> float:
    """The level of what is not pause. One frame of fifty may be louder than all speech: a click is no speech."""
    if not len(powers):
        return -np.inf
    loud = float(np.quantile(powers, 0.98)) or float(powers.max())
    if loud == 0.0:
        return -np.inf
    speech = np.minimum(powers[powers >= loud * 10 ** (-_SPEECH_RANGE_DB / 10)], loud)
    return float(10 * np.log10(speech.mean()))


def _sounding(powers: NDArray[np.float64], speech_dbfs: float, audio: AudioChunk) -> tuple[int, int]:
    """First sample that is kept, and the one after the last."""
    sounds = np.flatnonzero(powers > 10 ** ((speech_dbfs - _SILENCE_RANGE_DB) / 10))
    kept = round(_KEPT_S * audio.sample_rate_hz)
    size = round(_FRAME_S * audio.sample_rate_hz)
    first = max(0, int(sounds[0]) * size - kept)
    return first, min(len(audio.samples), (int(sounds[-1]) + 1) * size + kept)


def _amplify(samples: NDArray[np.float32], gain_db: float, sample_rate_hz: int, stopped: Event) -> NDArray[np.float32]:
    gain = np.float32(10 ** (gain_db / 20))
    louder = np.empty_like(samples)
    for start, block in _blocks(samples, sample_rate_hz, stopped):
        part = louder[start : start + len(block)]
        np.multiply(block, gain, out=part)
        over = np.abs(part) > _KNEE
        bent = _KNEE + (1 - _KNEE) * np.tanh((np.abs(part[over]) - _KNEE) / (1 - _KNEE))
        part[over] = np.copysign(bent, part[over])
    return louder


def _quiet_dbfs(powers: NDArray[np.float64], *parts: float) -> tuple[float, ...]:
    """The levels that these parts of the frames stay below, those that are mere zeros left out."""
    sounding = powers[powers > 10 ** (_NOTHING_DBFS / 10)]
    return tuple(10 * np.log10(np.quantile(sounding, parts))) if len(sounding) else (-np.inf,) * len(parts)


def _is_drowned(powers: NDArray[np.float64], speech_dbfs: float) -> bool:
    quietest, noise, quiet = _quiet_dbfs(powers, 0.05, _FLOOR_QUANTILE, 0.2)
    least, most = _DROWNING_DB
    return least < speech_dbfs - noise < most and quiet - quietest < _STEADY_DB


def _denoise(
    samples: NDArray[np.float32], noise_dbfs: float, sample_rate_hz: int, stopped: Event
) -> NDArray[np.float32]:
    """As many samples, in their places."""
    lowest, highest = _FLOORS_DBFS
    if noise_dbfs < lowest:
        return samples
    graph = av.filter.Graph()
    source = graph.add_abuffer(
        format="flt", layout="mono", sample_rate=sample_rate_hz, time_base=Fraction(1, sample_rate_hz)
    )
    denoiser = graph.add("afftdn", f"nr={_REDUCTION_DB}:nf={min(noise_dbfs + _FLOOR_MARGIN_DB, highest):.1f}")
    sink = graph.add("abuffersink")
    source.link_to(denoiser)
    denoiser.link_to(sink)
    graph.configure()
    # The filter gives as much as it takes and says nothing of its delay: two of its steps of 1/80 s (measured).
    delay = sample_rate_hz // 80 * 2
    parts: list[NDArray[np.float32]] = []
    for start, block in _blocks(np.append(samples, np.zeros(delay, np.float32)), sample_rate_hz, stopped):
        frame: Any = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = sample_rate_hz
        frame.pts = start
        graph.push(frame)
        parts.extend(_pull(graph))
    graph.push(None)
    parts.extend(_pull(graph))
    return np.concatenate(parts)[delay:]


def _pull(graph: Any) -> Iterator[NDArray[np.float32]]:
    while True:
        try:
            yield graph.pull().to_ndarray()[0]
        except (av.BlockingIOError, av.EOFError):
            return


def _blocks(
    samples: NDArray[np.float32], sample_rate_hz: int, stopped: Event
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    size = round(_BLOCK_S * sample_rate_hz)
    for start in range(0, len(samples), size):
        if stopped.is_set():
            raise Stopped
        yield start, samples[start : start + size]
