"""Media of tenants in a real store, and audio through real codecs."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from smartlite.codecs.limits import AudioLimits
from smartlite.domain.audio import AudioChunk
from smartlite.errors import AudioInvalid, AudioTooLong, NotFound, SmartLiteError, UnsupportedParameter
from smartlite.jobs.codec import PlatformCodec
from smartlite.jobs.media import TenantMedia
from smartlite.storage.blobs import BlobStore
from smartlite.storage.objects import FsspecObjectStore


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(FsspecObjectStore(tmp_path.as_uri()))


async def test_media_are_their_tenants_alone(blobs: BlobStore) -> None:
    mine, others = TenantMedia(blobs, "user_1"), TenantMedia(blobs, "user_2")
    await mine.put("media/runs/run_1/a", b"x")
    assert await mine.get("media/runs/run_1/a") == b"x"
    with pytest.raises(NotFound):
        await others.get("media/runs/run_1/a")
    await mine.delete("media/runs/run_1/a")
    with pytest.raises(NotFound):
        await mine.get("media/runs/run_1/a")
    blobs.close()


@pytest.mark.parametrize(
    "key", ["idempotency/x", "media/../x", "media//x", "media/", "/media/x", "", "media/" + "x" * 600]
)
async def test_nothing_but_media_is_reached(blobs: BlobStore, key: str) -> None:
    await blobs.put("user_1", "idempotency/x", b"secret")
    media = TenantMedia(blobs, "user_1")
    with pytest.raises(NotFound):
        await media.get(key)
    with pytest.raises(NotFound):
        await media.put(key, b"x")
    blobs.close()


def tone(seconds: float, rate: int) -> AudioChunk:
    return AudioChunk((0.3 * np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 440 / rate)).astype(np.float32), rate)


@pytest.mark.integration
async def test_audio_comes_back_as_long_as_it_was_in_every_format() -> None:
    codec = PlatformCodec(AudioLimits(max_duration_s=5))
    for audio_format in ("mp3", "opus", "aac", "flac", "wav"):
        data = await codec.encode([tone(1, 24_000), tone(1, 24_000)], audio_format, 24_000)  # type: ignore[arg-type]
        assert (await codec.decode(data, 16_000)).duration_s == pytest.approx(2, abs=0.1)
    long = await codec.encode([tone(6, 24_000)], "wav", 24_000)
    for wrong, error in ((long, AudioTooLong), (b"RIFF", AudioInvalid), (b"text", SmartLiteError)):
        with pytest.raises(error):
            await codec.decode(wrong, 16_000)
    await codec.close()


async def test_wav_and_pcm_come_at_any_rate_and_the_others_at_their_own() -> None:
    codec = PlatformCodec(AudioLimits())
    with wave.open(io.BytesIO(await codec.encode([tone(1, 16_000)], "wav", 16_000))) as file:
        assert (file.getframerate(), file.getnframes(), file.getnchannels()) == (16_000, 16_000, 1)
    assert len(await codec.encode([tone(1, 16_000)], "pcm", 16_000)) == 32_000
    with pytest.raises(UnsupportedParameter):
        await codec.encode([tone(1, 16_000)], "mp3", 16_000)
