"""The engines that ask another server, against a second SmartLite and against a server that misbehaves."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.responses import StreamingResponse

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.config import Settings
from smartlite.domain.asr import Segment, TranscribeOptions, TranscriptInfo
from smartlite.domain.audio import AudioChunk
from smartlite.domain.llm import ChatFinished, ChatOptions, Message, TextDelta, Tool, ToolCall, ToolCallDelta
from smartlite.domain.models import ModelFiles, Voice
from smartlite.domain.tts import SynthesizeOptions
from smartlite.engines.registry import create_asr, create_tts
from smartlite.errors import ContextLengthExceeded, Unavailable, UnsupportedParameter, VoiceNotFound
from tests.conftest import make_services
from tests.engines.upstream_server import HELLO, KEY, answering, collect, llm, options, served, sse

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_KEY", KEY)


@pytest.fixture
def second(settings: Settings) -> Services:
    """What the second SmartLite works with."""
    return make_services(settings, {})


@pytest.fixture
def second_url(second: Services) -> Iterator[str]:
    with served(create_app(second)) as url:
        yield url


def _asr(url: str, **more: object) -> Any:
    engine = create_asr("openai_upstream", ModelFiles("mine", Path()), options(url, "whisper-1", **more))
    engine.start()
    return engine


def _tts(url: str, **more: object) -> Any:
    files = ModelFiles("mine", Path(), voices=(Voice("fake", "A tone", "en"),))
    engine = create_tts("openai_upstream", files, options(url, "tts-1", **more))
    engine.start()
    return engine


def _tone(seconds: float) -> AudioChunk:
    return AudioChunk((0.3 * np.sin(np.arange(int(16_000 * seconds)) / 6)).astype(np.float32), 16_000)


async def test_a_second_smartlite_answers_a_chat_as_it_would_itself(second: Services, second_url: str) -> None:
    from smartlite.domain.llm import ChatRequest

    own = await collect(second.llm.chat(ChatRequest("fake-llm", HELLO, ChatOptions(seed=2))))
    through = await collect(llm(second_url).chat(HELLO, ChatOptions(seed=2)))
    assert "".join(e.text for e in own[:-1]) == "".join(e.text for e in through[:-1])
    assert own[-1] == through[-1]


async def test_a_second_smartlite_hears_the_same_words(second: Services, second_url: str) -> None:
    engine = _asr(second_url)
    info, *segments = await collect(engine.transcribe(_tone(5), TranscribeOptions(word_timestamps=True)))
    assert info == TranscriptInfo("en", 1.0, 5.0)
    assert [segment.id for segment in segments] == [0, 1, 2]
    assert all(isinstance(segment, Segment) and segment.words for segment in segments)
    for segment in segments:
        assert "".join(f" {word.text}" for word in segment.words) == segment.text
    (_, plain) = await collect(_asr(second_url, answers="json").transcribe(_tone(5), TranscribeOptions()))
    assert plain.text == "".join(segment.text for segment in segments)


async def test_a_second_smartlite_speaks_the_same_samples(second_url: str) -> None:
    pieces = await collect(_tts(second_url).synthesize("Hello there. And again.", SynthesizeOptions("fake")))
    assert pieces[0].text == "Hello there. And again."
    assert sum(piece.input_tokens for piece in pieces) == len("Hello there. And again.")
    samples = np.concatenate([piece.audio.samples for piece in pieces])
    assert {piece.audio.sample_rate_hz for piece in pieces} == {24_000}
    assert len(samples) == pytest.approx(24_000 * 0.06 * 22, rel=0.01)
    assert np.abs(samples).max() == pytest.approx(0.3, abs=0.001)


async def test_a_context_that_is_too_long_there_is_so_here(second_url: str) -> None:
    with pytest.raises(ContextLengthExceeded, match="tokens"):
        await anext(llm(second_url).chat((Message("user", "word " * 9000),), ChatOptions()))


async def test_a_voice_that_is_not_configured_is_refused_before_anything_is_sent(second_url: str) -> None:
    with pytest.raises(VoiceNotFound):
        await anext(_tts(second_url).synthesize("Hello.", SynthesizeOptions("nobody")))


async def test_only_what_was_asked_for_is_sent() -> None:
    app = answering(lambda _: StreamingResponse(sse({"choices": [], "usage": None})))
    with served(app) as url:
        engine = llm(url)
        with pytest.raises(Unavailable, match="without an answer"):
            await collect(engine.chat(HELLO, ChatOptions(temperature=0.5)))
    ((path, headers, body),) = app.state.seen
    assert path == "chat/completions"
    assert headers["authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "fake-llm",
        "messages": [{"role": "user", "content": "Hello there."}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "top_p": 1.0,
    }


async def test_tools_and_their_history_travel_as_openai_has_them() -> None:
    call = {"index": 0, "id": "call_1", "function": {"name": "weather", "arguments": '{"city":'}}
    chunks = (
        {"choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]},
        {
            "choices": [
                {
                    "index": 0,
                    "delta": {"tool_calls": [{"index": 0, "function": {"arguments": '"Rome"}'}}]},
                    "finish_reason": "tool_calls",
                }
            ]
        },
        {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}},
    )
    app = answering(lambda _: StreamingResponse(sse(*chunks)))
    messages = (
        *HELLO,
        Message("assistant", "", (ToolCall("call_0", "weather", "{}"),)),
        Message("tool", "sunny", tool_call_id="call_0"),
    )
    tool = Tool("weather", "Tells it.", {"type": "object"})
    with served(app) as url:
        events = await collect(llm(url).chat(messages, ChatOptions(tools=(tool,), tool_name="weather")))
    assert events[:2] == [
        ToolCallDelta(0, "call_1", "weather", '{"city":'),
        ToolCallDelta(0, None, None, '"Rome"}'),
    ]
    assert events[2].finish_reason == "tool_calls"
    body = app.state.seen[0][2]
    assert body["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert body["messages"][1]["tool_calls"][0]["function"] == {"name": "weather", "arguments": "{}"}
    assert body["messages"][2] == {"role": "tool", "content": "sunny", "tool_call_id": "call_0"}


async def test_logprobs_come_through() -> None:
    token = {"token": "Hi", "logprob": -0.5, "bytes": [72, 105], "top_logprobs": []}
    chunk = {
        "choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": {"content": [token]}, "finish_reason": "stop"}]
    }
    with served(answering(lambda _: StreamingResponse(sse(chunk)))) as url:
        delta, finished = await collect(llm(url).chat(HELLO, ChatOptions(logprobs=True, top_logprobs=2)))
    assert isinstance(delta, TextDelta)
    assert (delta.logprobs[0].data, delta.logprobs[0].logprob) == (b"Hi", -0.5)
    assert isinstance(finished, ChatFinished)
    assert finished.usage.completion_tokens == 1


@pytest.mark.parametrize(
    ("asked", "param"),
    [(TranscribeOptions(logprobs=True), "include"), (TranscribeOptions(beam_size=3), "beam_size")],
)
async def test_what_the_server_cannot_do_is_refused(asked: TranscribeOptions, param: str) -> None:
    engine = _asr("http://127.0.0.1:9/v1")
    with pytest.raises(UnsupportedParameter) as caught:
        await anext(engine.transcribe(_tone(1), asked))
    assert caught.value.param == param
