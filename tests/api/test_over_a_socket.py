"""The gateway behind a real server on a Unix socket: what only a connection can show."""

import asyncio
import dataclasses
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.auth.authenticator import Authenticator
from smartlite.domain.llm import TextDelta
from tests.api.scripted import ScriptedLLM
from tests.auth.keyring import Keyring

PATH = "/v1/chat/completions"


class Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@asynccontextmanager
async def served(app: FastAPI, path: Path) -> AsyncIterator[None]:
    server = Server(uvicorn.Config(app, uds=str(path), log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve())
    await server.listening.wait()
    try:
        yield
    finally:
        server.should_exit = server.force_exit = True
        await task


def head(**headers: str) -> bytes:
    lines = [
        f"POST {PATH} HTTP/1.1",
        "host: gateway",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize("stream", [False, True])
async def test_closing_the_connection_stops_the_work(services: Services, tmp_path: Path, stream: bool) -> None:
    llm = ScriptedLLM(*([TextDelta("Hi")] if stream else []), waits=True)
    body = json.dumps({"model": "fake-llm", "messages": [{"role": "user", "content": "x"}], "stream": stream}).encode()
    async with served(create_app(dataclasses.replace(services, llm=llm)), tmp_path / "s"), asyncio.timeout(20):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(head(content_type="application/json", content_length=str(len(body))) + body)
        await llm.working.wait()
        if stream:
            assert b"200 OK" in await reader.readline()
        writer.close()
        await llm.closed.wait()


@pytest.mark.parametrize("declared", [True, False])
async def test_a_client_that_is_still_sending_reads_its_413(app: FastAPI, tmp_path: Path, declared: bool) -> None:
    size = 30 * 1024 * 1024
    async with served(app, tmp_path / "s"), asyncio.timeout(60):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        with closing(writer):
            if declared:
                writer.write(head(content_type="application/json", content_length=str(size)))
            else:
                writer.write(head(content_type="application/json", transfer_encoding="chunked"))

            async def send_all() -> None:
                block = b"x" * 65536
                frame = block if declared else b"10000\r\n" + block + b"\r\n"
                with suppress(ConnectionError):
                    for _ in range(size // len(block)):
                        writer.write(frame)
                        await writer.drain()

            sending = asyncio.create_task(send_all())
            answer = await reader.readuntil(b"\r\n\r\n")
            sending.cancel()
            assert answer.startswith(b"HTTP/1.1 413 ")
            assert b"x-request-id: req_" in answer


async def test_a_client_that_is_still_sending_reads_its_401(services: Services, tmp_path: Path) -> None:
    size = 30 * 1024 * 1024
    app = create_app(dataclasses.replace(services, authenticator=Authenticator(Keyring().find)))
    async with served(app, tmp_path / "s"), asyncio.timeout(60):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        with closing(writer):
            writer.write(head(content_type="application/json", content_length=str(size)))
            for _ in range(size // 65536):
                writer.write(b"x" * 65536)
                await writer.drain()
            assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")


async def test_a_client_that_waits_for_100_continue_gets_its_413_at_once(app: FastAPI, tmp_path: Path) -> None:
    async with served(app, tmp_path / "s"), asyncio.timeout(20):
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        with closing(writer):
            writer.write(head(content_type="application/json", content_length="99999999", expect="100-continue"))
            assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")


async def test_a_failure_in_the_middle_of_bytes_breaks_the_body(app: FastAPI, tmp_path: Path) -> None:
    from starlette.responses import StreamingResponse

    async def chunks() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("boom")

    @app.post(PATH + "/half")
    async def half() -> StreamingResponse:
        return StreamingResponse(chunks(), media_type="audio/mpeg")

    logging.getLogger("uvicorn.error").disabled = True
    try:
        async with served(app, tmp_path / "s"), asyncio.timeout(20):
            reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
            with closing(writer):
                writer.write(f"POST {PATH}/half HTTP/1.1\r\nhost: gateway\r\ncontent-length: 0\r\n\r\n".encode())
                answer = await reader.read()
    finally:
        logging.getLogger("uvicorn.error").disabled = False
    assert b"half" in answer
    assert not answer.endswith(b"0\r\n\r\n")
