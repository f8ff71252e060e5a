"""What broken and hostile clients send, over HTTP: each gets its 4xx, none breaks a stage."""

import json
import socket
from pathlib import Path

import httpx
import pytest

from smartlite.errors import SmartLiteError
from tests.codecs.hostile import HARMLESS, HOSTILE, make_concat, make_playlist, make_wav
from tests.platform.running import RunningPlatform

pytestmark = [pytest.mark.serve, pytest.mark.models, pytest.mark.enable_socket, pytest.mark.timeout(400)]

TRANSCRIPTIONS = "/v1/audio/transcriptions"
CHAT = "/v1/chat/completions"
GOOD = b'{"model":"smollm2-135m-instruct","max_tokens":4,"messages":[{"role":"user","content":"hi"}]%s}'


def transcribe(client: httpx.Client, data: bytes, name: str = "speech.wav") -> httpx.Response:
    return client.post(TRANSCRIPTIONS, files={"file": (name, data)}, data={"model": "whisper-tiny.en"})


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_gets_its_error(client: httpx.Client, name: str) -> None:
    data, error = HOSTILE[name]
    check_refused(transcribe(client, data), error)


def check_refused(answer: httpx.Response, error: type[SmartLiteError]) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (error.status_code, error.code)


@pytest.mark.parametrize("name", HARMLESS)
def test_an_odd_but_harmless_file_is_taken(client: httpx.Client, name: str) -> None:
    answer = transcribe(client, HARMLESS[name][0])
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("path", [TRANSCRIPTIONS, "/v1/voice/turns"])
def test_a_text_that_names_a_file_never_has_it_read(
    client: httpx.Client, question: bytes, tmp_path: Path, path: str
) -> None:
    """The canary is a recording that is understood when it is sent itself."""
    canary = tmp_path / "canary.wav"
    canary.write_bytes(question)
    for text in (make_concat(str(canary)), make_playlist(canary.as_uri()), make_playlist(str(canary))):
        answer = client.post(path, files={"file": ("speech.wav", text)}, data={"model": "whisper-1"})
        assert answer.status_code == 415
        assert "ocean" not in answer.text


def test_a_text_that_names_an_address_never_has_it_opened(client: httpx.Client) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        canary.settimeout(0.5)
        port = canary.getsockname()[1]
        answer = transcribe(client, make_playlist(f"http://127.0.0.1:{port}/segment.ts"))
        assert answer.status_code == 415
        with pytest.raises(TimeoutError):
            canary.accept()


def test_an_upload_over_the_limit_is_refused_before_it_is_read(platform: RunningPlatform) -> None:
    """Only the head is sent; an answer can then only be about the length it announces."""
    head = (
        f"POST {TRANSCRIPTIONS} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {27 * 1024 * 1024}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", platform.port), timeout=10) as connection:
        connection.sendall(head.encode())
        received = connection.recv(65536)
    status, _, rest = received.partition(b"\r\n")
    assert status.split()[1] == b"413"
    body = rest.partition(b"\r\n\r\n")[2]
    assert json.loads(body)["error"]["code"] == "request_too_large"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'model': 'x'}",
        GOOD % b',"temperature":NaN',
        GOOD % b',"temperature":1e400',
        GOOD % b',"temperature":"hot"',
        GOOD % b',"max_tokens":true',
        GOOD % rb',"user":"\udc80"',
        GOOD % rb',"user":"a\u0000b"',
        b"[" * 100_000,
        b'{"model": "\xff\xfe"}',
        b'{"model":"smollm2-135m-instruct","messages":[]}',
        b'{"model":"smollm2-135m-instruct"}',
    ],
    ids=lambda body: repr(body[:60]),
)
def test_hostile_json_gets_400(client: httpx.Client, body: bytes) -> None:
    answer = client.post(CHAT, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert set(answer.json()["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/nothing", 404),
        ("GET", CHAT, 405),
        ("POST", "/v1/models", 405),
        ("GET", "/-/routes", 404),
        ("GET", "/%2D/routes", 404),
        ("GET", "/-/healthz", 404),
    ],
)
def test_what_is_not_there_says_so_in_openais_words(client: httpx.Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_json_of_another_content_type_is_415(client: httpx.Client) -> None:
    answer = client.post(CHAT, content=GOOD % b"", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_all_stages_are_ready_after_a_last_hostile_file(platform: RunningPlatform, client: httpx.Client) -> None:
    assert transcribe(client, make_wav(channels=300)).status_code == 422
    status, readiness = platform.readiness()
    assert status == 200, readiness
    assert len(platform.replicas("asr")) == 1
