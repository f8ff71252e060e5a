"""A client that sends to an app what no HTTP library would: any path, any header, any body. Must not know any app."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

import httpx
from fastapi import FastAPI

_LONGEST_S: Final = 30.0


async def send(
    app: FastAPI,
    method: str,
    target: str,
    headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
    body: Sequence[bytes] = (),
) -> httpx.Response:
    """Ask as a server does that takes everything; the connection stays until the answer has ended.

    Args:
        app: Who answers.
        method: Such as ``GET``.
        target: Path and query as they stand in the request line.
        headers: ``host`` is added, and ``content-length`` where the body comes in one piece.
        body: The pieces in which it comes.
    """
    path, _, query = target.partition("?")
    pairs = [*(headers.items() if isinstance(headers, Mapping) else headers), ("host", "gateway")]
    if len(body) == 1 and all(name.lower() != "content-length" for name, _ in pairs):
        pairs.append(("content-length", str(len(body[0]))))
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in pairs],
        "client": ("203.0.113.7", 1234),
        "server": ("gateway", 80),
    }
    pieces = list(body) or [b""]
    ended = asyncio.Event()
    started: dict[str, Any] = {}
    received = bytearray()

    async def receive() -> dict[str, Any]:
        if pieces:
            piece = pieces.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(pieces)}
        await ended.wait()
        return {"type": "http.disconnect"}

    async def collect(message: Any) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        else:
            received.extend(message.get("body", b""))
            if not message.get("more_body"):
                ended.set()

    async with asyncio.timeout(_LONGEST_S):
        await app(scope, receive, collect)
    assert ended.is_set()
    return httpx.Response(started["status"], headers=started["headers"], content=bytes(received))
