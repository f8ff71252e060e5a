"""A small HTTP/1.1 server that plays an ingress replica, run as a process of its own: ``backend.py PORT INSTANCE``.

An empty INSTANCE plays a foreign server. Every answer carries the process id in ``X-Backend``.
"""

import asyncio
import base64
import hashlib
import json
import os
import sys

PORT, INSTANCE = int(sys.argv[1]), sys.argv[2]
seen: list[str] = []
"""What reached this server, other than health checks."""
hung_up = 0
released = asyncio.Event()


async def _answer(writer: asyncio.StreamWriter, body: bytes, status: str = "200 OK") -> None:
    mark = f"X-SmartLite-Instance: {INSTANCE}\r\n" if INSTANCE else ""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nX-Backend: {os.getpid()}\r\n{mark}\r\n"
    writer.write(head.encode() + body)
    await writer.drain()


async def _stream(writer: asyncio.StreamWriter, pause_s: float, count: int) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for number in range(count):
        event = f"data: {number}\n\n".encode()
        writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        await writer.drain()
        await asyncio.sleep(pause_s)
    writer.write(b"0\r\n\r\n")


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
    accept = base64.b64encode(hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest())  # noqa: S324 - RFC 6455
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    writer.write(head + accept + b"\r\n\r\n")
    while data := await reader.read(65536):
        writer.write(data)


async def _read_body(reader: asyncio.StreamReader, headers: list[tuple[str, str]]) -> bytes:
    named = dict(headers)
    if named.get("transfer-encoding") == "chunked":
        body = b""
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return body
    return await reader.readexactly(int(named.get("content-length", "0")))


async def _wait_for_release(reader: asyncio.StreamReader) -> None:
    """Work until someone asks for ``/release``, or until the client hangs up."""
    global hung_up  # noqa: PLW0603
    release = asyncio.create_task(released.wait())
    hang_up = asyncio.create_task(reader.read(1))
    await asyncio.wait((release, hang_up), timeout=60, return_when=asyncio.FIRST_COMPLETED)
    hung_up += hang_up.done()
    for task in (release, hang_up):
        task.cancel()


async def _serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    method, target, _ = (await reader.readuntil(b"\r\n")).decode().split()
    headers = []
    while (line := (await reader.readuntil(b"\r\n")).decode("latin-1").strip()) != "":
        name, _, value = line.partition(":")
        headers.append((name.lower(), value.strip()))
    body = await _read_body(reader, headers)
    if target not in ("/healthz", "/-/healthz", "/seen", "/release"):
        seen.append(f"{method} {target}")
    match target:
        case "/seen":
            await _answer(writer, json.dumps({"requests": seen, "hung_up": hung_up}).encode())
        case "/release":
            released.set()
            await _answer(writer, b"")
        case "/headers":
            await _answer(writer, json.dumps(headers).encode())
        case "/slow" | "/v1/chat/completions" | "/other":
            await _wait_for_release(reader)
            await _answer(writer, body)
        case "/events":
            await _stream(writer, 0.1, 5)
        case "/endless":
            await _stream(writer, 0.05, 1000)
        case "/ws":
            await _echo(reader, writer, dict(headers)["sec-websocket-key"])
        case _:
            await _answer(writer, f"{len(body)}".encode())


async def _connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            await _serve_one(reader, writer)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main() -> None:
    async with await asyncio.start_server(_connected, "127.0.0.1", PORT) as server:
        await server.serve_forever()


asyncio.run(main())
