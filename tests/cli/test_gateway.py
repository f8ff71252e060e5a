"""The client shared by the commands: errors keep their class, events their bytes, and no wait is without an end."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from smartlite.cli.gateway import Gateway
from smartlite.errors import (
    DeadlineExceeded,
    NotFound,
    Overloaded,
    SmartLiteError,
    Unavailable,
    VoiceNotFound,
)

URL = "http://127.0.0.1:8000"


def gateway(answer: Callable[[httpx.Request], httpx.Response]) -> Gateway:
    return Gateway(URL, transport=httpx.MockTransport(answer))


def refusal(status: int, code: str) -> httpx.Response:
    error = {"message": "No.", "type": "invalid_request_error", "param": "voice", "code": code}
    return httpx.Response(status, json={"error": error})


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "voice_not_found", VoiceNotFound),
        (429, "server_overloaded", Overloaded),
        (400, "of_a_later_version", SmartLiteError),
    ],
)
def test_a_refusal_is_raised_as_the_class_that_has_its_code(status: int, code: str, kind: type[SmartLiteError]) -> None:
    with gateway(lambda _: refusal(status, code)) as client, pytest.raises(SmartLiteError) as caught:
        client.json("GET", "/v1/models")
    assert type(caught.value) is kind
    assert (caught.value.message, caught.value.param) == ("No.", "voice")


def test_nothing_listening_says_what_was_tried_and_how_to_start(nothing_there: httpx.MockTransport) -> None:
    with Gateway(URL, transport=nothing_there) as client, pytest.raises(Unavailable) as caught:
        client.json("GET", "/v1/models")
    for part in (URL, "Connection refused", "smartlite serve", "make run"):
        assert part in caught.value.message


def test_the_password_of_a_url_is_not_told(nothing_there: httpx.MockTransport) -> None:
    with (
        Gateway("http://me:secret@127.0.0.1:8000", transport=nothing_there) as client,
        pytest.raises(Unavailable) as caught,
    ):
        client.json("GET", "/v1/models")
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "answer", [httpx.Response(404, text="<html>"), httpx.Response(200, text="<html>"), httpx.Response(200, json=[1])]
)
def test_another_server_is_not_taken_for_the_platform(answer: httpx.Response) -> None:
    with gateway(lambda _: answer) as client, pytest.raises(NotFound, match="Is that SmartLite"):
        client.json("GET", "/v1/models")


def test_silence_names_the_option_that_waits_longer() -> None:
    def be_silent(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("", request=request)

    with gateway(be_silent) as client, pytest.raises(DeadlineExceeded, match="--timeout"):
        client.json("GET", "/v1/models")


class Pieces(httpx.SyncByteStream):
    """A body in given pieces that breaks off where one of them is an error."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, Exception):
                raise piece
            yield piece


def events(*pieces: bytes | Exception) -> list[dict[str, object]]:
    with (
        gateway(lambda _: httpx.Response(200, stream=Pieces(*pieces))) as client,
        client.stream("POST", "/x") as response,
    ):
        return list(client.events(response))


def test_events_survive_any_cut_and_every_character_that_ends_a_line_elsewhere() -> None:
    text = "a\u2028b\x85c ü"
    line = b": ping\n\ndata: " + json.dumps({"text": text}, ensure_ascii=False).encode() + b"\n\ndata: [DONE]\n\n"
    for cut in range(len(line)):
        assert events(line[:cut], line[cut:]) == [{"text": text}]


def test_an_error_in_the_middle_of_events_is_raised() -> None:
    error = json.dumps({"error": {"message": "Full.", "param": None, "code": "server_overloaded"}}).encode()
    with pytest.raises(Overloaded, match="Full"):
        events(b'data: {"a": 1}\n\ndata: ' + error + b"\n\n")


def test_a_connection_that_breaks_is_told_as_ours() -> None:
    with pytest.raises(Unavailable, match="broke"):
        events(b'data: {"a": 1}\n\n', httpx.RemoteProtocolError("peer closed connection"))
