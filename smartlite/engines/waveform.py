"""What is done to a spoken sentence before it leaves an engine: silence, tempo, level. Must not know models.

All functions take and give mono float32 samples of shape (n,).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

LEVEL_DBFS: Final = -20.0
"""RMS of the active part of each sentence, between broadcast and telephone levels."""
PEAK: Final = 0.89
"""Highest sample, -1 dBFS: room for what a lossy codec adds."""

_QUIET: Final = 0.02  # of the peak
_MAX_GAIN: Final = 10.0


def trim_silence(samples: Samples, sample_rate_hz: int, head_s: float = 0.04, tail_s: float = 0.15) -> Samples:
    """Leave at most ``head_s`` before and ``tail_s`` after what is louder than 2 % of the peak.

    VITS draws its durations at random: en_US-joe began with 60 ms of silence as a rule, with 370 ms at times.
    """
    loud = np.flatnonzero(np.abs(samples) > _QUIET * np.max(np.abs(samples), initial=0.0))
    if loud.size == 0:
        return samples
    start = max(0, int(loud[0]) - int(head_s * sample_rate_hz))
    trimmed: Samples = samples[start : int(loud[-1]) + 1 + int(tail_s * sample_rate_hz)]
    return trimmed


def set_level(samples: Samples, sample_rate_hz: int) -> Samples:
    """Bring the active part to LEVEL_DBFS, or as near as PEAK allows.

    Not to full scale by the peak, as Piper does: one loud plosive then makes its sentence quieter than the next.
    """
    frame = max(1, sample_rate_hz // 50)
    whole = samples[: len(samples) - len(samples) % frame].reshape(-1, frame)
    if not whole.size:
        return np.clip(samples, -PEAK, PEAK).astype(np.float32)
    power = np.mean(np.square(whole, dtype=np.float64), axis=1)
    active = power[power > power.max() * 1e-3]
    if not active.size:
        return np.clip(samples, -PEAK, PEAK).astype(np.float32)
    gain = min(
        10 ** (LEVEL_DBFS / 20) / float(np.sqrt(active.mean())),
        PEAK / float(np.max(np.abs(samples))),
        _MAX_GAIN,
    )
    levelled: Samples = np.clip(samples * gain, -PEAK, PEAK).astype(np.float32)
    return levelled


def change_tempo(samples: Samples, sample_rate_hz: int, factor: float) -> Samples:
    """Shorten (factor > 1) or lengthen speech at the same pitch.

    WSOLA (Verhelst and Roelands, ICASSP 1993): windows of 30 ms, overlapped by half, each taken where it continues
    the one before best, within 8 ms of its place.

    Returns:
        Shape (about n / factor,).
    """
    half = max(1, int(0.015 * sample_rate_hz))
    reach = int(0.008 * sample_rate_hz)
    if abs(factor - 1) < 0.02 or len(samples) < 4 * (half + reach):
        return samples
    window = np.hanning(2 * half + 1)[:-1].astype(np.float32)
    padded = np.concatenate([np.zeros(reach, np.float32), samples, np.zeros(2 * half + reach + half, np.float32)])
    count = int(len(samples) / factor / half)
    stretched = np.zeros((count + 1) * half, np.float32)
    stretched[:half] = samples[:half] * window[half:]  # the first window has no predecessor to fade from
    at = reach
    for index in range(count):
        if index:
            ideal = padded[at + half : at + 2 * half]
            place = reach + int(index * half * factor)
            low = place - reach
            candidates = padded[low : place + reach + half]
            if len(candidates) < half:
                break
            at = low + int(np.argmax(np.correlate(candidates, ideal, mode="valid")))
        segment = padded[at : at + 2 * half]
        if len(segment) < 2 * half:
            break
        stretched[index * half : (index + 2) * half] += segment * window
    return stretched
