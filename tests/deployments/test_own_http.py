"""A real uvicorn with our classes over an app that pauses between head and body: what the client gets first."""

import asyncio
import socket
from collections.abc import AsyncIterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from uvicorn.protocols.http import httptools_impl

from deployments.own_http import Cycle, Protocol, direct

pytestmark = [pytest.mark.integration, pytest.mark.enable_socket]


class Books:
    """Stands in for what Serve is told."""

    def __init__(self) -> None:
        self.under_way = 0
        self.ended: list[tuple[str, str, int]] = []

    def begin(self) -> float:
        self.under_way += 1
        return 0.0

    def end(self, method: str, route: str, status: int, _began_s: float) -> None:
        self.under_way -= 1
        self.ended.append((method, route, status))


seen = SimpleNamespace()
"""Events of the test that runs."""


async def app(scope: Any, receive: Any, send: Any) -> None:
    path = scope["path"]
    length = [] if path == "/stream" else [(b"content-length", b"5")]
    if path == "/split":
        length.append((b"x-said", b"a\r\nset-cookie: b"))
    if path == "/hears":
        while (await receive()).get("more_body"):
            pass
        seen.heard.set()
    if path in {"/hangs", "/hears"}:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.cancelled.set()
            raise
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await asyncio.sleep(0.05)  # a head that is sent alone arrives alone
    if path == "/fails":
        raise RuntimeError("no body")
    if path == "/stream":
        await send({"type": "http.response.body", "body": b"hel", "more_body": True})
        await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": b"lo"})
    else:
        await send({"type": "http.response.body", "body": b"hello"})


async def serves(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"serve"})


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
async def port(books: Books, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    seen.cancelled, seen.heard = asyncio.Event(), asyncio.Event()
    monkeypatch.setattr(httptools_impl, "RequestResponseCycle", Cycle)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        protocol: Any = partial(Protocol, books)
        config = uvicorn.Config(direct(app, serves), http=protocol, lifespan="off", log_config=None)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


async def ask(port: int, *paths: str, connection: str = "keep-alive") -> list[bytes]:
    """What arrives first for each request on one connection, and at last what is left until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    pieces = []
    for path in paths:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\n\r\n".encode())
        pieces.append(await reader.read(65536))
    if connection == "close" or "/stream" in paths:
        pieces.append(await reader.readuntil(b"0\r\n\r\n") if "/stream" in paths else await reader.read())
    writer.close()
    await writer.wait_closed()
    return pieces


async def test_the_body_comes_with_the_head_on_every_request_of_a_connection(port: int) -> None:
    for piece in await ask(port, "/", "/"):
        assert piece.startswith(b"HTTP/1.1 200 OK\r\n")
        assert piece.endswith(b"\r\n\r\nhello")


async def test_a_connection_that_ends_is_closed_after_the_body(port: int) -> None:
    first, rest = await ask(port, "/", connection="close")
    assert first.endswith(b"\r\n\r\nhello")
    assert rest == b""


async def test_a_stream_begins_with_its_first_piece_and_goes_on(port: int) -> None:
    first, rest = await ask(port, "/stream")
    assert first.endswith(b"\r\n\r\n3\r\nhel\r\n")
    assert rest == b"2\r\nlo\r\n0\r\n\r\n"


async def test_an_app_that_fails_before_its_body_answers_500(port: int) -> None:
    (first,) = await ask(port, "/fails")
    assert first.startswith(b"HTTP/1.1 500 ")


async def test_a_client_that_leaves_before_the_body_harms_nobody(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await ask(port, "/"))[0].endswith(b"hello")


async def test_a_client_that_hangs_up_ends_the_work_on_its_request(port: int, books: Books) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /hangs HTTP/1.1\r\nHost: a\r\n\r\n")
    await writer.drain()
    async with asyncio.timeout(10):
        while not books.under_way:  # noqa: ASYNC110 - the request tells nobody else that it has begun
            await asyncio.sleep(0.01)
    writer.close()
    async with asyncio.timeout(10):
        await seen.cancelled.wait()
        while books.under_way:  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.01)


async def test_a_client_that_hangs_up_after_a_large_body_is_noticed_too(port: int, books: Books) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    body = bytes(200_000)  # taken from the socket at once, and more than is held without a pause
    writer.write(b"POST /hears HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body))
    async with asyncio.timeout(10):
        await writer.drain()
        while not books.under_way:  # noqa: ASYNC110 - the request tells nobody else that it has begun
            await asyncio.sleep(0.01)
        writer.write(body)
        await seen.heard.wait()
    writer.close()
    async with asyncio.timeout(10):
        await seen.cancelled.wait()
        while books.under_way:  # noqa: ASYNC110 - the request tells nobody else that it has ended
            await asyncio.sleep(0.01)


async def test_what_belongs_to_serve_is_answered_by_serve(port: int) -> None:
    assert (await ask(port, "/-/healthz"))[0].endswith(b"serve")


async def test_a_header_that_would_split_the_answer_is_not_sent(port: int) -> None:
    assert b"set-cookie" not in (await ask(port, "/split"))[0]


async def test_every_request_is_entered_in_the_books(port: int, books: Books) -> None:
    await ask(port, "/", "/fails")
    assert books.ended == [("GET", "", 200), ("GET", "", 500)]
    assert books.under_way == 0
