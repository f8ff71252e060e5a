"""The engines that ask another server, when it fails, falls silent, sends elsewhere or repeats a key."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.responses import JSONResponse, Response, StreamingResponse

from smartlite.domain.llm import ChatOptions
from smartlite.errors import (
    ConfigurationError,
    ContextLengthExceeded,
    DeadlineExceeded,
    InvalidRequest,
    Overloaded,
    SmartLiteError,
    Unavailable,
)
from tests.engines.upstream_server import HELLO, KEY, answering, collect, failing, llm, served, sse

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM_KEY", KEY)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "invalid_value", InvalidRequest),
        (400, "context_length_exceeded", ContextLengthExceeded),
        (401, "invalid_api_key", Unavailable),
        (403, None, Unavailable),
        (404, "model_not_found", Unavailable),
        (429, "rate_limit_exceeded", Overloaded),
        (500, None, Unavailable),
        (503, None, Unavailable),
        (504, None, DeadlineExceeded),
    ],
)
async def test_the_servers_errors_become_ours(status: int, code: str | None, expected: type[SmartLiteError]) -> None:
    with served(failing(status, code)) as url, pytest.raises(SmartLiteError) as caught:
        await anext(llm(url).chat(HELLO, ChatOptions()))
    assert type(caught.value) is expected


@pytest.mark.parametrize("status", [400, 401, 422, 500])
async def test_keys_never_reach_answers_or_logs(status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    message = f"Incorrect API key provided: {KEY} or sk-other-12345678."
    with served(failing(status, None, message)) as url, pytest.raises(SmartLiteError) as caught:
        await anext(llm(url).chat(HELLO, ChatOptions()))
    for text in (str(caught.value), repr(caught.value.__cause__), caplog.text):
        assert KEY not in text
    assert "sk-other" not in str(caught.value)


async def test_a_failure_before_the_answer_is_tried_again() -> None:
    calls: list[int] = []

    def answer(_: dict[str, Any]) -> Response:
        calls.append(1)
        if len(calls) == 1:
            return JSONResponse({"error": {"message": "busy"}}, 503, {"retry-after-ms": "1"})
        return StreamingResponse(sse({"choices": [{"index": 0, "delta": {"content": "Yes"}, "finish_reason": "stop"}]}))

    with served(answering(answer)) as url:
        events = await collect(llm(url, retries=1).chat(HELLO, ChatOptions()))
    assert [event.text for event in events[:-1]] == ["Yes"]


async def test_an_error_event_in_a_stream_is_an_error() -> None:
    def body() -> Iterator[bytes]:
        yield b'data: {"error": {"message": "out of memory", "code": "server_error"}}\n\n'

    app = answering(lambda _: StreamingResponse(body(), media_type="text/event-stream"))
    with served(app) as url, pytest.raises(Unavailable):
        await collect(llm(url).chat(HELLO, ChatOptions()))


async def test_a_server_that_is_away_is_unavailable_and_the_engine_stays_healthy() -> None:
    engine = llm("http://127.0.0.1:9/v1", connect_timeout_s=1)
    with pytest.raises(Unavailable):
        await anext(engine.chat(HELLO, ChatOptions()))
    await engine.check_health()


async def test_a_redirect_is_not_followed_with_the_key() -> None:
    caught_elsewhere = failing(400)
    with served(caught_elsewhere) as elsewhere:
        redirect = answering(lambda _: Response(status_code=307, headers={"location": f"{elsewhere}/x"}))
        with served(redirect) as url, pytest.raises(Unavailable):
            await anext(llm(url).chat(HELLO, ChatOptions()))
    assert caught_elsewhere.state.seen == []


def test_a_missing_key_is_told_by_the_variables_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPSTREAM_KEY")
    with pytest.raises(ConfigurationError, match="UPSTREAM_KEY is not set"):
        llm("http://127.0.0.1:9/v1")
