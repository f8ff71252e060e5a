"""The bridge from the library's thread to the loop, with a library that plays a script. Must not know weights."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from smartlite.domain.llm import ChatEvent, ChatFinished, TextDelta
from smartlite.domain.usage import TokenUsage
from smartlite.engines.llama_cpp_answer import Answer
from smartlite.errors import ContextLengthExceeded, EngineFailed, InvalidRequest, ModelNotReady

Chunk = dict[str, Any]
USAGE: Chunk = {
    "choices": [],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 3}},
}


class ScriptedServer:
    """Calls back with chunks until told to stop."""

    def __init__(self, chunks: Iterable[Chunk], error: Exception | None = None) -> None:
        self._chunks = chunks
        self._error = error
        self.given = 0

    def handle_chat_completions(self, body: Chunk, callback: Callable[[Chunk], bool]) -> None:
        for chunk in self._chunks:
            self.given += 1
            if callback(chunk):
                return
        if self._error is not None:
            raise self._error


def delta(text: str | None, finish_reason: str | None = None) -> Chunk:
    return {"choices": [{"finish_reason": finish_reason, "delta": {"content": text}}]}


async def play(server: ScriptedServer, closing: threading.Event | None = None) -> list[ChatEvent]:
    answer = Answer(asyncio.get_running_loop(), closing or threading.Event(), context_tokens=64)
    await asyncio.to_thread(answer.run, server, {})
    events = [await answer.next_event(5.0)]
    while not isinstance(events[-1], ChatFinished):
        events.append(await answer.next_event(5.0))
    return events


async def test_an_answer_is_its_deltas_then_reason_and_usage() -> None:
    progress = {
        "choices": [{"finish_reason": None, "delta": {"content": None}}],
        "prompt_progress": {"total": 7, "processed": 1},
    }
    script = [progress, delta(None), delta("Par"), delta("is"), delta(None, "length"), USAGE]
    events = await play(ScriptedServer(script))
    assert events == [TextDelta("Par"), TextDelta("is"), ChatFinished("length", TokenUsage(7, 2, 3))]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            {"code": 400, "type": "exceed_context_size_error", "n_prompt_tokens": 99, "n_ctx": 64, "message": "m"},
            ContextLengthExceeded,
        ),
        ({"code": 400, "type": "invalid_request_error", "message": "m"}, InvalidRequest),
        ({"code": 500, "type": "server_error", "message": "m"}, EngineFailed),
        ({}, EngineFailed),
    ],
)
async def test_errors_of_the_library_become_ours(error: Chunk, expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught:
        await play(ScriptedServer([{"error": error}]))
    assert type(caught.value) is expected


async def test_an_exceeded_context_is_told_with_both_counts() -> None:
    error = {"type": "exceed_context_size_error", "n_prompt_tokens": 99, "n_ctx": 64}
    with pytest.raises(ContextLengthExceeded, match=r"99 tokens.* 64 tokens"):
        await play(ScriptedServer([{"error": error}]))


@pytest.mark.parametrize(
    ("raised", "expected"),
    [(ValueError("Jinja"), InvalidRequest), (RuntimeError("x"), EngineFailed), (MemoryError(), EngineFailed)],
)
async def test_exceptions_of_the_library_become_ours(raised: Exception, expected: type[Exception]) -> None:
    with pytest.raises(expected):
        await play(ScriptedServer([delta("a")], raised))


async def test_an_answer_without_an_end_is_a_failure() -> None:
    with pytest.raises(EngineFailed):
        await play(ScriptedServer([delta("a")]))


async def test_a_cancelled_answer_takes_one_chunk_more_at_most() -> None:
    answer = Answer(asyncio.get_running_loop(), threading.Event(), context_tokens=64)

    def chunks() -> Iterable[Chunk]:
        yield delta("a")
        answer.cancel()
        while True:
            yield delta("b")

    server = ScriptedServer(chunks())
    await asyncio.to_thread(answer.run, server, {})
    assert server.given == 2


async def test_a_closing_engine_ends_its_answers_with_a_503() -> None:
    closing = threading.Event()
    closing.set()
    with pytest.raises(ModelNotReady):
        await play(ScriptedServer([delta("a"), USAGE]), closing)


async def test_a_silent_library_is_given_up() -> None:
    answer = Answer(asyncio.get_running_loop(), threading.Event(), context_tokens=64)
    with pytest.raises(EngineFailed, match="silent"):
        await answer.next_event(0.01)


def test_a_loop_that_is_gone_stops_the_library() -> None:
    loop = asyncio.new_event_loop()
    answer = Answer(loop, threading.Event(), context_tokens=64)
    loop.close()
    server = ScriptedServer(delta("a") for _ in range(100))
    answer.run(server, {})
    assert server.given == 1


async def test_the_tokens_of_the_prompt_are_told_once() -> None:
    counted: list[int] = []
    answer = Answer(asyncio.get_running_loop(), threading.Event(), 64, on_prompt=counted.append)
    progress = {"choices": [], "prompt_progress": {"total": 7, "processed": 0}}
    await asyncio.to_thread(answer.run, ScriptedServer([progress, progress, USAGE]), {})
    await answer.next_event(5.0)
    assert counted == [7]
