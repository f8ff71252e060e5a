"""``Prefer: respond-async``: the same request becomes a run. Must not know any route's format, nor who works on runs.

Innermost, so that its answer is kept by ``Idempotency-Key`` as others are. The body goes to a file while its route
reads it; where the route is through with checking, and would have a model begin, it becomes a run.
"""

import asyncio
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartlite.api.header_index import headers_of
from smartlite.api.observation import observe_scope
from smartlite.api.prefer import Preference, preference_of
from smartlite.api.principal import caller_of, principal_of
from smartlite.api.probing import begin_probe
from smartlite.api.run_stream import run_object
from smartlite.api.spools import closed_with
from smartlite.api.streaming import stopped_when_client_leaves
from smartlite.auth.permissions import decide
from smartlite.auth.scopes import Scope as Right
from smartlite.domain.pipelines import ENDED, Run
from smartlite.errors import InvalidRequest
from smartlite.jobs.request_runs import AcceptedRequest, RequestRuns
from smartlite.spool import Spool

DEFERRED_PATHS: Final = frozenset(
    {
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
        "/v1/audio/speech",
        "/v1/chat/completions",
        "/v1/embeddings",
        "/v1/responses",
    }
)
"""What can be answered later."""
_PREFER: Final = b"prefer"
_IDLE_TIMEOUT_S: Final = 30.0


class DeferralMiddleware:
    """Does nothing but where the answer is asked for later.

    Args:
        app: What is inside.
        requests: Accepts requests.
    """

    def __init__(self, app: ASGIApp, requests: RequestRuns) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_covered = scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in DEFERRED_PATHS
        if not is_covered or _PREFER not in headers_of(scope):
            await self._app(scope, receive, send)
            return
        preference = preference_of(Request(scope))
        if not preference.is_async:
            await self._app(scope, receive, send)
            return
        principal = principal_of(Request(scope))
        decide(principal, Right.PIPELINES_RUN)
        kept = _Kept(receive, closed_with(scope, Spool()))
        if not await self._is_good(scope, kept, send):
            return
        request = AcceptedRequest("POST", scope["path"], _content_type(scope), await kept.whole())
        run = await self._requests.submit(request, caller_of(principal))
        response = await self._answer(run, preference, scope, receive)
        await response(scope, receive, send)

    async def _is_good(self, scope: Scope, kept: "_Kept", send: Send) -> bool:
        """Whether a model would begin; where not, the client has been answered."""
        probe = begin_probe(scope)

        async def send_refusal(message: Message) -> None:
            if not probe.is_reached:
                await send(message)

        try:
            await self._app(scope, kept.receive, send_refusal)
        except Exception:
            if not probe.is_reached:
                raise
        observe_scope(scope).error_code = None if probe.is_reached else observe_scope(scope).error_code
        return probe.is_reached

    async def _answer(self, run: Run, preference: Preference, scope: Scope, receive: Receive) -> Response:
        if preference.wait_s:
            async with stopped_when_client_leaves(scope, receive):
                run = await self._requests.wait(run.id, preference.wait_s)
            kept = await self._requests.answer(run) if run.state in ENDED else None
            if kept is not None:
                return Response(kept.body, kept.status, {**kept.headers, **_where(run), **preference.applied})
        body = run_object(run).model_dump(mode="json")
        return JSONResponse(body, 202, {**_where(run), **preference.applied_async})


class _Kept:
    """A body that is kept while it is read.

    Args:
        receive: ASGI's.
        spool: Where to.
    """

    def __init__(self, receive: Receive, spool: Spool) -> None:
        self._receive = receive
        self._spool = spool
        self._is_whole = False

    async def receive(self) -> Message:
        """ASGI's, for whoever reads the body."""
        message = await self._receive()
        if message["type"] == "http.request":
            await self._spool.write(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
        return message

    async def whole(self) -> Spool:
        """All of it; what the route left unread is read now."""
        while not self._is_whole:
            try:
                async with asyncio.timeout(_IDLE_TIMEOUT_S):
                    message = await self.receive()
            except TimeoutError:
                raise InvalidRequest(f"The request stopped arriving for {_IDLE_TIMEOUT_S:g} s.") from None
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
        await self._spool.finish()
        return self._spool


def _where(run: Run) -> dict[str, str]:
    return {"location": f"/v1/runs/{run.id}"}


def _content_type(scope: Scope) -> str:
    return Request(scope).headers.get("content-type", "application/octet-stream")
