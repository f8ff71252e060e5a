"""Speech out: six formats, as a stream and as a whole file, read back by other code than wrote them."""

import io
import struct

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from smartlite.codecs.encode import encode_whole, open_encoder
from smartlite.codecs.whole import WholeFileEncoder
from smartlite.domain.audio import AUDIO_FORMATS, AudioChunk, AudioFormat
from smartlite.errors import EngineFailed
from tests.codecs import hostile

ENGINE_RATE_HZ = 22_050
SECONDS = 3
MAGIC: dict[AudioFormat, bytes] = {
    "mp3": b"\xff\xf3",
    "opus": b"OggS",
    "aac": b"\xff\xf1",
    "flac": b"fLaC",
    "wav": b"RIFF",
}
TRAILING_S: dict[AudioFormat, float] = {"mp3": 0.08, "aac": 0.1}
"""What the streamed mp3 and every ADTS hold in excess: the codec's own delay and the rest of the last frame."""


def make_chunks(rate_hz: int = ENGINE_RATE_HZ, seconds: float = SECONDS, chunk_s: float = 0.25) -> list[AudioChunk]:
    tone = hostile.make_tone(rate_hz, int(rate_hz * seconds))
    step = int(rate_hz * chunk_s)
    return [AudioChunk(tone[start : start + step], rate_hz) for start in range(0, len(tone), step)]


def stream(audio_format: AudioFormat, chunks: list[AudioChunk]) -> list[bytes]:
    encoder = open_encoder(audio_format, chunks[0].sample_rate_hz)
    return [*(encoder.encode(chunk) for chunk in chunks), encoder.finish()]


def read(data: bytes, audio_format: AudioFormat) -> NDArray[np.float64]:
    """Decode to samples at 24 kHz with PyAV alone, not with our decoder."""
    if audio_format == "pcm":
        return np.frombuffer(data, "<i2") / 32768
    with av.open(io.BytesIO(data)) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=24_000)
        assert container.streams.audio[0].channels == 1
        assert container.streams.audio[0].rate == (48_000 if audio_format == "opus" else 24_000)
        frames = [*container.decode(audio=0), None]
        parts = [part.to_ndarray()[0] for frame in frames for part in resampler.resample(frame)]
    return np.concatenate(parts).astype(np.float64)


def tone_to_noise_db(samples: NDArray[np.float64]) -> float:
    """Fit the tone of 440 Hz, in whatever phase and strength, and compare it with all the rest."""
    middle = samples[6_000:-6_000]
    angle = 2 * np.pi * 440 * np.arange(len(middle)) / 24_000
    basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    fit, *_ = np.linalg.lstsq(basis, middle, rcond=None)
    assert np.hypot(*fit) == pytest.approx(0.3, rel=0.05)
    return float(10 * np.log10(np.mean((basis @ fit) ** 2) / np.mean((middle - basis @ fit) ** 2)))


@pytest.mark.parametrize("audio_format", AUDIO_FORMATS)
@pytest.mark.parametrize("rate_hz", [16_000, 22_050, 24_000, 48_000])
def test_a_streamed_tone_comes_back(audio_format: AudioFormat, rate_hz: int) -> None:
    samples = read(b"".join(stream(audio_format, make_chunks(rate_hz))), audio_format)
    excess_s = len(samples) / 24_000 - SECONDS
    assert -0.001 <= excess_s <= TRAILING_S.get(audio_format, 0.001)
    assert tone_to_noise_db(samples) > (20 if audio_format in ("mp3", "opus", "aac") else 60)


@pytest.mark.parametrize("audio_format", AUDIO_FORMATS)
def test_a_whole_file_holds_exactly_what_was_spoken(audio_format: AudioFormat) -> None:
    samples = read(encode_whole(make_chunks(), audio_format), audio_format)
    excess_s = len(samples) / 24_000 - SECONDS
    assert -0.001 <= excess_s <= (TRAILING_S["aac"] if audio_format == "aac" else 0.001)
    assert tone_to_noise_db(samples) > (20 if audio_format in ("mp3", "opus", "aac") else 60)


@pytest.mark.parametrize("audio_format", ["mp3", "flac", "wav", "opus"])
def test_the_header_of_a_whole_file_tells_its_length(audio_format: AudioFormat) -> None:
    with av.open(io.BytesIO(encode_whole(make_chunks(), audio_format))) as container:
        assert container.duration == pytest.approx(SECONDS * 1_000_000, abs=20_000)


@pytest.mark.parametrize("audio_format", AUDIO_FORMATS)
def test_bytes_come_out_with_the_first_chunk_and_keep_coming(audio_format: AudioFormat) -> None:
    pieces = stream(audio_format, make_chunks(chunk_s=0.5))
    assert all(pieces[:-1])
    assert pieces[0].startswith(MAGIC.get(audio_format, b""))
    # What is held back is shorter than a quarter of a second.
    heard_s = len(read(b"".join(pieces[:3]), audio_format)) / 24_000
    assert heard_s > 1.25


@pytest.mark.parametrize("audio_format", AUDIO_FORMATS)
def test_an_empty_chunk_changes_nothing(audio_format: AudioFormat) -> None:
    chunks = make_chunks()
    empty = AudioChunk(np.empty(0, np.float32), ENGINE_RATE_HZ)
    assert len(b"".join(stream(audio_format, [empty, *chunks, empty]))) == len(b"".join(stream(audio_format, chunks)))


@pytest.mark.parametrize("audio_format", AUDIO_FORMATS)
def test_the_cut_into_chunks_does_not_matter(audio_format: AudioFormat) -> None:
    fine = read(b"".join(stream(audio_format, make_chunks(chunk_s=0.01))), audio_format)
    coarse = read(b"".join(stream(audio_format, make_chunks(chunk_s=3))), audio_format)
    assert len(fine) == pytest.approx(len(coarse), abs=2)
    assert np.abs(fine[: len(coarse)] - coarse[: len(fine)]).max() < 0.01


def test_a_streamed_wav_leaves_its_sizes_open_as_openai_does() -> None:
    header = stream("wav", make_chunks())[0][:44]
    assert header[:4] + header[8:16] == b"RIFFWAVEfmt "
    assert struct.unpack("<I", header[4:8]) == struct.unpack("<I", header[40:44]) == (0xFFFF_FFFF,)
    assert struct.unpack("<HHIIHH", header[20:36]) == (1, 1, 24_000, 48_000, 2, 16)


def test_a_whole_wav_has_its_true_sizes() -> None:
    data = encode_whole(make_chunks(), "wav")
    assert struct.unpack("<I", data[4:8]) == (len(data) - 8,)
    assert struct.unpack("<I", data[40:44]) == (len(data) - 44,) == (SECONDS * 48_000,)


def test_a_whole_flac_has_its_sample_count() -> None:
    data = encode_whole(make_chunks(), "flac")
    assert int.from_bytes(data[21:26], "big") & 0xF_FFFF_FFFF == SECONDS * 24_000  # STREAMINFO, RFC 9639 section 8.2


@pytest.mark.parametrize("audio_format", AUDIO_FORMATS)
def test_samples_over_full_scale_are_clipped_not_wrapped(audio_format: AudioFormat) -> None:
    loud = AudioChunk(np.full(24_000, 1.5, np.float32), 24_000)
    samples = read(encode_whole([loud], audio_format), audio_format)
    assert samples[6_000:18_000].min() > -0.2


@pytest.mark.parametrize("audio_format", AUDIO_FORMATS)
def test_one_sample_makes_a_file(audio_format: AudioFormat) -> None:
    one = AudioChunk(np.array([0.5], np.float32), 24_000)
    assert len(read(encode_whole([one], audio_format), audio_format)) >= 1


def test_the_whole_file_encoder_gives_everything_at_its_end() -> None:
    encoder = WholeFileEncoder("flac")
    assert not any(encoder.encode(chunk) for chunk in make_chunks())
    assert encoder.finish() == encode_whole(make_chunks(), "flac")


@pytest.mark.parametrize("audio_format", ["pcm", "mp3"])
def test_a_chunk_at_another_rate_is_an_engines_fault(audio_format: AudioFormat) -> None:
    encoder = open_encoder(audio_format, 24_000)
    with pytest.raises(EngineFailed, match="24000 Hz to 16000 Hz"):
        encoder.encode(make_chunks(16_000)[0])


def test_nothing_to_encode_is_an_engines_fault() -> None:
    with pytest.raises(EngineFailed):
        encode_whole([], "mp3")
