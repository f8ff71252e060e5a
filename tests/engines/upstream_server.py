"""Servers on a port of this machine for the engines that ask another: any app, or one that answers as it is told.

Must not know any test.
"""

import json
import socket
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from smartlite.domain.llm import Message
from smartlite.domain.models import ModelFiles
from smartlite.engines.registry import create_llm

_START_TIMEOUT_S = 20.0
KEY = "sk-test-0123456789abcdef"
"""What the tests put into the environment variable UPSTREAM_KEY."""
HELLO = (Message("user", "Hello there."),)


class _Server(uvicorn.Server):
    """Tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serve an app on loopback.

    Yields:
        Its base URL, with ``/v1``.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = _Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        assert server.listening.wait(_START_TIMEOUT_S)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        finally:
            server.should_exit = server.force_exit = True
            thread.join(_START_TIMEOUT_S)


def options(url: str, model: str, **more: object) -> dict[str, object]:
    """Options of an engine that asks the server at an address."""
    return {"base_url": url, "model": model, "api_key_env": "UPSTREAM_KEY", "retries": 0, "idle_connections": 0, **more}


def llm(url: str, **more: object) -> Any:
    """A started LLM engine that asks the server at an address."""
    engine = create_llm("openai_upstream", ModelFiles("mine", Path()), options(url, "fake-llm", **more))
    engine.start()
    return engine


def answering(answer: Callable[[dict[str, Any]], Response]) -> FastAPI:
    """A server that answers every path with what it is told; headers come back in ``app.state.seen``."""
    app = FastAPI()
    app.state.seen = []

    @app.post("/v1/{path:path}")
    async def every(path: str, request: Request) -> Response:
        body = await request.body()
        is_json = request.headers["content-type"] == "application/json"
        app.state.seen.append((path, dict(request.headers), json.loads(body) if is_json else body))
        return answer(app.state.seen[-1][2])

    return app


def failing(status: int, code: str | None = None, message: str = "No.", **headers: str) -> FastAPI:
    body = {"error": {"message": message, "type": "x", "param": "temperature", "code": code}}
    return answering(lambda _: JSONResponse(body, status, headers))


async def collect(events: AsyncGenerator[Any, None]) -> list[Any]:
    return [event async for event in events]


def sse(*chunks: dict[str, Any]) -> Iterator[bytes]:
    for chunk in chunks:
        base = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        yield b"data: " + json.dumps(base | chunk).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"
