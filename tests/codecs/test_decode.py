"""The audio gate in process: sniffing, limits, decoding."""

import contextlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from smartlite.codecs.decode import decode_pcm
from smartlite.codecs.limits import AudioLimits
from smartlite.codecs.sniff import Container, sniff_container
from smartlite.errors import (
    AudioEmpty,
    AudioInvalid,
    AudioTooLarge,
    AudioTooLong,
    RequestTooLarge,
    SmartLiteError,
    Unprocessable,
    UnsupportedMediaType,
)
from tests.codecs import hostile

LIMITS = AudioLimits()


def decode(data: bytes, limits: AudioLimits = LIMITS, sample_rate_hz: int = 16_000) -> NDArray[np.float64]:
    blocks = decode_pcm(data, sniff_container(data, limits), limits, sample_rate_hz)
    return np.frombuffer(b"".join(blocks), "<i2") / 32768


@pytest.mark.parametrize("name", hostile.HOSTILE)
def test_a_hostile_file_is_refused_with_its_own_error(name: str) -> None:
    data, expected = hostile.HOSTILE[name]
    with pytest.raises(SmartLiteError) as caught:
        decode(data)
    assert type(caught.value) is expected
    assert caught.value.param == "file"


@pytest.mark.parametrize("name", hostile.HOSTILE)
def test_a_refusal_names_no_library_and_no_path(name: str) -> None:
    with pytest.raises(SmartLiteError) as caught:
        decode(hostile.HOSTILE[name][0])
    assert not any(word in caught.value.message for word in ("av.", "ffmpeg", "Errno", "/", "none"))


@pytest.mark.parametrize("name", hostile.HARMLESS)
def test_an_odd_file_gives_the_sound_that_it_holds(name: str) -> None:
    data, seconds = hostile.HARMLESS[name]
    samples = decode(data)
    assert len(samples) / 16_000 == pytest.approx(seconds, abs=0.08)
    assert np.isfinite(samples).all()
    assert 0.2 < np.abs(samples).max() <= 1.0


@pytest.mark.parametrize("container", ["wav", "mp3", "ogg", "flac", "mov", "matroska", "aac", "mpeg"])
@pytest.mark.parametrize("text", ["ffconcat", "playlist"])
def test_no_demuxer_opens_the_file_that_a_text_names(tmp_path: Path, container: Container, text: str) -> None:
    # Opening a pipe that nobody writes to would block, and a reader would be found by the open for writing.
    secret = tmp_path / "secret.wav"
    os.mkfifo(secret)
    data = hostile.make_concat(str(secret)) if text == "ffconcat" else hostile.make_playlist(secret.as_uri())
    with pytest.raises(AudioInvalid):
        list(decode_pcm(data, container, LIMITS, 16_000))
    with pytest.raises(OSError, match="No such device"):
        os.open(secret, os.O_WRONLY | os.O_NONBLOCK)


def test_a_playlist_that_names_a_real_recording_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.wav").write_bytes(hostile.HARMLESS["a WAV"][0])
    for data in (
        hostile.make_concat(str(tmp_path / "secret.wav")),
        hostile.make_playlist((tmp_path / "secret.wav").as_uri()),
    ):
        with pytest.raises(UnsupportedMediaType):
            decode(data)


def test_a_declared_hour_is_refused_before_it_is_decoded() -> None:
    # Cut after 16 kB, the file holds a minute or so: counting samples would take it.
    with pytest.raises(AudioTooLong, match="3600 s"):
        decode(hostile.HOSTILE["an hour of silence, declared"][0][:16_000])


@pytest.mark.parametrize(
    ("muxer", "encoder", "seekable"),
    [
        ("wav", "pcm_s16le", True),
        ("mp3", "libmp3lame", True),
        ("mp3", "libmp3lame", False),
        ("adts", "aac", True),
        ("ipod", "aac", True),
        ("ogg", "libopus", True),
        ("webm", "libopus", True),
        ("webm", "libopus", False),
        ("mpeg", "mp2", True),
    ],
)
def test_every_container_is_held_to_the_duration_limit(muxer: str, encoder: str, seekable: bool) -> None:
    data = hostile.make_media(muxer, encoder, seconds=4, seekable=seekable)
    assert len(decode(data, AudioLimits(max_duration_s=4.2))) == pytest.approx(64_000, abs=1_600)
    with pytest.raises(AudioTooLong):
        decode(data, AudioLimits(max_duration_s=3.8))


def test_an_mp3_is_not_refused_for_a_duration_that_was_only_guessed() -> None:
    # From its first frames' bit rate ffmpeg guesses 27 s for these 9 s.
    options = {"write_xing": "0", "id3v2_version": "0"}
    quiet = hostile.make_media("mp3", "libmp3lame", sample_rate_hz=24_000, bit_rate=8_000, options=options)
    loud = hostile.make_media("mp3", "libmp3lame", sample_rate_hz=24_000, bit_rate=64_000, seconds=8, options=options)
    assert len(decode(quiet + loud, AudioLimits(max_duration_s=20))) == pytest.approx(9 * 16_000, rel=0.03)


def test_the_decoded_size_is_bounded_by_what_the_header_declares() -> None:
    data = hostile.make_wav(bytes(8 * 2 * 48_000), channels=8, sample_rate_hz=48_000)
    limits = AudioLimits(max_decoded_bytes=8 * 4 * 48_000)
    assert len(decode(data, limits)) == 16_000
    with pytest.raises(AudioTooLarge):
        decode(data, AudioLimits(max_decoded_bytes=8 * 4 * 48_000 - 1))


def test_the_decoded_size_is_counted_where_the_header_says_nothing() -> None:
    data = hostile.make_media("flac", "flac", bit_rate=None, seekable=False)
    with pytest.raises(AudioTooLarge):
        decode(data, AudioLimits(max_decoded_bytes=48_000 * 4 - 1))


def test_a_file_over_the_size_limit_is_refused_whatever_it_is() -> None:
    with pytest.raises(AudioTooLarge, match="101 bytes; the limit is 100"):
        decode(bytes(101), AudioLimits(max_bytes=100))


def test_samples_of_1e38_become_full_scale() -> None:
    samples = decode(hostile.HARMLESS["samples of 1e38"][0])
    assert samples.max() == pytest.approx(1, abs=1e-4)
    assert samples.min() == -1


def test_channels_are_mixed_to_their_mean() -> None:
    left_only = np.zeros((16_000, 2), "<i2")
    left_only[:, 0] = 8_000
    samples = decode(hostile.make_wav(left_only.tobytes(), channels=2))
    assert samples[4_000:12_000] == pytest.approx(4_000 / 32_768, abs=1e-4)


@pytest.mark.parametrize("sample_rate_hz", [8_000, 22_050, 44_100, 48_000, 96_000])
def test_a_tone_survives_resampling(sample_rate_hz: int) -> None:
    tone = hostile.make_tone(sample_rate_hz, sample_rate_hz)
    samples = decode(hostile.make_wav((tone * 32767).astype("<i2").tobytes(), sample_rate_hz=sample_rate_hz))
    error = (samples - hostile.make_tone(16_000, 16_000))[1_000:-1_000]
    assert 10 * np.log10(0.3**2 / 2 / np.mean(error**2)) > 50  # dB; 16 bits of a tone at 0.3 allow about 87


def test_the_rate_that_is_asked_for_comes_out() -> None:
    assert len(decode(hostile.HARMLESS["a WAV"][0], sample_rate_hz=24_000)) == 24_000


@pytest.mark.parametrize("name", ["an mp3", "an Ogg of Opus", "an m4a", "a FLAC", "a WAV at 192 kHz"])
def test_samples_are_in_time_and_level_those_of_faster_whispers_own_decoder(name: str) -> None:
    audio = pytest.importorskip("faster_whisper.audio", exc_type=ImportError)
    data, _ = hostile.HARMLESS[name]
    ours, theirs = decode(data), audio.decode_audio(io.BytesIO(data))
    assert len(ours) == len(theirs)
    # Its resampler is the shorter one, so what lies at the ends and above 7 kHz differs.
    error = (ours - theirs)[400:-400]
    assert np.sqrt(np.mean(error**2)) < 0.01 * np.sqrt(np.mean(theirs**2))


def test_an_id3_tag_may_precede_mp3_aac_and_flac() -> None:
    tag = b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)
    for name, container in (("an mp3", "mp3"), ("an ADTS", "aac"), ("a FLAC", "flac")):
        data = hostile.HARMLESS[name][0]
        assert sniff_container(tag + data[data.find(b"\xff\xf3") if name == "an mp3" else 0 :], LIMITS) == container


def test_bytes_flipped_anywhere_give_sound_or_a_refusal() -> None:
    random = np.random.default_rng(3)
    for name in ("a WAV", "an mp3", "an m4a", "an Ogg of Opus", "a FLAC", "a WebM without its length", "an ADTS"):
        original = hostile.HARMLESS[name][0]
        for _ in range(15):
            data = bytearray(original)
            # Half of the damage is done to the header, where the lengths are.
            for place in [*random.integers(0, len(data), 8), *random.integers(0, 200, 4)]:
                data[place] = random.integers(0, 256)
            with contextlib.suppress(AudioEmpty, RequestTooLarge, UnsupportedMediaType, Unprocessable):
                assert np.isfinite(decode(bytes(data[: random.integers(1, len(data))]))).all()
