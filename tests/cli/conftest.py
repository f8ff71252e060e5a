"""The command line over the gateway of ``tests/conftest.py``, in this process and without a socket."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from typer.testing import CliRunner, Result

from smartlite.cli.main import app as command_line

Run = Callable[..., Result]


class InProcess(httpx.BaseTransport):
    """Hands each request to an ASGI app and waits for its whole answer."""

    def __init__(self, app: FastAPI) -> None:
        self._asgi = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.runner = asyncio.Runner()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        return self.runner.run(
            self._answer(httpx.Request(request.method, request.url, headers=request.headers, content=body))
        )

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        response = await self._asgi.handle_async_request(request)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())

    def end(self) -> None:
        self.runner.close()


@pytest.fixture
def transport(app: FastAPI) -> Iterator[InProcess]:
    """The way to the gateway over fake engines."""
    transport = InProcess(app)
    yield transport
    transport.end()


@pytest.fixture
def run(transport: InProcess) -> Run:
    """Run ``smartlite`` with arguments against the gateway over fake engines, or over another transport."""

    def run(*arguments: str, stdin: bytes = b"", transport: httpx.BaseTransport = transport) -> Result:
        return CliRunner().invoke(command_line, arguments, input=stdin, obj=transport)

    return run


@pytest.fixture
def question(tmp_path: Path, speech_wav: bytes) -> Path:
    """Two seconds of sound in a file."""
    path = tmp_path / "question.wav"
    path.write_bytes(speech_wav)
    return path


def refuse(request: httpx.Request) -> httpx.Response:
    """What a machine answers where nothing listens."""
    raise httpx.ConnectError("Connection refused", request=request)


@pytest.fixture
def nothing_there() -> httpx.MockTransport:
    """A transport to a port where nothing listens."""
    return httpx.MockTransport(refuse)
