"""Too large, compressed, or lying about its size: refused, mostly before the body is read."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from smartlite.api.app import create_app
from smartlite.api.middleware.body_limit import DRAIN_BYTES, BodyLimitMiddleware
from smartlite.api.services import Services
from smartlite.config import Settings
from smartlite.errors import InvalidRequest, RequestTooLarge

PATH = "/v1/chat/completions"


@pytest.fixture
async def small(build_services: Callable[..., Services], settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A gateway that takes 2,000 bytes of JSON and 4,000 of a form."""
    app = create_app(build_services(settings.model_copy(update={"max_json_bytes": 2000, "max_upload_bytes": 4000})))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        yield client


def body(size: int) -> bytes:
    start = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"'
    return start + b"x" * (size - len(start) - 4) + b'"}]}'


async def chunked(data: bytes) -> AsyncIterator[bytes]:
    for begin in range(0, len(data), 500):
        yield data[begin : begin + 500]


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize(("size", "status"), [(2000, 200), (2001, 413), (100_000, 413)])
async def test_json_is_taken_up_to_the_limit(
    small: httpx.AsyncClient, size: int, status: int, is_chunked: bool
) -> None:
    content = chunked(body(size)) if is_chunked else body(size)
    answer = await small.post(PATH, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    if status == 413:
        assert answer.json()["error"]["code"] == "request_too_large"
        assert "2000 bytes" in answer.json()["error"]["message"]
        assert answer.headers["x-request-id"]


async def test_a_form_has_a_limit_of_its_own(small: httpx.AsyncClient) -> None:
    path = "/v1/audio/transcriptions"
    large = await small.post(path, files={"file": ("a.wav", b"x" * 5000)}, data={"model": "whisper-1"})
    medium = await small.post(path, files={"file": ("a.wav", b"x" * 3000)}, data={"model": "whisper-1"})
    assert large.status_code == 413
    assert medium.status_code != 413


class Reader:
    """The app behind the middleware: reads everything, notes what it got."""

    def __init__(self) -> None:
        self.received = 0
        self.called = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.called = True
        while True:
            message = await receive()
            self.received += len(message.get("body", b""))
            if not message.get("more_body"):
                return


class Sender:
    """A client with an endless body."""

    def __init__(self, chunk: int) -> None:
        self.chunk = chunk
        self.sent = 0

    async def receive(self) -> Message:
        self.sent += self.chunk
        return {"type": "http.request", "body": b"x" * self.chunk, "more_body": True}


async def ignore(message: Message) -> None:
    pass


def scope(**headers: str) -> Scope:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": "POST", "path": "/", "headers": pairs}


async def test_a_length_over_the_limit_is_refused_before_the_body_is_read() -> None:
    reader, sender = Reader(), Sender(64 * 1024)
    with pytest.raises(RequestTooLarge):
        await BodyLimitMiddleware(reader, 1000, 1000)(scope(content_length="999999999"), sender.receive, ignore)
    assert not reader.called
    assert sender.sent == DRAIN_BYTES  # a little is drained so that the client can read the answer, and no more


async def test_a_client_that_waits_for_100_continue_is_refused_without_a_byte() -> None:
    sender = Sender(1024)
    with pytest.raises(RequestTooLarge):
        await BodyLimitMiddleware(Reader(), 1000, 1000)(
            scope(content_length="5000", expect="100-continue"), sender.receive, ignore
        )
    assert sender.sent == 0


async def test_a_body_without_length_is_cut_off_at_the_limit() -> None:
    reader, sender = Reader(), Sender(600)
    with pytest.raises(RequestTooLarge):
        await BodyLimitMiddleware(reader, 1000, 1000)(scope(), sender.receive, ignore)
    assert reader.received == 600
    assert sender.sent < DRAIN_BYTES + 3000


async def test_a_body_longer_than_its_length_is_cut_off_too() -> None:
    sender = Sender(600)
    with pytest.raises(RequestTooLarge):
        await BodyLimitMiddleware(Reader(), 1000, 1000)(scope(content_length="10"), sender.receive, ignore)


@pytest.mark.parametrize("length", ["-1", "abc", "1e3", "0x10", "", " ", "1_000", "٣", "+5", "1.0"])
async def test_a_length_that_is_no_number_is_a_400(length: str) -> None:
    with pytest.raises(InvalidRequest):
        await BodyLimitMiddleware(Reader(), 1000, 1000)(scope(content_length=length), Sender(1).receive, ignore)


async def test_a_length_of_many_digits_costs_nothing() -> None:
    with pytest.raises(RequestTooLarge):
        await BodyLimitMiddleware(Reader(), 1000, 1000)(
            scope(content_length="9" * 100_000, expect="100-continue"), Sender(1).receive, ignore
        )


async def test_two_lengths_that_differ_are_a_400() -> None:
    two = scope()
    two["headers"] = [(b"content-length", b"1"), (b"content-length", b"2")]
    with pytest.raises(InvalidRequest):
        await BodyLimitMiddleware(Reader(), 1000, 1000)(two, Sender(1).receive, ignore)


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "GZIP", "identity, gzip", "nonsense"])
async def test_a_compressed_body_is_a_415(small: httpx.AsyncClient, encoding: str) -> None:
    headers = {"content-type": "application/json", "content-encoding": encoding}
    answer = await small.post(PATH, content=b"\x1f\x8b" + b"x" * 100, headers=headers)
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_media_type"


async def test_identity_is_no_compression(small: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/json", "content-encoding": "identity"}
    assert (await small.post(PATH, content=body(200), headers=headers)).status_code == 200
