"""Trimming, noise reduction and loudness, measured on made sound."""

from threading import Event

import numpy as np
import pytest
from numpy.typing import NDArray

from smartlite.codecs.preprocessing import Prepared, Stopped, prepare
from smartlite.domain.asr import Preprocessing
from smartlite.domain.audio import AudioChunk

RATE_HZ = 16_000
OFF = {"loudness": False, "trim_silence": False, "denoise": False}


def speech(level_dbfs: float, seconds: float = 4.0) -> NDArray[np.float32]:
    """Bursts of 0.25 s of a harmonic sound with pauses as long, as loud as asked for while it sounds."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    sound = sum(np.sin(2 * np.pi * 150 * n * time_s) / n for n in range(1, 20)) * (np.floor(time_s * 4) % 2 == 0)
    return (sound / rms(sound[sound != 0]) * 10 ** (level_dbfs / 20)).astype(np.float32)


def noise(level_dbfs: float, count: int) -> NDArray[np.float32]:
    return np.random.default_rng(5).normal(0, 10 ** (level_dbfs / 20), count).astype(np.float32)


def rms(samples: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


def dbfs(samples: NDArray[np.floating]) -> float:
    return 20 * np.log10(rms(samples) + 1e-12)


def done(samples: NDArray[np.float32], **asked: bool | None) -> Prepared:
    return prepare(AudioChunk(samples, RATE_HZ), Preprocessing(**asked), Event())


@pytest.mark.parametrize("level_dbfs", [-60, -50, -35, -10])
def test_speech_of_any_loudness_is_brought_to_one(level_dbfs: float) -> None:
    samples = done(speech(level_dbfs), **{**OFF, "loudness": True}).audio.samples
    assert dbfs(samples[samples != 0]) == pytest.approx(-23, abs=0.5)


def test_a_click_among_quiet_speech_does_not_keep_it_quiet_and_stays_within_full_scale() -> None:
    sent = speech(-50)
    sent[30_000:30_080] = 0.9
    samples = done(sent, **{**OFF, "loudness": True}).audio.samples
    assert dbfs(samples[:4000]) == pytest.approx(-23, abs=1.5)
    assert np.abs(samples).max() <= 1.0


def test_peaks_are_bent_and_not_clipped() -> None:
    sent = speech(-50)
    sent[30_000:30_080] = np.linspace(-0.06, 0.06, 80)
    samples = done(sent, **{**OFF, "loudness": True}).audio.samples
    assert 0.8 < np.abs(samples).max() < 1.0
    assert (np.diff(samples[30_000:30_080]) > 0).all()


@pytest.mark.parametrize("sent", [np.zeros(RATE_HZ, np.float32), noise(-90, RATE_HZ), np.zeros(0, np.float32)])
def test_nothing_is_done_to_silence(sent: NDArray[np.float32]) -> None:
    prepared = done(sent, loudness=True, trim_silence=True, denoise=True)
    np.testing.assert_array_equal(prepared.audio.samples, sent)
    assert prepared.offset_s == 0.0


def test_left_to_itself_it_brings_up_quiet_speech_and_changes_nothing_else() -> None:
    assert dbfs(done(speech(-65)).audio.samples[:4000]) == pytest.approx(-23, abs=0.5)
    for level_dbfs in (-55, -30, -20, -12):
        sent = speech(level_dbfs) + noise(level_dbfs - 20, 4 * RATE_HZ)
        np.testing.assert_array_equal(done(sent).audio.samples, sent)
    np.testing.assert_array_equal(done(speech(-65), **OFF).audio.samples, speech(-65))


def test_what_is_trimmed_is_the_silence_at_both_ends_and_its_length_is_told() -> None:
    silence = np.zeros(3 * RATE_HZ, np.float32)
    sent = np.concatenate([silence, speech(-25), silence]) + noise(-75, 10 * RATE_HZ)
    prepared = done(sent, **{**OFF, "trim_silence": True})
    assert prepared.offset_s == pytest.approx(2.75, abs=0.03)
    first = round(prepared.offset_s * RATE_HZ)
    np.testing.assert_array_equal(prepared.audio.samples, sent[first : first + len(prepared.audio.samples)])
    assert prepared.audio.duration_s == pytest.approx(4.25, abs=0.05)  # the last quarter of a second is a pause


def test_speech_that_fills_a_recording_is_not_trimmed() -> None:
    sent = speech(-25, 3.25)
    prepared = done(sent, **{**OFF, "trim_silence": True})
    assert (prepared.offset_s, len(prepared.audio.samples)) == (0.0, len(sent))


def test_steady_noise_is_reduced_and_speech_stays_in_its_place() -> None:
    clean = np.concatenate([np.zeros(2 * RATE_HZ, np.float32), speech(-23)])
    sent = clean + noise(-38, len(clean))
    samples = done(sent, **{**OFF, "denoise": True}).audio.samples
    assert len(samples) == len(sent)
    assert dbfs(samples[RATE_HZ : 2 * RATE_HZ]) < -46
    shifts = {shift: float(np.dot(np.roll(samples, shift), clean)) for shift in range(-60, 61)}
    assert max(shifts, key=lambda shift: shifts[shift]) == 0


@pytest.mark.parametrize(("ratio_db", "is_reduced"), [(20, False), (10, True), (5, True)])
def test_left_to_itself_it_reduces_steady_noise_that_nearly_drowns_speech(ratio_db: float, is_reduced: bool) -> None:
    sent = speech(-25) + noise(-25 - ratio_db, 4 * RATE_HZ)
    pause = slice(RATE_HZ * 9 // 4 + 2_000, RATE_HZ * 10 // 4 - 800)
    change_db = dbfs(done(sent).audio.samples[pause]) - dbfs(sent[pause])
    assert change_db < -6 if is_reduced else change_db == 0


def test_noise_that_comes_and_goes_and_noise_alone_are_left_as_they_are() -> None:
    swelling = noise(-30, 4 * RATE_HZ) * (1 + 0.6 * np.sin(np.arange(4 * RATE_HZ) / RATE_HZ * 9)).astype(np.float32)
    for sent in (speech(-25) + swelling, noise(-30, 4 * RATE_HZ), np.full(RATE_HZ, 0.1, np.float32)):
        np.testing.assert_array_equal(done(sent).audio.samples, sent)


def test_recordings_shorter_than_a_frame_pass() -> None:
    for count in (1, 5, 319, 321):
        sent = np.full(count, 0.3, np.float32)
        samples = done(sent, loudness=True, trim_silence=True, denoise=True).audio.samples
        assert len(samples) == count
        assert np.isfinite(samples).all()


def test_the_samples_that_were_sent_are_left_as_they_are() -> None:
    sent = speech(-50)
    before = sent.copy()
    done(sent, loudness=True, trim_silence=True, denoise=True)
    np.testing.assert_array_equal(sent, before)


@pytest.mark.parametrize("step", ["loudness", "denoise"])
def test_a_step_ends_when_nobody_waits(step: str) -> None:
    stopped = Event()
    stopped.set()
    with pytest.raises(Stopped):
        prepare(AudioChunk(speech(-50), RATE_HZ), Preprocessing(**{**OFF, step: True}), stopped)
