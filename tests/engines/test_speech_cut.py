"""Where somebody speaks: what is kept around speech, and times that lead back into the recording."""

from collections.abc import Callable

import numpy as np
import pytest

from smartlite.domain.audio import AudioChunk
from smartlite.engines.speech_cut import Speech, SpeechCut, widen

RATE_HZ = 16_000


@pytest.mark.parametrize(
    ("stretches", "wide"),
    [
        ([], []),
        ([(500, 600)], [(470, 610)]),
        ([(10, 995)], [(0, 1000)]),
        ([(100, 200), (300, 400)], [(70, 210), (270, 410)]),
        # 20 samples of silence for 40 wanted: one part of four for the end, three for the beginning.
        ([(100, 200), (220, 400)], [(70, 205), (205, 410)]),
    ],
)
def test_both_ends_are_widened_and_never_overlap(stretches: list[tuple[int, int]], wide: list[tuple[int, int]]) -> None:
    given = [{"start": start, "end": end} for start, end in stretches]
    found = widen(given, before=30, after=10, length=1000)
    assert [(stretch["start"], stretch["end"]) for stretch in found] == wide


def test_everything_is_speech_without_a_cut() -> None:
    speech = Speech(np.zeros(RATE_HZ, np.float32), None)
    assert speech.stretches == [{"start": 0, "end": RATE_HZ}]
    assert [speech.original_s(time_s) for time_s in (-1.0, 0.25, 30.0)] == [0.0, 0.25, 1.0]
    assert Speech(np.zeros(0, np.float32), None).stretches == []


@pytest.mark.models
def test_pauses_are_cut_as_asked_and_times_lead_back(espeak: Callable[..., AudioChunk]) -> None:
    spoken = espeak("The garden has many trees.").samples
    pause = np.zeros(RATE_HZ, np.float32)
    samples = np.concatenate([pause, spoken, pause, spoken, pause])
    kept = Speech(samples, SpeechCut(0.5, 2.0, 0.4, 0.4))
    assert len(kept.stretches) == 1
    cut = Speech(samples, SpeechCut(0.5, 0.3, 0.2, 0.1))
    assert len(cut.stretches) == 2
    assert len(cut.samples) < len(kept.samples) < len(samples)
    first_end = cut.stretches[0]["end"] - cut.stretches[0]["start"]
    second_s = cut.original_s(first_end / RATE_HZ + 0.2)
    assert second_s == pytest.approx(2 + len(spoken) / RATE_HZ, abs=0.3)
    assert cut.original_s(first_end / RATE_HZ, is_end=True) == pytest.approx(
        cut.stretches[0]["end"] / RATE_HZ, abs=0.02
    )
    assert cut.original_frame(0) == pytest.approx(cut.stretches[0]["start"] / 160, abs=1)
