"""What headers say of times, and how long a recording may be before anybody has decoded it."""

import pytest

from benchmarks.clips import wav
from smartlite.api.spending import duration
from smartlite.domain.audio import EncodedAudio
from smartlite.domain.estimates import most_audio_s


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0119, "12ms"),
        (0.9999, "1000ms"),
        (1, "1s"),
        (1.21, "1.3s"),
        (60, "1m0s"),
        (359.2, "6m0s"),
        (3725, "62m5s"),
    ],
)
def test_a_duration_is_written_as_openai_does_and_never_shorter(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_wav_is_as_long_as_its_header_and_size_say() -> None:
    assert most_audio_s(EncodedAudio(wav(bytes(2 * 16_000 * 3), 16_000)), 1800) == pytest.approx(3, abs=0.01)
    assert most_audio_s(EncodedAudio(wav(bytes(2 * 8_000 * 3), 8_000)), 1800) == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize(
    "data",
    [b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt ", b"ID3" + bytes(100), wav(b"", 16_000)[:30] + bytes(6)],
)
def test_whatever_is_no_plain_wav_is_as_long_as_its_size_may_be(data: bytes) -> None:
    assert most_audio_s(EncodedAudio(data), 1800) == len(data) / 2000


def test_no_recording_is_longer_than_what_is_taken() -> None:
    assert most_audio_s(EncodedAudio(bytes(25_000_000)), 1800) == 1800
