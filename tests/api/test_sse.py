"""Events on the wire: framing, comments in silence, errors, clients that leave or do not read."""

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from smartlite.api.observation import observe
from smartlite.api.sse import Event, sse_response
from smartlite.errors import NoSpeech


async def never() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


class Wire:
    """Notes what is sent; ``on_send`` may do something first."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def body(self) -> str:
        return b"".join(message.get("body", b"") for message in self.messages).decode()

    @property
    def is_complete(self) -> bool:
        return self.messages[-1].get("more_body") is False


def request(receive: object = never) -> Request:
    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)  # type: ignore[arg-type]


async def events(*items: Event) -> AsyncGenerator[Event, None]:
    for item in items:
        yield item


async def test_each_event_is_one_line_of_json_and_done_is_the_last() -> None:
    wire = Wire()
    response = await sse_response(request(), events({"a": "ä\n\ud800"}, {"b": None}), done=True)
    await response({"type": "http"}, never, wire.send)
    assert wire.body == 'data: {"a":"ä\\n?"}\n\ndata: {"b":null}\n\ndata: [DONE]\n\n'
    assert wire.is_complete
    headers = dict(wire.messages[0]["headers"])
    assert headers[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert headers[b"cache-control"] == b"no-cache"
    assert headers[b"x-accel-buffering"] == b"no"
    assert b"content-length" not in headers


async def test_done_is_sent_only_where_it_is_asked_for() -> None:
    wire = Wire()
    response = await sse_response(request(), events({"a": 1}))
    await response({"type": "http"}, never, wire.send)
    assert wire.body == 'data: {"a":1}\n\n'


async def test_a_named_event_has_its_type_before_its_data() -> None:
    async def failing() -> AsyncGenerator[Event, None]:
        yield {"type": "a.b", "c": 1}
        raise NoSpeech("Nothing was said.", "file")

    wire = Wire()
    await (await sse_response(request(), failing(), named=True))({"type": "http"}, never, wire.send)
    first, last = wire.body.strip().split("\n\n")
    assert first == 'event: a.b\ndata: {"type":"a.b","c":1}'
    assert last.startswith('event: error\ndata: {"error":')


async def test_an_error_before_the_first_event_is_raised_before_anything_is_sent() -> None:
    async def failing() -> AsyncGenerator[Event, None]:
        raise NoSpeech("Nothing was said.", "file")
        yield {}

    with pytest.raises(NoSpeech):
        await sse_response(request(), failing())


async def test_an_error_in_the_middle_is_the_last_event() -> None:
    async def failing() -> AsyncGenerator[Event, None]:
        yield {"a": 1}
        raise NoSpeech("Nothing was said.", "file")

    wire = Wire()
    asked = request()
    await (await sse_response(asked, failing(), done=True))({"type": "http"}, never, wire.send)
    last = json.loads(wire.body.strip().split("\n\n")[-1].removeprefix("data: "))
    assert last == {
        "error": {
            "message": "Nothing was said.",
            "type": "invalid_request_error",
            "param": "file",
            "code": "no_speech",
        }
    }
    assert wire.is_complete
    assert observe(asked).error_code == "no_speech"


async def test_silence_is_filled_with_comments() -> None:
    wire = Wire()
    pinged = asyncio.Event()

    async def send(message: Message) -> None:
        await wire.send(message)
        if message.get("body") == b": ping\n\n":
            pinged.set()

    async def slow() -> AsyncGenerator[Event, None]:
        yield {"a": 1}
        await pinged.wait()
        yield {"b": 2}

    await (await sse_response(request(), slow(), ping_interval_s=0.01))({"type": "http"}, never, send)
    assert wire.body.startswith('data: {"a":1}\n\n: ping\n\n')
    assert wire.body.endswith('data: {"b":2}\n\n')


async def test_no_comment_is_sent_while_events_flow() -> None:
    wire = Wire()
    await (await sse_response(request(), events(*({"n": n} for n in range(50))), ping_interval_s=60))(
        {"type": "http"}, never, wire.send
    )
    assert ": ping" not in wire.body


async def test_a_client_that_leaves_closes_the_source_at_once() -> None:
    wire = Wire()
    closed = asyncio.Event()
    working = asyncio.Event()

    async def endless() -> AsyncGenerator[Event, None]:
        try:
            yield {"a": 1}
            working.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async def receive() -> Message:
        await working.wait()
        return {"type": "http.disconnect"}

    asked = request()
    async with asyncio.timeout(5):
        await (await sse_response(asked, endless()))({"type": "http"}, receive, wire.send)
    assert closed.is_set()
    assert not wire.is_complete
    assert observe(asked).client_gone
    assert len(asyncio.all_tasks()) == 1


async def test_a_client_that_leaves_before_the_first_event_closes_the_source() -> None:
    closed = asyncio.Event()
    working = asyncio.Event()

    async def endless() -> AsyncGenerator[Event, None]:
        try:
            working.set()
            await asyncio.Event().wait()
            yield {}
        finally:
            closed.set()

    async def receive() -> Message:
        await working.wait()
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect):
        await sse_response(request(receive), endless())
    assert closed.is_set()


async def test_a_connection_that_breaks_while_it_is_written_closes_the_source() -> None:
    closed = asyncio.Event()

    async def source() -> AsyncGenerator[Event, None]:
        try:
            while True:
                yield {"a": 1}
        finally:
            closed.set()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            raise BrokenPipeError

    asked = request()
    await (await sse_response(asked, source()))({"type": "http"}, never, send)
    assert closed.is_set()
    assert observe(asked).client_gone


async def test_a_value_that_json_cannot_hold_is_an_error_event_and_no_broken_line() -> None:
    wire = Wire()
    await (await sse_response(request(), events({"a": 1}, {"b": float("nan")})))({"type": "http"}, never, wire.send)
    assert "internal_error" in wire.body
    assert "NaN" not in wire.body
