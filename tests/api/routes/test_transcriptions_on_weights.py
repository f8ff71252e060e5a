"""Transcriptions from the official client to a real engine in this process: gate, preprocessing, Whisper, captions."""

import dataclasses
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest
from openai import AsyncOpenAI

from benchmarks.clips import wav
from deployments.asr import ASRDeployment
from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.codecs.pool import DecoderPool
from smartlite.config import load_settings
from smartlite.engines.registry import create_asr
from smartlite.models.catalog_file import load_catalog
from smartlite.models.store import ModelStore
from smartlite.storage.objects import FsspecObjectStore

pytestmark = pytest.mark.models

WORDS = "The old lighthouse was closed in winter, because snow covered the road. Nobody came for three months."
RATE_HZ = 22_050
SILENCE_S = 3.0


@pytest.fixture(scope="module")
def spoken() -> bytes:
    """Quiet speech after three seconds of silence, by espeak-ng."""
    said = subprocess.run(
        ["espeak-ng", "-s", "140", "--stdout", "--", WORDS], check=True, capture_output=True, timeout=30
    )
    samples = np.frombuffer(said.stdout[44:], "<i2").astype(np.float64)
    quiet = samples * (0.003 * 32768 / np.sqrt(np.mean(samples**2)))
    silence = np.zeros(int(SILENCE_S * RATE_HZ))
    return wav(np.round(np.concatenate([silence, quiet, silence])).astype("<i2").tobytes(), RATE_HZ)


@pytest.fixture(scope="module")
def engine() -> Any:
    settings = load_settings()
    store = ModelStore(FsspecObjectStore(settings.objects_url), settings.model_cache_dir)
    files = store.ensure_local(load_catalog(settings.catalog).find("whisper-base"))
    engine = create_asr("faster_whisper", files, {"threads": 2})
    engine.start()
    yield engine
    engine.close()


@pytest.fixture
async def app(services: Services, engine: Any) -> AsyncIterator[Any]:
    async with DecoderPool() as pool:
        yield create_app(dataclasses.replace(services, asr=ASRDeployment(lambda: {"fake-asr": engine}, lambda: pool)))


async def test_words_of_a_prepared_recording_stand_where_they_were_said(
    openai_client: AsyncOpenAI, spoken: bytes
) -> None:
    answers = [
        await openai_client.audio.transcriptions.create(
            model="whisper-1",
            file=("quiet.wav", spoken),
            language="en",
            response_format="verbose_json",
            timestamp_granularities=["word", "segment"],
            extra_body={"preprocessing": steps},
        )
        for steps in ("none", "trim_silence,loudness,denoise")
    ]
    for answer in answers:
        assert "covered the road" in answer.text
        assert answer.duration == pytest.approx(2 * SILENCE_S + 6.5, abs=1.5)
        words = answer.words or []
        assert words[0].start == pytest.approx(SILENCE_S, abs=0.6)
        assert words[-1].end < answer.duration - 2
    plain, prepared = ({word.word.strip(".,").lower(): word.start for word in answer.words or []} for answer in answers)
    for word in ("winter", "road", "months"):
        assert prepared[word] == pytest.approx(plain[word], abs=0.4)


async def test_captions_of_real_speech_keep_their_limits_and_all_words(
    openai_client: AsyncOpenAI, spoken: bytes
) -> None:
    create = openai_client.audio.transcriptions.create
    plain = await create(model="whisper-1", file=("quiet.wav", spoken), language="en", response_format="text")
    srt = await create(
        model="whisper-1",
        file=("quiet.wav", spoken),
        language="en",
        response_format="srt",
        extra_body={"max_line_length": 24, "max_lines": 2},
    )
    cues = [cue.split("\n")[2:] for cue in srt.strip().split("\n\n")]
    assert len(cues) >= 3
    assert all(len(cue) <= 2 and all(len(line) <= 24 for line in cue) for cue in cues)
    assert " ".join(" ".join(cue) for cue in cues).split() == plain.split()


async def test_a_stream_of_real_speech_ends_with_its_text_its_tokens_and_what_it_used(
    openai_client: AsyncOpenAI, spoken: bytes
) -> None:
    stream = await openai_client.audio.transcriptions.create(
        model="whisper-1",
        file=("quiet.wav", spoken),
        stream=True,
        languages=["en", "de"],
        keywords=["lighthouse"],
        include=["logprobs"],
        chunking_strategy={"type": "server_vad", "threshold": 0.4},
    )
    *deltas, done = [event async for event in stream]
    assert done.type == "transcript.text.done"
    assert "".join(event.delta for event in deltas if event.type == "transcript.text.delta") == done.text
    tokens = b"".join(bytes(token.bytes or []) for token in done.logprobs or [])
    assert tokens.decode().strip() == done.text
    assert all(-20 < (token.logprob or 0) <= 0 for token in done.logprobs or [])
    assert done.usage is not None
    assert done.usage.output_tokens >= len(done.logprobs or [])
    assert done.usage.total_tokens == done.usage.input_tokens + done.usage.output_tokens
    assert [language.code for language in done.languages or []] == ["en"]


async def test_a_recording_in_which_nobody_speaks_has_an_empty_text(openai_client: AsyncOpenAI) -> None:
    silence = wav(bytes(2 * 60 * RATE_HZ), RATE_HZ)
    answer = await openai_client.audio.transcriptions.create(model="whisper-1", file=("silence.wav", silence))
    assert answer.text == ""
