"""Clients that hang up half-way: the work stops, and whoever comes next is served.

Seen by the processor time that a stage's processes take: what is begun here would keep them busy for far longer than
the test waits.
"""

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Final

import httpx
import pytest

from tests.platform.running import RunningPlatform, eventually

pytestmark = [pytest.mark.serve, pytest.mark.models, pytest.mark.enable_socket, pytest.mark.timeout(400)]

WORKING_CORES: Final = 0.2
IDLE_CORES: Final = 0.15
"""An idle replica takes 0.01 to 0.05 cores for its health checks (measured)."""
IDLE_TIMEOUT_S: Final = 15.0
LLM: Final = "smollm2-135m-instruct"


@contextmanager
def asked(platform: RunningPlatform, request: httpx.Request, times: int) -> Iterator[None]:
    """Send a request over that many connections, and hang up on all of them at the end without reading more."""
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    data = f"{request.method} {request.url.path} HTTP/1.1\r\n{head}\r\n".encode() + request.read()
    with ExitStack() as connections:
        for _ in range(times):
            connection = connections.enter_context(socket.create_connection(("127.0.0.1", platform.port), timeout=30))
            connection.sendall(data)
        yield


def check_stops(platform: RunningPlatform, deployment: str, request: httpx.Request, times: int) -> None:
    platform.wait_whole()
    before = platform.replicas(deployment)
    with asked(platform, request, times):
        eventually(lambda: platform.cores_used(deployment) > WORKING_CORES, 30, f"{deployment} at work")
    eventually(lambda: platform.cores_used(deployment) < IDLE_CORES, IDLE_TIMEOUT_S, f"{deployment} idle again")
    assert platform.replicas(deployment) == before
    assert platform.readiness()[0] == 200


@pytest.mark.parametrize("stream", [True, False])
def test_a_chat_that_nobody_reads_stops(platform: RunningPlatform, client: httpx.Client, stream: bool) -> None:
    messages = [{"role": "user", "content": "Write a very long story about a ship."}]
    body = {"model": LLM, "messages": messages, "temperature": 1, "seed": 1, "max_tokens": 1500, "stream": stream}
    check_stops(platform, "llm", client.build_request("POST", "/v1/chat/completions", json=body), 8)
    # Every slot of the engine is free again: four at once are answered.
    quick = {**body, "max_tokens": 4, "stream": False}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: client.post("/v1/chat/completions", json=quick).status_code, range(4)))
    assert answers == [200] * 4


@pytest.mark.parametrize("stream_format", ["audio", "sse"])
def test_speech_that_nobody_hears_stops(platform: RunningPlatform, client: httpx.Client, stream_format: str) -> None:
    text = "This is one of many sentences that are spoken aloud to nobody. " * 65
    body = {"model": "tts-1", "voice": "alloy", "input": text, "stream_format": stream_format}
    check_stops(platform, "tts", client.build_request("POST", "/v1/audio/speech", json=body), 8)
    answer = client.post("/v1/audio/speech", json={**body, "input": "Hello."})
    assert answer.status_code == 200


@pytest.mark.parametrize("stream", ["true", "false"])
def test_a_transcription_that_nobody_reads_stops(
    platform: RunningPlatform,
    client: httpx.Client,
    speak: Callable[[str], bytes],
    wav: Callable[[bytes], bytes],
    question: bytes,
    stream: str,
) -> None:
    paragraph = speak("The weather in Boston is cold and windy today. Our train leaves on Monday morning. " * 3)
    recording = wav(paragraph * (20_000_000 // len(paragraph)))
    fields = {"model": "whisper-1", "stream": stream}
    request = client.build_request(
        "POST", "/v1/audio/transcriptions", files={"file": ("long.wav", recording)}, data=fields
    )
    check_stops(platform, "asr", request, 2)
    answer = client.post("/v1/audio/transcriptions", files={"file": ("q.wav", question)}, data={"model": "whisper-1"})
    assert answer.status_code == 200


def test_a_voice_turn_that_nobody_hears_stops(
    platform: RunningPlatform, client: httpx.Client, speak: Callable[[str], bytes], wav: Callable[[bytes], bytes]
) -> None:
    recording = wav(speak("Please tell me a long story about a ship and its captain."))
    request = client.build_request(
        "POST", "/v1/voice/turns", files={"file": ("question.wav", recording)}, data={"stream": "true"}
    )
    check_stops(platform, "llm", request, 8)


def test_an_upload_that_stops_half_way_harms_nobody(
    platform: RunningPlatform, client: httpx.Client, question: bytes
) -> None:
    head = (
        "POST /v1/audio/transcriptions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100000\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    for _ in range(8):
        with socket.create_connection(("127.0.0.1", platform.port), timeout=10) as connection:
            connection.sendall(head.encode())
    answer = client.post("/v1/audio/transcriptions", files={"file": ("q.wav", question)}, data={"model": "whisper-1"})
    assert answer.status_code == 200
    assert platform.readiness()[0] == 200
