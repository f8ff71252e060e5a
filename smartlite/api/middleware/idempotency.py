"""Requests with an Idempotency-Key: done once, and answered again as often as they are sent again.

Must not know routes. As Stripe has it, and the IETF's draft-ietf-httpapi-idempotency-key-header-07: another request
with the key is a 422, one that still runs a 409. Stands inside of who finds out who asks, and inside the limits of
bodies; who is counted for what is further in, so that an answer that is given again costs nothing.
"""

import asyncio
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartlite.api.errors import CLIENT_CLOSED_REQUEST
from smartlite.api.header_index import headers_of
from smartlite.api.observation import observe_scope
from smartlite.api.principal import principal_of
from smartlite.api.recording import Recording, replay
from smartlite.api.request_hash import RequestHash
from smartlite.api.spools import closed_with
from smartlite.auth.idempotency import Claim, IdempotencyKeeper
from smartlite.auth.kept_answer import Answer
from smartlite.domain.principal import Principal
from smartlite.errors import InvalidIdempotencyKey, InvalidRequest, Unauthorized
from smartlite.spool import Spool

HEADER: Final = "Idempotency-Key"
_HEADER: Final = HEADER.lower().encode()
_KEY: Final = re.compile(rb"[!-~]{1,255}")
IDLE_TIMEOUT_S: Final = 30.0
"""Longest wait for the next bytes of a body."""

NOT_KEPT: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "refused before any work: mended, the request may come with the same key",
    HTTPStatus.UNAUTHORIZED: "the credential is at fault, not the request",
    HTTPStatus.FORBIDDEN: "as 401; the right may be granted a minute later",
    HTTPStatus.NOT_FOUND: "nothing was found to work on; it may be there later",
    HTTPStatus.METHOD_NOT_ALLOWED: "no route took it",
    HTTPStatus.CONFLICT: "something else goes on, or forbids it for now; nothing was done",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "as 400",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "as 400",
    HTTPStatus.UNPROCESSABLE_ENTITY: "as 400: what it holds cannot be processed",
    HTTPStatus.TOO_MANY_REQUESTS: "a limit: the answer itself asks to send the request again",
    CLIENT_CLOSED_REQUEST: "nobody was there to read it, and the work was stopped",
    HTTPStatus.SERVICE_UNAVAILABLE: "no capacity, or a part is away: as 429",
    HTTPStatus.GATEWAY_TIMEOUT: "as 503: the work was stopped",
}
"""Statuses after which the key is free again, and why; every other answer is kept."""


class IdempotencyMiddleware:
    """Does nothing but for POST requests with the header to a version of the API, from somebody who is known.

    By an address that is for everybody, somebody gets a credential: it is never kept, and whose it is is not known yet.

    Args:
        app: What is inside.
        keeper: Who knows runs and answers.
        prefixes: Of the versions of the API.
    """

    def __init__(self, app: ASGIApp, keeper: IdempotencyKeeper, prefixes: Sequence[str]) -> None:
        self._app = app
        self._keeper = keeper
        self._prefixes = tuple(f"{prefix}/" for prefix in prefixes if prefix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        keys = headers_of(scope).get(_HEADER, ()) if self._is_covered(scope) else ()
        principal = _known(scope) if keys else None
        if principal is None:
            await self._app(scope, receive, send)
            return
        key = _key_of(keys)
        hashed = RequestHash(scope, principal.organization_id or "")
        body = closed_with(scope, Spool())
        await _read(receive, hashed, body)
        claimed = await self._keeper.claim(principal, key, hashed.digest())
        if isinstance(claimed, Answer):
            await replay(claimed, send)
        else:
            await self._run(claimed, scope, _given_again(body, receive), send)

    def _is_covered(self, scope: Scope) -> bool:
        if scope["type"] != "http" or scope["method"] != "POST":
            return False
        path: str = scope["path"]
        return path.startswith(self._prefixes)

    async def _run(self, claim: Claim, scope: Scope, receive: Receive, send: Send) -> None:
        is_settled = False

        async def settle(answer: Answer | None) -> bool:
            nonlocal is_settled
            is_settled = True
            # Whoever hangs up now must not take an answer with them for which everything is done.
            return await asyncio.shield(self._settle(claim, scope, answer))

        recording = Recording(send, settle)
        try:
            async with self._keeper.renewed(claim):
                await self._app(scope, receive, recording.send)
        finally:
            recording.close()
            if not is_settled:  # it raised, or was stopped: there is no whole answer
                await asyncio.shield(self._keeper.release(claim))

    async def _settle(self, claim: Claim, scope: Scope, answer: Answer | None) -> bool:
        if answer is None or answer.status in NOT_KEPT or _broke_off(answer, scope):
            await self._keeper.release(claim)
            return answer is not None
        return await self._keeper.keep(claim, answer)


def _broke_off(answer: Answer, scope: Scope) -> bool:
    """Whether a stream had begun well and told of an error in its middle."""
    return answer.status < HTTPStatus.BAD_REQUEST and observe_scope(scope).error_code is not None


def _known(scope: Scope) -> Principal | None:
    """Who asks; None where nobody had to say so."""
    try:
        return principal_of(Request(scope))
    except Unauthorized:
        return None


def _key_of(keys: Sequence[bytes]) -> str:
    if len(keys) > 1:
        raise InvalidIdempotencyKey(f"The header {HEADER} was sent {len(keys)} times.", HEADER)
    if not _KEY.fullmatch(keys[0]):
        raise InvalidIdempotencyKey(f"The header {HEADER} must be 1 to 255 visible ASCII characters.", HEADER)
    return keys[0].decode("ascii")


async def _read(receive: Receive, hashed: RequestHash, body: Spool) -> None:
    """The whole body."""
    while True:
        try:
            async with asyncio.timeout(IDLE_TIMEOUT_S):
                message = await receive()
        except TimeoutError:
            raise InvalidRequest(f"The request stopped arriving for {IDLE_TIMEOUT_S:g} s.") from None
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        data = message.get("body", b"")
        hashed.feed(data)
        await body.write(data)
        if not message.get("more_body", False):
            await body.finish()
            return


def _given_again(body: Spool, receive: Receive) -> Receive:
    """Receive a body that was read, and then what comes after it."""
    given_bytes = 0
    is_over = False

    async def give() -> Message:
        nonlocal given_bytes, is_over
        if is_over:
            return await receive()
        data = await body.piece(given_bytes)
        given_bytes += len(data)
        is_over = given_bytes == body.size_bytes
        return {"type": "http.request", "body": data, "more_body": not is_over}

    return give
