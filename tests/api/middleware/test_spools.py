"""Large bodies leave nothing behind, however their requests end. Linux tells which files without a name are open."""

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.asr import TranscriptFinished, TranscriptInfo
from smartlite.errors import ReplicaLost
from tests.api.scripted import ScriptedASR

PATH = "/v1/audio/transcriptions"
LARGE = bytes(3 * 1024 * 1024)


def nameless() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add(str(descriptor.readlink()))
    return {name for name in found if name.endswith("(deleted)")}


class Counting(ScriptedASR):
    """Notes which files are open while it works."""

    open_then: frozenset[str] = frozenset()

    def transcribe(self, request: Any) -> Any:
        self.open_then = frozenset(nameless())
        return self.play(request)


@pytest.fixture
def stage() -> Counting:
    return Counting(TranscriptInfo("en", 1.0, 1.0), TranscriptFinished(0.0, 0.0))


@pytest.fixture
def app(services: Services, stage: Counting) -> Any:
    return create_app(dataclasses.replace(services, asr=stage))


@pytest.fixture
def before() -> set[str]:
    return nameless()


@pytest.mark.parametrize("fields", [{"model": "whisper-1"}, {"model": "whisper-1", "stream": "true"}])
async def test_a_file_is_there_while_the_stage_works_and_gone_afterwards(
    client: httpx.AsyncClient, stage: Counting, before: set[str], fields: dict[str, str]
) -> None:
    answer = await client.post(PATH, data=fields, files={"file": LARGE})
    assert answer.status_code == 200
    assert len(stage.open_then - before) == 1
    assert nameless() == before


async def test_a_request_that_is_refused_leaves_nothing(client: httpx.AsyncClient, before: set[str]) -> None:
    answer = await client.post(PATH, data={"model": "nobody"}, files={"file": LARGE})
    assert answer.status_code == 404
    assert nameless() == before


async def test_a_stage_that_fails_leaves_nothing(client: httpx.AsyncClient, stage: Counting, before: set[str]) -> None:
    stage.error = ReplicaLost("It was lost.")
    answer = await client.post(PATH, data={"model": "whisper-1"}, files={"file": LARGE})
    assert answer.status_code == 503
    assert nameless() == before


async def test_a_client_that_hangs_up_leaves_nothing(app: Any, before: set[str]) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    messages: list[Message] = [
        {"type": "http.request", "body": head, "more_body": True},
        {"type": "http.request", "body": LARGE, "more_body": True},
        {"type": "http.disconnect"},
    ]
    open_then: set[str] = set()

    async def receive() -> Message:
        open_then.update(nameless())
        return messages.pop(0)

    async def send(_: Message) -> None:
        """Nobody is there."""

    headers = [(b"host", b"gateway"), (b"content-type", b"multipart/form-data; boundary=b")]
    scope = {"type": "http", "method": "POST", "path": PATH, "raw_path": PATH.encode(), "query_string": b""}
    with suppress(ClientDisconnect):
        await app({**scope, "headers": headers}, receive, send)
    assert len(open_then - before) == 1
    assert nameless() == before
