"""The reader of multipart forms: what it takes, and how it refuses everything else."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from smartlite.api.form_reader import clean_filename
from smartlite.api.multipart import MultipartForm, read_form
from smartlite.errors import (
    AudioEmpty,
    InvalidMultipart,
    InvalidRequest,
    MissingParameter,
    RequestTooLarge,
    SmartLiteError,
    UnsupportedMediaType,
)

BOUNDARY = b"XxBoundaryxX"
CONTENT_TYPE = b"multipart/form-data; boundary=" + BOUNDARY
MAX_BYTES = 1024 * 1024


def part(headers: bytes, data: bytes) -> bytes:
    return b"--" + BOUNDARY + b"\r\n" + headers + b"\r\n\r\n" + data + b"\r\n"


def field(name: str, value: bytes) -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"'.encode(), value)


def file(data: bytes = b"RIFF", filename: bytes = b"a.wav", name: bytes = b"file") -> bytes:
    disposition = b'Content-Disposition: form-data; name="' + name + b'"; filename="' + filename + b'"'
    return part(disposition + b"\r\nContent-Type: audio/wav", data)


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


async def read(
    body: bytes, content_type: bytes | None = CONTENT_TYPE, *, step: int = 1000, hang_up: bool = False
) -> MultipartForm:
    messages: list[Message] = [
        {"type": "http.request", "body": body[start : start + step], "more_body": True}
        for start in range(0, len(body), step)
    ]
    messages.append({"type": "http.disconnect"} if hang_up else {"type": "http.request", "body": b""})
    waiting = iter(messages)

    async def receive() -> Message:
        return next(waiting)

    headers = [] if content_type is None else [(b"content-type", content_type)]
    request = Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)
    return await read_form(request, MAX_BYTES)


async def test_the_file_and_the_fields_are_read() -> None:
    sound = bytes(range(256)) * 20
    read_back = await read(form(field("model", b"whisper-1"), file(sound), field("prompt", "Grüße".encode())))
    assert read_back.audio.data == sound
    assert read_back.audio.filename == "a.wav"
    assert read_back.fields == {"model": ("whisper-1",), "prompt": ("Grüße",)}


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64])
async def test_the_pieces_in_which_a_body_arrives_make_no_difference(step: int) -> None:
    sound = b"\r\n--XxBoundary \r\n--\r\n\r\r\n" * 3
    read_back = await read(form(file(sound), field("model", b"m")), step=step)
    assert read_back.audio.data == sound
    assert read_back.fields == {"model": ("m",)}


async def test_array_names_with_and_without_brackets_are_one_field() -> None:
    read_back = await read(form(file(), field("include[]", b"a"), field("include", b"b"), field("include[]", b"c")))
    assert read_back.fields == {"include": ("a", "b", "c")}


async def test_an_empty_value_is_as_good_as_none() -> None:
    assert (await read(form(file(), field("language", b"")))).fields == {}


async def test_a_file_part_without_a_file_name_is_taken() -> None:
    read_back = await read(form(field("file", b"RIFF")))
    assert (read_back.audio.data, read_back.audio.filename) == (b"RIFF", "")


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\music\\a.wav", "a.wav"),
        ("a\0b\r\nSet-Cookie: x\u202egnp.wav", "abSet-Cookie: xgnp.wav"),
        ("n" * 10_000, "n" * 255),
        ("/", ""),
        ("..", ".."),
        ("Füße 音声.wav", "Füße 音声.wav"),
    ],
)
def test_a_file_name_is_cleaned_for_showing(sent: str, shown: str) -> None:
    assert clean_filename(sent) == shown


async def test_a_file_name_of_ten_thousand_bytes_is_cut() -> None:
    assert len((await read(form(file(filename=b"n" * 10_000)))).audio.filename) == 255


def hostile() -> Iterator[tuple[str, bytes, type[SmartLiteError]]]:
    good = file()
    end = b"--" + BOUNDARY + b"--\r\n"
    disposition = b'Content-Disposition: form-data; name="model"'
    yield "an empty body", b"", InvalidMultipart
    yield "no boundary in the body", b"RIFF" * 100, InvalidMultipart
    yield "another boundary", form(good).replace(BOUNDARY, b"Other"), InvalidMultipart
    yield "cut in the file", file(b"R" * 500)[:300], InvalidMultipart
    yield "cut in a header", file()[:40], InvalidMultipart
    yield "no last boundary", good + field("model", b"m"), InvalidMultipart
    yield "no part at all", end, MissingParameter
    yield "no file", form(field("model", b"m")), MissingParameter
    yield "a file under another name", form(file(name=b"audio")), InvalidMultipart
    yield "an empty file", form(file(b"")), AudioEmpty
    yield "two files", form(good, good), InvalidMultipart
    yield "2,000 files", form(*[file(name=b"f%d" % i) for i in range(2000)]), InvalidMultipart
    yield "5,000 fields", form(good, *[field(f"f{i}", b"") for i in range(5000)]), InvalidMultipart
    yield "a field of 100 kB", form(good, field("prompt", b"p" * 100_000)), InvalidMultipart
    yield "a field name of 1 kB", form(good, field("n" * 1000, b"")), InvalidMultipart
    yield "a header of 1 MB", part(b"X: " + b"h" * 1_000_000, b"") + end, InvalidMultipart
    yield "100 headers", part(b"\r\n".join(b"X%d: h" % i for i in range(100)), b"") + end, InvalidMultipart
    yield "no disposition", form(part(b"Content-Type: audio/wav", b"RIFF")), InvalidMultipart
    yield "a part without a name", form(part(b"Content-Disposition: form-data", b"x")), InvalidMultipart
    yield "another disposition", form(part(b'Content-Disposition: attachment; name="file"', b"x")), InvalidMultipart
    yield "two dispositions", form(part(disposition + b"\r\n" + disposition, b"x")), InvalidMultipart
    yield "base64", form(part(disposition + b"\r\nContent-Transfer-Encoding: base64", b"eA==")), InvalidMultipart
    yield "a header without a colon", form(part(b"nonsense", b"x")), InvalidMultipart
    yield "bare line feeds", form(good).replace(b"\r\n", b"\n"), InvalidMultipart
    yield "a NUL in a value", form(good, field("model", b"whisper\0-1")), InvalidRequest
    yield "a NUL in a name", form(good, field("mo\0del", b"m")), InvalidRequest
    yield "a value in latin-1", form(good, field("prompt", b"gr\xfc\xdfe")), InvalidRequest
    yield "a surrogate in a value", form(good, field("prompt", b"\xed\xb2\x80")), InvalidRequest
    yield "a name in latin-1", form(good, part(b'Content-Disposition: form-data; name="\xff"', b"x")), InvalidRequest


CORPUS = list(hostile())


@pytest.mark.parametrize(("body", "expected"), [row[1:] for row in CORPUS], ids=[row[0] for row in CORPUS])
async def test_a_hostile_form_is_refused_with_its_own_error(body: bytes, expected: type[SmartLiteError]) -> None:
    with pytest.raises(SmartLiteError) as caught:
        await read(body, step=4096)
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        b"",
        b"application/json",
        b"application/x-www-form-urlencoded",
        b"audio/wav",
        b"multipart/mixed; boundary=x",
    ],
)
async def test_what_is_no_multipart_form_is_an_unsupported_media_type(content_type: bytes | None) -> None:
    with pytest.raises(UnsupportedMediaType):
        await read(form(file()), content_type)


@pytest.mark.parametrize("boundary", [b"", b"; boundary=", b"; boundary=" + b"b" * 300])
async def test_a_boundary_that_is_missing_or_too_long_is_an_invalid_form(boundary: bytes) -> None:
    with pytest.raises(InvalidMultipart):
        await read(form(file()), b"multipart/form-data" + boundary)


async def test_a_body_over_the_limit_is_refused_while_it_is_read() -> None:
    sent_bytes = 0

    async def receive() -> Message:
        nonlocal sent_bytes
        sent_bytes += 65536
        return {"type": "http.request", "body": b"R" * 65536, "more_body": True}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", CONTENT_TYPE)]}
    with pytest.raises(RequestTooLarge):
        await read_form(Request(scope, receive), MAX_BYTES)
    assert sent_bytes <= MAX_BYTES + 65536


async def test_a_refused_form_is_read_to_its_end_so_that_the_client_can_read_the_answer() -> None:
    body = form(part(b"nonsense", b"x"), file(b"R" * 100_000))
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        start, taken = taken, taken + 1000
        return {"type": "http.request", "body": body[start:taken], "more_body": taken < len(body)}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", CONTENT_TYPE)]}
    with pytest.raises(InvalidMultipart):
        await read_form(Request(scope, receive), MAX_BYTES)
    assert taken >= len(body)


async def test_a_client_that_hangs_up_half_way_is_no_server_error() -> None:
    with pytest.raises(ClientDisconnect):
        await read(file(b"R" * 5000), hang_up=True)


async def test_a_form_that_stops_arriving_is_given_up() -> None:
    pieces = [file(b"R" * 100)]

    async def receive() -> Message:
        if not pieces:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": pieces.pop(), "more_body": True}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"content-type", CONTENT_TYPE)]}
    with pytest.raises(InvalidMultipart):
        await read_form(Request(scope, receive), MAX_BYTES, idle_timeout_s=0.01)


@pytest.mark.parametrize("body", [row[1] for row in CORPUS], ids=[row[0] for row in CORPUS])
@pytest.mark.parametrize("path", ["/v1/audio/transcriptions", "/v1/audio/translations", "/v1/voice/turns"])
async def test_no_route_answers_a_hostile_form_with_a_server_error(
    client: httpx.AsyncClient, path: str, body: bytes
) -> None:
    answer = await client.post(path, content=body, headers={"content-type": CONTENT_TYPE.decode()})
    assert 400 <= answer.status_code < 500
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
