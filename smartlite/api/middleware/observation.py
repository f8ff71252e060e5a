"""Times on every answer and one log line per request. Must not know which stages there are."""

import logging
from collections.abc import Sequence, Set

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartlite.api.observation import begin_observation

_logger = logging.getLogger("smartlite.access")


class ObservationMiddleware:
    """Begins the notes of a request, sends them as ``Server-Timing`` and logs them when it ends."""

    def __init__(self, app: ASGIApp, prefixes: Sequence[str], quiet_paths: Set[str]) -> None:
        self._app = app
        self._prefixes = tuple(f"{prefix}/" for prefix in prefixes if prefix)
        self._quiet_paths = quiet_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        observation = begin_observation(scope)
        status: int | None = None
        size_bytes = 0

        async def send_with_times(message: Message) -> None:
            nonlocal status, size_bytes
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["server-timing"] = observation.server_timing()
                headers["openai-processing-ms"] = str(round(1e3 * observation.elapsed_s))
            elif message["type"] == "http.response.body":
                size_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_with_times)
        finally:
            _logger.log(
                logging.DEBUG if scope["path"] in self._quiet_paths else logging.INFO,
                "request",
                extra={
                    "method": scope["method"],
                    "route": route_of(scope, self._prefixes),
                    "status": status,
                    "seconds": round(observation.elapsed_s, 4),
                    "stages_s": {name: round(seconds, 4) for name, seconds in observation.stages_s.items()},
                    "response_bytes": size_bytes,
                    "error_code": observation.error_code,
                    "client_gone": observation.client_gone,
                },
            )


def route_of(scope: Scope, prefixes: Sequence[str]) -> str | None:
    """The template and never the path, which is the client's text and has no bound; None where there is no route.

    Args:
        scope: The request's.
        prefixes: Of the versions of the API, each with a ``/`` at its end.
    """
    path = getattr(scope.get("route"), "path", None)
    if not isinstance(path, str):
        return None
    # FastAPI gives a route without the prefix that it was included under, or with it: it depends on the version.
    prefix = next((prefix for prefix in prefixes if scope["path"].startswith(prefix)), "")
    return path if path.startswith(prefix) else prefix.removesuffix("/") + path
