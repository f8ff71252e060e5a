"""The disturbances that the benchmark makes, on made sound."""

import numpy as np
import pytest

from benchmarks.preprocessing import _level, _prepared, _speech_rms
from smartlite.domain.asr import Preprocessing


def test_levels_are_those_of_speech_without_its_pauses() -> None:
    sound = np.sin(np.arange(8_000) / 3)
    samples = _level(np.concatenate([sound, np.zeros(40_000)]), -30)
    assert 20 * np.log10(_speech_rms(samples)) == pytest.approx(-30, abs=0.01)
    assert np.abs(samples).max() == pytest.approx(10 ** (-27 / 20), rel=0.01)


def test_what_a_step_does_reaches_the_engine_and_nothing_else_does() -> None:
    samples = _level(np.sin(np.arange(16_000) / 3), -50)
    plain = np.frombuffer(_prepared(samples, Preprocessing(False, False, False))[44:], "<i2")
    louder = np.frombuffer(_prepared(samples, Preprocessing(True, False, False))[44:], "<i2")
    assert len(plain) == len(louder) == 32_000
    assert np.std(louder[1_000:-1_000]) / np.std(plain[1_000:-1_000]) == pytest.approx(10 ** (27 / 20), rel=0.02)
