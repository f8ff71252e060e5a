"""How large a request may be: refused by its Content-Length before a byte is read, or counted while it is read.

Must not know what is in the body.
"""

import asyncio
from collections.abc import Set
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartlite.api.header_index import header, header_values, headers_of
from smartlite.errors import InvalidRequest, RequestTooLarge, UnsupportedMediaType

DRAIN_BYTES: Final = 1024 * 1024
"""How much of a refused body is read and thrown away: a client that is still sending when the connection closes sees a
reset and not the answer."""
DRAIN_TIMEOUT_S: Final = 1.0


class BodyLimitMiddleware:
    """One limit for multipart forms, another for everything else; and no compressed bodies, which hide their size.

    Args:
        app: What is inside.
        max_json_bytes: Of everything else.
        max_upload_bytes: Of forms.
        max_file_bytes: Of forms that are never held as a whole.
        streamed_paths: Where those go to. With an Idempotency-Key they are held, and so bounded as others are.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_json_bytes: int,
        max_upload_bytes: int,
        max_file_bytes: int = 0,
        streamed_paths: Set[str] = frozenset(),
    ) -> None:
        self._app = app
        self._max_json_bytes = max_json_bytes
        self._max_upload_bytes = max_upload_bytes
        self._max_file_bytes = max_file_bytes
        self._streamed_paths = streamed_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit_of(scope)
        try:
            _check_encoding(scope)
            _check_length(scope, limit)
        except (UnsupportedMediaType, RequestTooLarge):
            if b"expect" not in headers_of(scope):  # else the client waits for our word before it sends anything
                await _drain(receive)
            raise
        received = 0

        async def receive_and_count() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > limit:
                    if message.get("more_body", False):
                        await _drain(receive)
                    raise _too_large(limit)
            return message

        await self._app(scope, receive_and_count, send)

    def _limit_of(self, scope: Scope) -> int:
        if not (header(scope, b"content-type") or "").lower().startswith("multipart/"):
            return self._max_json_bytes
        if scope["path"] in self._streamed_paths and b"idempotency-key" not in headers_of(scope):
            return self._max_file_bytes
        return self._max_upload_bytes


def _check_encoding(scope: Scope) -> None:
    encoding = (header(scope, b"content-encoding") or "").strip().lower()
    if encoding not in {"identity", ""}:
        raise UnsupportedMediaType("Compressed request bodies are not taken: send no Content-Encoding.")


def _check_length(scope: Scope, limit: int) -> None:
    lengths = header_values(scope, b"content-length")
    if not lengths:
        return
    # isdecimal alone would take other scripts' digits, which int() reads too.
    if len(set(lengths)) > 1 or not (lengths[0].isascii() and lengths[0].isdecimal()):
        raise InvalidRequest("The header Content-Length is not a number.")
    digits = lengths[0].lstrip("0")
    if len(digits) > len(str(limit)) or int(digits or "0") > limit:
        raise _too_large(limit)


def _too_large(limit: int) -> RequestTooLarge:
    return RequestTooLarge(f"The request body is larger than {limit} bytes.")


async def _drain(receive: Receive) -> None:
    drained = 0
    try:
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            while drained < DRAIN_BYTES:
                message = await receive()
                drained += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
