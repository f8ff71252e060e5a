"""The gateway over fake engines, without Ray: the same app, stages and pipeline that production wires together.

Must not know any test. Codecs have their own tests; here audio is 16-bit WAV in and plain samples out, in process.
"""

import io
import wave
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import httpx
import httpx2
import numpy as np
import pytest
from fastapi import FastAPI
from openai import AsyncOpenAI

from benchmarks.clips import wav as wav_file
from deployments.asr import ASRDeployment
from deployments.embedding import EmbeddingDeployment
from deployments.llm import LLMDeployment
from deployments.tts import TTSDeployment
from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.config import Settings
from smartlite.domain.audio import (
    RECOGNITION_SAMPLE_RATE_HZ,
    SPEECH_SAMPLE_RATE_HZ,
    AudioChunk,
    AudioFormat,
    EncodedAudio,
)
from smartlite.domain.models import ModelDirectory, ModelFiles, ModelState, ServedModel, Voice
from smartlite.domain.stages import StageStatus
from smartlite.engines.registry import create_asr, create_embedding, create_llm, create_tts
from smartlite.errors import AudioEmpty, AudioInvalid
from smartlite.pipeline.voice import VoiceOptions, VoicePipeline
from tests.real_platform import platform, question, wav

__all__ = ["platform", "question", "wav"]  # fixtures of tests.real_platform
_USE_THE_PLATFORM = ("tests/conformance/", "tests/platform/")

VOICE = Voice("fake", "A sine tone", "en-US", ("alloy", "nova"))
MODELS = ModelDirectory(
    (
        ServedModel("fake-asr", "asr", "fake", 1_767_225_600, "smartlite", ("whisper-1",), ("en", "de")),
        ServedModel("fake-llm", "llm", "fake", 1_767_225_601, "smartlite", ("gpt-4o-mini", "fake/llm")),
        ServedModel("fake-tts", "tts", "fake", 1_767_225_602, "smartlite", ("tts-1", "tts-1-hd"), ("en",), (VOICE,)),
        ServedModel("fake-embedding", "embedding", "fake", 1_767_225_603, "smartlite", ("text-embedding-3-small",)),
    )
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The real platform starts when everything that does without it is through: it would slow the rest down."""
    items.sort(key=lambda item: item.nodeid.startswith(_USE_THE_PLATFORM))


class WavDecoder:
    """Reads 16-bit mono WAV at 16 kHz."""

    async def decode(self, audio: EncodedAudio) -> AudioChunk:
        if not audio.data:
            raise AudioEmpty("The file is empty.", "file")
        try:
            with wave.open(io.BytesIO(audio.data)) as source:
                samples = np.frombuffer(source.readframes(source.getnframes()), "<i2")
        except (wave.Error, EOFError):
            raise AudioInvalid("The file is not audio that can be read.", "file") from None
        if not len(samples):
            raise AudioEmpty("The file holds no samples.", "file")
        return AudioChunk((samples / 32768).astype(np.float32), RECOGNITION_SAMPLE_RATE_HZ)

    def close(self) -> None:
        """Nothing is held."""


class PlainEncoder:
    """Writes 16-bit samples at 24 kHz, in every format without its container; a whole WAV is a true WAV."""

    def __init__(self, audio_format: AudioFormat, whole: bool = False) -> None:
        self._format = audio_format
        self._whole = whole
        self._kept: list[bytes] = []

    def encode(self, audio: AudioChunk) -> bytes:
        count = round(len(audio.samples) * SPEECH_SAMPLE_RATE_HZ / audio.sample_rate_hz)
        places = np.linspace(0, len(audio.samples) - 1, count)
        samples = np.interp(places, np.arange(len(audio.samples)), audio.samples)
        data = (samples * 32767).astype("<i2").tobytes()
        if self._whole:
            self._kept.append(data)
            return b""
        return data

    def finish(self) -> bytes:
        data = b"".join(self._kept)
        return wav_file(data) if self._whole and self._format == "wav" else data


class FixedStatus:
    """A StatusBoard that says what it was told."""

    def __init__(self, *statuses: StageStatus) -> None:
        self.statuses = statuses
        self.told: dict[str, tuple[Voice, ...]] = {}

    async def stages(self) -> tuple[StageStatus, ...]:
        return self.statuses

    async def models(self) -> Mapping[str, ModelState]:
        return {model.id: "loaded" for model in MODELS.models}

    async def voices(self) -> Mapping[str, tuple[Voice, ...]]:
        return self.told


def make_services(settings: Settings, engine_options: Mapping[str, dict[str, object]]) -> Services:
    """Wire the platform in this process; ``engine_options`` by task, see ``smartlite.engines.fake``."""
    files = {
        model.task: ModelFiles(model.id, Path(), voices=model.voices, languages=model.languages)
        for model in MODELS.models
    }

    asr_engine = create_asr("fake", files["asr"], engine_options.get("asr", {}))
    llm_engine = create_llm("fake", files["llm"], engine_options.get("llm", {}))
    tts_engine = create_tts("fake", files["tts"], engine_options.get("tts", {}))
    embedding_engine = create_embedding("fake", files["embedding"], engine_options.get("embedding", {}))
    for engine in (asr_engine, llm_engine, tts_engine, embedding_engine):
        engine.start()
    asr = ASRDeployment(lambda: {"fake-asr": asr_engine}, WavDecoder)
    llm = LLMDeployment(lambda: {"fake-llm": llm_engine}, 0.0)
    tts = TTSDeployment(lambda: {"fake-tts": tts_engine}, PlainEncoder)
    embedding = EmbeddingDeployment(lambda: {"fake-embedding": embedding_engine})
    options = VoiceOptions(temperature=0.0, top_p=1.0, max_reply_tokens=200, first_clause_characters=0)
    return Services(
        settings=settings,
        models=MODELS,
        asr=asr,
        llm=llm,
        tts=tts,
        pipeline=VoicePipeline(asr, llm, tts, PlainEncoder, options),
        embedding=embedding,
        status=FixedStatus(*(StageStatus(name, "ready", "", 1, 1) for name in ("asr", "llm", "tts", "pipeline"))),
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Defaults, and a data folder of the test's own."""
    return Settings(data_dir=tmp_path, model_cache_dir=tmp_path / "models", allowed_hosts=("*",))


@pytest.fixture
def build_services(settings: Settings) -> Callable[..., Services]:
    """Services with options for the fake engines: ``build_services(llm={"latency_s": 1})``."""

    def build(settings: Settings = settings, **engine_options: dict[str, object]) -> Services:
        return make_services(settings, engine_options)

    return build


@pytest.fixture
def services(build_services: Callable[..., Services]) -> Services:
    """Everything a route uses, over fake engines that do not wait."""
    return build_services()


@pytest.fixture
def app(services: Services) -> FastAPI:
    """The gateway."""
    return create_app(services)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the gateway that has no official client's manners."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield client


@pytest.fixture
async def openai_client(app: FastAPI) -> AsyncIterator[AsyncOpenAI]:
    """The official client; raises where an answer is not as its types say."""
    async with AsyncOpenAI(
        base_url="http://gateway/v1",
        api_key="unused",
        max_retries=0,
        http_client=httpx2.AsyncClient(transport=httpx2.ASGITransport(app)),
        _strict_response_validation=True,
    ) as client:
        yield client


@pytest.fixture
def speech_wav() -> bytes:
    """Two seconds of a 16 kHz tone, which the fake engine hears as four words."""
    samples = 0.3 * np.sin(2 * np.pi * 440 / RECOGNITION_SAMPLE_RATE_HZ * np.arange(2 * RECOGNITION_SAMPLE_RATE_HZ))
    return wav_file((samples * 32767).astype("<i2").tobytes(), RECOGNITION_SAMPLE_RATE_HZ)
