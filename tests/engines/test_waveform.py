import numpy as np
import pytest

from smartlite.engines.waveform import PEAK, Samples, change_tempo, set_level, trim_silence

RATE_HZ = 22_050


def tone(duration_s: float, pitch_hz: float = 200.0, peak: float = 0.3) -> Samples:
    times = np.arange(int(duration_s * RATE_HZ)) / RATE_HZ
    return (peak * np.sin(2 * np.pi * pitch_hz * times)).astype(np.float32)


def silence(duration_s: float) -> Samples:
    return np.zeros(int(duration_s * RATE_HZ), np.float32)


def pitch_hz(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * RATE_HZ / len(samples)


def test_silence_around_speech_is_cut_to_its_margins() -> None:
    trimmed = trim_silence(np.concatenate([silence(0.4), tone(1), silence(0.5)]), RATE_HZ)

    assert len(trimmed) / RATE_HZ == pytest.approx(1 + 0.04 + 0.15, abs=0.01)


def test_silence_alone_stays_as_it_is() -> None:
    assert not trim_silence(silence(0.2), RATE_HZ).any()
    assert not set_level(silence(0.2), RATE_HZ).any()
    assert set_level(np.zeros(0, np.float32), RATE_HZ).shape == (0,)


def test_a_quiet_and_a_loud_sentence_leave_with_the_same_level() -> None:
    quiet, loud = set_level(tone(1, peak=0.05), RATE_HZ), set_level(tone(1, peak=0.9), RATE_HZ)

    np.testing.assert_allclose(quiet, loud, atol=1e-3)
    assert np.sqrt(np.mean(loud**2)) == pytest.approx(0.1, rel=0.01)


def test_the_pauses_of_a_sentence_do_not_make_it_louder() -> None:
    plain = set_level(tone(1), RATE_HZ)
    paused = set_level(np.concatenate([tone(0.5), silence(2), tone(0.5)]), RATE_HZ)

    assert np.max(np.abs(paused)) == pytest.approx(np.max(np.abs(plain)), rel=0.05)


def test_no_sample_passes_the_peak() -> None:
    click = tone(1, peak=0.05)
    click[5000] = 3.0

    assert np.max(np.abs(set_level(click, RATE_HZ))) <= np.float32(PEAK)


@pytest.mark.parametrize("factor", [0.5, 0.85, 1.3, 2.0, 2.5])
def test_tempo_changes_the_length_and_keeps_pitch_and_level(factor: float) -> None:
    changed = change_tempo(tone(2), RATE_HZ, factor)

    assert len(changed) / RATE_HZ == pytest.approx(2 / factor, rel=0.05)
    assert pitch_hz(changed) == pytest.approx(200, abs=5)
    middle = changed[2000:-2000]
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.3 / np.sqrt(2), rel=0.05)


def test_tempo_of_something_too_short_to_change_stays() -> None:
    short = tone(0.05)

    assert change_tempo(short, RATE_HZ, 2.0) is short
