"""Which requests Ray Serve is told not to read ahead of."""

import pytest
from starlette.types import Message, Receive, Scope, Send

from smartlite.api.middleware.paced_uploads import PacedUploadsMiddleware

HEADER = (b"x-request-disconnect-disabled", b"?1")


async def passed_on(scope: Scope) -> Scope:
    found: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(scope)

    async def receive() -> Message:
        raise AssertionError

    async def send(_: Message) -> None:
        raise AssertionError

    await PacedUploadsMiddleware(app)(scope, receive, send)
    return found[0]


@pytest.mark.parametrize("content_type", [b"multipart/form-data; boundary=b", b"Multipart/Form-Data"])
async def test_a_form_comes_at_the_pace_at_which_it_is_read(content_type: bytes) -> None:
    scope = await passed_on({"type": "http", "headers": [(b"content-type", content_type)]})
    assert scope["headers"] == [(b"content-type", content_type), HEADER]


@pytest.mark.parametrize("headers", [[], [(b"content-type", b"application/json")]])
async def test_whatever_else_comes_is_left_to_serve(headers: list[tuple[bytes, bytes]]) -> None:
    assert (await passed_on({"type": "http", "headers": headers}))["headers"] == headers
    assert (await passed_on({"type": "websocket", "headers": headers}))["headers"] == headers
