"""How an ingress replica speaks HTTP: its server calls our app itself. Must not know the app.

Serve starts a uvicorn for an ingress replica and answers through a method of its own, which costs about as much as all
the rest of a small request (two tasks, a queue, metadata, tracking: 0.26 s of processor time per 1,000 requests, 0.14
without it). Here that server gets another app and other classes:

- Our app is called at once; what belongs to Serve (``/-/`` paths, WebSockets) goes to Serve as before. Serve still
  counts what is under way, so that a replica drains before it ends, and has its figures for the dashboard.
- A client that hangs up ends the work on its request.
- The head of an answer is sent in one write with the first of its body. The edge asks another replica again only until
  it has seen a head, so a replica that is killed between two writes costs a request (2 of 8 kills under load did).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from http import HTTPStatus
from typing import Any, Final

from ray.serve._private import replica
from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from deployments.serve_books import ServeBooks
from smartlite.api.streaming import CLIENT_LEFT

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

_logger = logging.getLogger(__name__)

_SERVES_OWN: Final = "/-/"
_ALLOWED_IN_HEADERS: Final = bytes(byte for byte in range(256) if byte == 0x09 or (byte >= 0x20 and byte != 0x7F))
_NO_BODY: Final = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


def answer_directly(app: Callable[[], App]) -> None:
    """Have the server that Serve is about to start in this process call an app; asked for when it starts.

    Logs and changes nothing where this version of Ray starts its server in another way: requests then go through Serve.
    """
    start = getattr(replica, "start_asgi_http_server", None)
    if start is None:
        _logger.error("this version of Ray starts its HTTP server in another way: each request goes through it")
        return
    httptools_impl.RequestResponseCycle = Cycle  # type: ignore[misc]

    async def start_own(serve_app: Any, *args: Any, **kwargs: Any) -> Any:
        task, server = await start(serve_app, *args, **kwargs)
        config = server.config
        through_serve, own = config.app, app()
        config.app = lambda: direct(own, through_serve())
        config.http = partial(Protocol, ServeBooks(serve_app.__self__))
        config.proxy_headers = False  # the edge removes them
        return task, server

    replica.start_asgi_http_server = start_own  # the server's task has not begun when it is changed


def direct(own: App, through_serve: App) -> App:
    """An app that has a request answered by our own, or by Serve where it is for Serve."""

    async def choose(scope: Message, receive: Receive, send: Send) -> None:
        is_serves = scope["type"] != "http" or scope["path"].startswith(_SERVES_OWN)
        await (through_serve if is_serves else own)(scope, receive, send)

    return choose


class Cycle(RequestResponseCycle):
    """One request and its answer on a connection."""

    task: "asyncio.Task[None] | None" = None
    status = 0
    """Of the answer, once that has begun."""
    _head: Message | None = None

    async def send(self, message: Any) -> None:
        """As uvicorn's, but the head waits for the first of the body."""
        if not self.response_started and message["type"] == "http.response.start":
            self._head = message
            self.status = message["status"]
            return
        head, self._head = self._head, None
        if head is None or self.disconnected:
            await super().send(message)
            return
        if self.flow.write_paused:
            await self.flow.drain()
        body = message.get("body", b"")
        whole = None if message.get("more_body") else self._whole(head, body)
        if whole is None:
            await self._send_together(head, message)
            return
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        self.transport.write(whole)
        self.message_event.set()
        self.on_response()

    def _whole(self, head: Message, body: bytes) -> bytes | None:
        """The bytes of an answer that is there at once and ends no connection; None where uvicorn has to make them."""
        if not self.keep_alive or self.status in _NO_BODY or self.scope["method"] == "HEAD":
            return None
        headers = [*self.default_headers, *head["headers"]]
        known = dict(headers)
        if b"connection" in known or known.get(b"content-length") != b"%d" % len(body):
            return None
        names, values = zip(*headers, strict=True)
        if b"".join(names + values).translate(None, _ALLOWED_IN_HEADERS):
            return None  # uvicorn refuses it
        lines = b"".join([b"%s: %s\r\n" % header for header in headers])
        return b"%s%s\r\n%s" % (STATUS_LINE[self.status], lines, body)

    async def _send_together(self, head: Message, message: Message) -> None:
        transport, pieces = self.transport, _Pieces()
        self.transport = pieces  # type: ignore[assignment]
        try:
            await super().send(head)  # type: ignore[arg-type]
            await super().send(message)  # type: ignore[arg-type]
        finally:
            self.transport = transport
            transport.write(bytes(pieces.data))
            if pieces.is_closed:
                transport.close()


class Protocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, books: ServeBooks, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._books = books

    def _start_asgi_task(self, cycle: Any, app: Any) -> None:
        cycle.scope[CLIENT_LEFT] = False
        cycle.task = task = self.loop.create_task(self._answer(cycle, app))
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    async def _answer(self, cycle: Cycle, app: Any) -> None:
        began_s = self._books.begin()
        try:
            await cycle.run_asgi(app)
        finally:
            scope = cycle.scope
            self._books.end(scope["method"], getattr(scope.get("route"), "path", ""), cycle.status, began_s)

    def on_message_complete(self) -> None:
        """As uvicorn's, and listen again: it does not while much of a body is not taken, and would hear no hang-up."""
        super().on_message_complete()
        if not self.pipeline:  # requests that wait for this one's answer are to wait outside
            self.flow.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's, and end the work on a request that nobody waits for any more."""
        super().connection_lost(exc)
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete and cycle.task is not None:
            cycle.scope[CLIENT_LEFT] = True
            cycle.task.cancel()


class _Pieces:
    """Stands in for a cycle's transport while two messages are written."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.is_closed = False

    def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        self.is_closed = True
