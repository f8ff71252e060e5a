"""Mixing to mono and resampling, measured on tones."""

import numpy as np
import pytest
from numpy.typing import NDArray

from smartlite.codecs.decode import decode_pcm
from smartlite.codecs.limits import AudioLimits
from tests.codecs import hostile

LIMITS = AudioLimits()
RATE_HZ = 16_000


def tone(pitch_hz: float, sample_rate_hz: int, seconds: float = 1.0, peak: float = 0.5) -> NDArray[np.float64]:
    return peak * np.sin(2 * np.pi * pitch_hz / sample_rate_hz * np.arange(int(seconds * sample_rate_hz)))


def heard(channels: list[NDArray[np.float64]], sample_rate_hz: int) -> NDArray[np.float64]:
    """What is left after the gate of a 16-bit WAV of some channels."""
    pcm = np.round(np.stack(channels, axis=1) * 32767).astype("<i2").tobytes()
    data = hostile.make_wav(pcm, sample_rate_hz=sample_rate_hz, channels=len(channels))
    return np.frombuffer(b"".join(decode_pcm(data, "wav", LIMITS, RATE_HZ)), "<i2") / 32768


def level_db(samples: NDArray[np.float64]) -> float:
    """Against a tone of peak 0.5, without the ends."""
    return float(10 * np.log10(np.mean(samples[800:-800] ** 2) / 0.125 + 1e-15))


@pytest.mark.parametrize("sample_rate_hz", [22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("pitch_hz", [8_300, 9_000, 10_000, 10_900])
def test_a_tone_above_what_can_be_kept_does_not_come_back_as_another(sample_rate_hz: int, pitch_hz: int) -> None:
    assert level_db(heard([tone(pitch_hz, sample_rate_hz)], sample_rate_hz)) < -70


@pytest.mark.parametrize("sample_rate_hz", [22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("pitch_hz", [50, 300, 1_000, 3_400, 6_000, 7_000])
def test_tones_that_can_be_kept_are_as_loud_as_before(sample_rate_hz: int, pitch_hz: int) -> None:
    assert abs(level_db(heard([tone(pitch_hz, sample_rate_hz)], sample_rate_hz))) < 0.1


def test_telephone_sound_has_no_image_above_4_khz() -> None:
    spectrum = np.abs(np.fft.rfft(heard([tone(3_000, 8_000)], 8_000)[800:-800] * np.hanning(RATE_HZ - 1600)))
    pitches_hz = np.fft.rfftfreq(RATE_HZ - 1600, 1 / RATE_HZ)
    image = spectrum[pitches_hz > 4_200].max() / spectrum.max()
    assert 20 * np.log10(image) < -70


@pytest.mark.parametrize("right", [1.0, -1.0, -0.9, 0.0])
def test_no_pair_of_channels_vanishes(right: float) -> None:
    left = tone(440, 48_000)
    level = level_db(heard([left, right * left], 48_000))
    assert level == pytest.approx(20 * np.log10((1 + abs(right)) / 2), abs=0.1)


def test_channels_that_differ_are_both_heard() -> None:
    spectrum = np.abs(np.fft.rfft(heard([tone(440, 48_000), tone(1_000, 48_000)], 48_000)))
    assert spectrum[440] == pytest.approx(spectrum[1_000], rel=0.02)
    assert spectrum[440] == pytest.approx(0.25 * RATE_HZ / 2, rel=0.02)


def test_a_recording_whose_channels_become_opposed_half_way_neither_vanishes_nor_clicks() -> None:
    left = tone(440, 48_000, 4.0)
    right = np.concatenate([left[:96_000], -left[96_000:]])
    samples = heard([left, right], 48_000)
    # The gate looks at a third of a second at a time: one look may hold both halves.
    loudness = np.sqrt(np.mean(samples[: 160 * 400].reshape(-1, 160) ** 2, axis=1))
    assert (loudness > 0.2).mean() > 0.9
    step = np.abs(np.diff(samples[:31_500])).max()
    assert np.abs(np.diff(samples)).max() < 4 * step


def test_six_channels_are_mixed_without_clipping() -> None:
    samples = heard([tone(440, 48_000, peak=0.9)] * 6, 48_000)
    assert 0.3 < np.abs(samples[800:-800]).max() <= 1.0
    assert np.abs(np.fft.rfft(samples))[1_000:].max() < 0.01 * RATE_HZ
