"""The contract of all engines, kept by every one that is registered: fakes always, the others on real weights."""

import asyncio
import pickle
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from smartlite.api.app import create_app
from smartlite.config import Settings
from smartlite.domain.asr import Segment, TranscribeOptions, TranscriptInfo
from smartlite.domain.audio import AudioChunk
from smartlite.domain.embedding import EmbeddingFinished
from smartlite.domain.llm import ChatFinished, ChatOptions, Message, TextDelta
from smartlite.domain.models import ModelFiles, ModelTask, Voice
from smartlite.domain.tts import SpokenSentence, SynthesizeOptions
from smartlite.engines.registry import ENGINES, parse_options
from smartlite.errors import ConfigurationError, EngineFailed, SmartLiteError
from smartlite.models.catalog_file import load_catalog
from tests.conftest import make_services
from tests.engines.upstream_server import served

WEIGHTS = {
    "faster_whisper": "whisper-tiny.en",
    "openai_whisper": "whisper-tiny.en-torch",
    "llama_cpp": "smollm2-135m-instruct",
    "transformers": "smollm2-135m-instruct-transformers",
    "onnx_vits": "en_US-joe-medium",
    "kokoro": "kokoro-82m",
    "espeak": "espeak-ng",
    "coqui": "en_US-joe-medium-coqui",
}
"""A small model of the catalog for every engine that needs one; a new engine without a line here fails."""

NO_FILES = {"fake", "openai_upstream", "espeak"}
"""Engines that read no file."""
MARKS = {
    "fake": [],
    "openai_upstream": [pytest.mark.integration, pytest.mark.enable_socket],
    "espeak": [pytest.mark.integration],
}
"""Of the tests that start an engine; all others need real weights."""

NAMES: list[tuple[ModelTask, str]] = [(task, name) for task, engines in ENGINES.items() for name in engines]
EACH = [
    pytest.param((task, name), id=f"{task}-{name}", marks=MARKS.get(name, [pytest.mark.models])) for task, name in NAMES
]
REAL = [pytest.param(task, name, id=f"{task}-{name}") for task, name in NAMES if name not in NO_FILES]


class Case(NamedTuple):
    """A running engine and how to ask it."""

    task: ModelTask
    engine: Any
    speech: AudioChunk
    voice: str

    def ask(self, amount: int = 1) -> AsyncGenerator[Any, None]:
        """A request that can be answered; ``amount`` times as much work."""
        if self.task == "asr":
            speech = AudioChunk(np.tile(self.speech.samples, amount), self.speech.sample_rate_hz)
            return self.engine.transcribe(speech, TranscribeOptions(language="en"))
        if self.task == "llm":
            messages = (Message("user", "Tell me a long story about a house and a garden."),)
            return self.engine.chat(messages, ChatOptions(temperature=0.0, max_tokens=8 * amount))
        if self.task == "embedding":
            return self.engine.embed(("A house stands here.", "It has a garden.") * amount)
        return self.engine.synthesize("A house stands here. " * amount, SynthesizeOptions(self.voice))

    def ask_wrongly(self) -> list[AsyncGenerator[Any, None]]:
        """Requests that must be refused with a status of 400."""
        if self.task == "asr":
            return [self.engine.transcribe(self.speech, TranscribeOptions(language="xx"))]
        if self.task == "llm":
            return [self.engine.chat((Message("user", "word " * 50_000),), ChatOptions(max_tokens=4))]
        if self.task == "embedding":
            return [self.engine.embed(("Hello.", "")), self.engine.embed(("word " * 50_000,))]
        return [
            self.engine.synthesize("Hello.", SynthesizeOptions("nobody")),
            self.engine.synthesize("... !", SynthesizeOptions(self.voice)),
        ]


UPSTREAM_MODELS = {"asr": "fake-asr", "llm": "fake-llm", "tts": "fake-tts", "embedding": "fake-embedding"}


def _construct(task: ModelTask, name: str, files: ModelFiles, url: str = "http://127.0.0.1:9/v1") -> Any:
    options: dict[str, object] = {}
    if name == "openai_upstream":
        options = {"base_url": url, "model": UPSTREAM_MODELS[task], "api_key_env": "", "idle_connections": 0}
    return ENGINES[task][name](files, parse_options(task, name, options))


@pytest.fixture(scope="module")
def upstream_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A second SmartLite, over fake engines."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("second"), allowed_hosts=("*",))
    with served(create_app(make_services(settings, {}))) as url:
        yield url


def _fake_files(directory: Path = Path()) -> ModelFiles:
    return ModelFiles("fake", directory, voices=(Voice("fake", "A tone", "en"),), languages=("en",))


def _files(name: str, request: pytest.FixtureRequest) -> ModelFiles:
    """Weights of the engine; the fakes need none."""
    return _fake_files() if name not in WEIGHTS else request.getfixturevalue("model_files")(WEIGHTS[name])


@pytest.fixture(scope="module", params=EACH)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    """An engine, started once for all tests that leave it running."""
    task, name = request.param
    files = _files(name, request)
    speech = AudioChunk(np.random.default_rng(0).normal(0, 0.1, 80_000).astype(np.float32), 16_000)
    if name not in NO_FILES and task == "asr":
        speech = request.getfixturevalue("espeak")("A house stands here. It has a garden with many trees.")
    url = request.getfixturevalue("upstream_url") if name == "openai_upstream" else ""
    engine = _construct(task, name, files, url)
    engine.start()
    yield Case(task, engine, speech, files.voices[0].id if files.voices else "")
    engine.close()


def _check_order(task: ModelTask, events: list[Any]) -> None:
    if task == "asr":
        info, *segments = events
        assert isinstance(info, TranscriptInfo)
        assert segments
        assert all(isinstance(segment, Segment) for segment in segments)
        assert [segment.id for segment in segments] == list(range(len(segments)))
        starts = [segment.start_s for segment in segments]
        assert starts == sorted(starts)
        assert all(0 <= segment.start_s <= segment.end_s <= info.duration_s for segment in segments)
    elif task == "embedding":
        *vectors, finished = events
        assert isinstance(finished, EmbeddingFinished)
        assert finished.usage.prompt_tokens > 0
        assert [vector.index for vector in vectors] == list(range(len(vectors)))
        assert all(np.linalg.norm(vector.vector) == pytest.approx(1, abs=1e-3) for vector in vectors)
    elif task == "llm":
        *deltas, finished = events
        assert isinstance(finished, ChatFinished)
        assert deltas
        assert all(isinstance(delta, TextDelta) and delta.text for delta in deltas)
        assert 0 < finished.usage.completion_tokens <= 8
        assert finished.usage.prompt_tokens > 0
    else:
        assert events
        for sentence in events:
            assert isinstance(sentence, SpokenSentence)
            assert sentence.audio.samples.dtype == np.float32
            assert sentence.audio.samples.ndim == 1
            assert 0 < np.abs(sentence.audio.samples).max() <= 1


async def test_events_come_in_the_order_of_the_contract(case: Case) -> None:
    _check_order(case.task, [event async for event in case.ask()])


def test_who_speaks_is_told(case: Case) -> None:
    if case.task == "tts":
        assert case.engine.voices()
        assert case.voice in {"", *(voice.id for voice in case.engine.voices())}


async def test_two_requests_at_once_are_both_answered(case: Case) -> None:
    async def collect() -> list[Any]:
        return [event async for event in case.ask()]

    for events in await asyncio.gather(collect(), collect()):
        _check_order(case.task, events)


async def test_a_request_that_is_closed_early_leaves_the_engine_ready(case: Case) -> None:
    long = case.ask(amount=20)
    await anext(long)
    await long.aclose()
    with pytest.raises(StopAsyncIteration):
        await anext(long)
    _check_order(case.task, [event async for event in case.ask()])
    await case.engine.check_health()


async def test_cancellation_passes_through_and_leaves_the_engine_ready(case: Case) -> None:
    begun = asyncio.Event()

    async def consume_for_ever() -> None:
        while True:
            async for _ in case.ask(amount=20):
                begun.set()

    consumer = asyncio.ensure_future(consume_for_ever())
    async with asyncio.timeout(60):
        await begun.wait()
    consumer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consumer
    _check_order(case.task, [event async for event in case.ask()])
    await case.engine.check_health()


async def test_errors_of_the_request_come_before_the_first_event_and_can_travel(case: Case) -> None:
    for answer in case.ask_wrongly():
        with pytest.raises(SmartLiteError) as caught:
            await anext(answer)
        assert caught.value.status_code == 400
        assert caught.value.param
        travelled = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
        assert (type(travelled), travelled.args) == (type(caught.value), caught.value.args)
    await case.engine.check_health()


@pytest.mark.parametrize("which", EACH)
async def test_an_engine_works_between_start_and_close(
    which: tuple[ModelTask, str], request: pytest.FixtureRequest
) -> None:
    task, name = which
    files = _files(name, request)
    engine = _construct(task, name, files)
    with pytest.raises(EngineFailed):
        await engine.check_health()
    engine.start()
    await engine.check_health()
    engine.close()
    engine.close()
    with pytest.raises(EngineFailed):
        await engine.check_health()
    silence = AudioChunk(np.zeros(160, np.float32), 16_000)
    with pytest.raises(SmartLiteError):
        await anext(Case(task, engine, silence, files.voices[0].id if files.voices else "").ask())


@pytest.mark.parametrize(("task", "name"), NAMES)
async def test_an_engine_that_was_never_started_can_be_closed(task: ModelTask, name: str) -> None:
    _construct(task, name, _fake_files()).close()


@pytest.mark.parametrize(("task", "name"), NAMES)
def test_a_misspelt_option_is_refused_and_the_right_one_named(task: ModelTask, name: str) -> None:
    for field in ENGINES[task][name].Options.model_fields:
        with pytest.raises(ConfigurationError, match=f"Did you mean '{field}'"):
            parse_options(task, name, {field + "x": 1})


@pytest.mark.parametrize(("task", "name"), REAL)
def test_a_folder_without_the_files_is_refused(task: ModelTask, name: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("not a model")
    engine = _construct(task, name, _fake_files(tmp_path))
    with pytest.raises(ConfigurationError):
        engine.start()
    engine.close()


@pytest.mark.integration
@pytest.mark.parametrize(("task", "name"), REAL)
def test_files_that_hold_something_else_are_refused(task: ModelTask, name: str, tmp_path: Path) -> None:
    files = load_catalog().find(WEIGHTS[name]).files_in(tmp_path)
    for file in files.files:
        (tmp_path / file).write_text("{}" if file.endswith(".json") else "not a model")
    engine = _construct(task, name, files)
    with pytest.raises(ConfigurationError):
        engine.start()
    engine.close()


@pytest.mark.integration
def test_the_registry_loads_no_library() -> None:
    heavy = ("ctranslate2", "faster_whisper", "onnxruntime", "xllamacpp", "torch", "transformers")
    code = f"import sys, smartlite.engines.registry; print([name for name in {heavy} if name in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout
    assert loaded.strip() == "[]"


@pytest.mark.parametrize(
    ("name", "written", "at_once"),
    [
        ("fake", {}, 1),
        ("onnx_vits", {}, 1),
        ("onnx_vits", {"parallel": 3}, 3),
        ("kokoro", {"parallel": 2}, 2),
        ("coqui", {}, 1),
        ("espeak", {}, 2),
        ("openai_upstream", {"base_url": "http://127.0.0.1:9/v1"}, 0),
    ],
)
def test_an_engine_says_how_many_sentences_of_a_text_it_speaks_at_once(
    name: str, written: dict[str, object], at_once: int
) -> None:
    """0: it takes a text whole, so nobody may share it out."""
    assert parse_options("tts", name, written).sentences_at_once == at_once
