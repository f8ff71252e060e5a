"""Parts of bytes by the header Range."""

import pytest
from starlette.requests import Request
from starlette.responses import Response

from smartlite.api.byte_range import ranged_response

DATA = b"0123456789"


def asked(data: bytes = DATA, **headers: str) -> Response:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    request = Request({"type": "http", "method": "GET", "path": "/", "headers": raw, "query_string": b""})
    return ranged_response(request, data, "a", "audio/wav", {})


@pytest.mark.parametrize(
    ("wanted", "body", "told"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=7-99", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", DATA, "bytes 0-9/10"),
    ],
)
def test_a_range_is_a_206_with_its_place(wanted: str, body: bytes, told: str) -> None:
    answer = asked(range=wanted)
    assert (answer.status_code, answer.body, answer.headers["content-range"]) == (206, body, told)
    assert (answer.headers["content-type"], answer.headers["content-length"]) == ("audio/wav", str(len(body)))


@pytest.mark.parametrize("wanted", ["bytes=10-", "bytes=10-12", "bytes=-0"])
def test_what_is_not_there_is_a_416_that_says_how_much_there_is(wanted: str) -> None:
    answer = asked(range=wanted)
    assert (answer.status_code, answer.headers["content-range"]) == (416, "bytes */10")


@pytest.mark.parametrize("wanted", ["bytes=", "bytes=-", "bytes=4-2", "bytes=0-1,3-4", "lines=0-1", "bytes=a-b", "x"])
def test_what_is_no_range_of_bytes_is_ignored(wanted: str) -> None:
    answer = asked(range=wanted)
    assert (answer.status_code, answer.body, answer.headers["accept-ranges"]) == (200, DATA, "bytes")


def test_nothing_has_no_parts() -> None:
    assert asked(b"", range="bytes=0-").status_code == 416


def test_a_part_of_other_bytes_is_not_what_a_client_wants_to_go_on_with() -> None:
    tag = asked().headers["etag"]
    assert asked(range="bytes=2-", if_range=tag).status_code == 206
    assert asked(range="bytes=2-", if_range='"other"').body == DATA
