"""HTTP/1.1 connections that cost the client little. Must not know when requests are due or what they ask.

A general client takes most of a core at a few thousand requests a second, and the servers share the cores with it. Here
the bytes of a request are made once, and an answer's body is counted and dropped.
"""

import asyncio
import ssl
import time
from dataclasses import dataclass
from typing import Final, Self, cast

import httptools
import httpx

from smartlite.errors import InvalidRequest

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Broken(ConnectionError):
    """The connection ended, or spoke no HTTP, before the answer was whole."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Times are those of ``time.perf_counter``."""

    status: int
    first_byte_at_s: float
    """When the first byte of the body was there; the end where there is no body."""
    ended_at_s: float
    retry_after: str | None
    size_bytes: int
    """Of the body."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that is sent again and again, and where to."""

    name: str
    """Such as ``GET /v1/models``."""
    host: str
    port: int
    is_tls: bool
    data: bytes
    url: str
    headers: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, request: httpx.Request) -> Self:
        """Make the bytes of a request whose body is known.

        Raises:
            InvalidRequest: The address is not one of HTTP.
        """
        url = request.url
        if url.scheme not in _DEFAULT_PORTS or not url.host:
            raise InvalidRequest(f"'{url}' must be like http://127.0.0.1:8000", "url")
        head = [request.method.encode() + b" " + url.raw_path + b" HTTP/1.1"]
        head += [name + b": " + value for name, value in request.headers.raw]
        data = b"\r\n".join([*head, b"", request.read()])
        name = f"{request.method} {url.path}"
        port = url.port or _DEFAULT_PORTS[url.scheme]
        headers = tuple(request.headers.items())
        return cls(name, url.host, port, url.scheme == "https", data, str(url), headers)


class Connection(asyncio.Protocol):
    """One connection; one request at a time."""

    def __init__(self) -> None:
        self.is_open = False
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._first_byte_at_s = 0.0
        self._retry_after: str | None = None
        self._size_bytes = 0

    @classmethod
    async def open(cls, request: Request) -> Self:
        """Connect.

        Raises:
            OSError: Nobody listens, or TLS failed.
        """
        context = ssl.create_default_context() if request.is_tls else None
        _, connection = await asyncio.get_running_loop().create_connection(
            cls, request.host, request.port, ssl=context, server_hostname=request.host if context else None
        )
        return connection

    async def ask(self, data: bytes) -> Answer:
        """Send a request and wait for the whole answer; the caller bounds the wait and closes when it gives up.

        Raises:
            Broken: The connection ended before the answer did.
        """
        if self._transport is None or not self.is_open:
            raise Broken
        self._first_byte_at_s, self._retry_after, self._size_bytes = 0.0, None, 0
        self._parser = httptools.HttpResponseParser(self)
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return await self._answer

    def close(self) -> None:
        """End it now."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's has no such base
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(Broken())

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        if name.lower() == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        """See httptools."""
        self._first_byte_at_s = self._first_byte_at_s or time.perf_counter()
        self._size_bytes += len(body)

    def on_message_complete(self) -> None:
        """See httptools."""
        status = self._parser.get_status_code()
        if self._answer is None or self._answer.done() or status < 200:
            return
        now_s = time.perf_counter()
        keeps = self._parser.should_keep_alive()
        self._answer.set_result(
            Answer(status, self._first_byte_at_s or now_s, now_s, self._retry_after, self._size_bytes)
        )
        if not keeps:
            self.close()
