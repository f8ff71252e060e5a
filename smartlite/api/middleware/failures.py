"""The edge of the replica: whatever was raised and not yet answered becomes an answer here.

Must not know what was raised; ``api/errors.py`` does.
"""

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartlite.api.errors import as_smartlite_error, error_response
from smartlite.api.observation import observe_scope


class FailuresMiddleware:
    """Answers with an error object; where the answer has begun, raises on, so that the server cuts the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        except ClientDisconnect:
            observe_scope(scope).client_gone = True
        except Exception as error:
            # Starlette wraps an error that comes too late for its handler; the cause is the one to note.
            ours = as_smartlite_error(error.__cause__ if started and error.__cause__ is not None else error)
            observe_scope(scope).error_code = ours.code
            if started:
                # A clean end would make half an answer look like a whole one.
                raise
            await error_response(ours)(scope, receive, send)
