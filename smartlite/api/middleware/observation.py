"""Times on every answer and the access log. Must not know which stages there are.

Every failure has its line. Of what went well so many lines a second are written, and the next one tells how many were
not: a line costs about a third of a small request. The history, which is another thing, has every request.
"""

import logging
import math
import time
from collections.abc import Sequence, Set

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from smartlite.api.observation import Observation, begin_observation

_logger = logging.getLogger("smartlite.access")


class AccessLog:
    """Writes the lines.

    Args:
        prefixes: Of the versions of the API.
        quiet_paths: Logged at DEBUG only.
        lines_per_second: Of what went well.
    """

    def __init__(self, prefixes: Sequence[str], quiet_paths: Set[str], lines_per_second: float = math.inf) -> None:
        self._prefixes = tuple(f"{prefix}/" for prefix in prefixes if prefix)
        self._quiet_paths = quiet_paths
        self._lines = _LineBudget(lines_per_second)

    def write(self, scope: Scope, status: int | None, size_bytes: int, observation: Observation) -> None:
        """The line of a request that has ended, if it has one."""
        level = logging.DEBUG if scope["path"] in self._quiet_paths else logging.INFO
        if not _logger.isEnabledFor(level):
            return
        is_well = status is not None and status < 400 and not observation.error_code and not observation.client_gone
        if is_well and level == logging.INFO and not self._lines.take():
            return
        unlogged = self._lines.skipped()
        _logger.log(
            level,
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
                **({"unlogged_before": unlogged} if unlogged else {}),
            },
        )


class ObservationMiddleware:
    """Begins the notes of a request, sends them as ``Server-Timing`` and logs them when it ends."""

    def __init__(self, app: ASGIApp, log: AccessLog) -> None:
        self._app = app
        self._log = log

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
                message["headers"] = [*message["headers"], *times_of(observation)]
            elif message["type"] == "http.response.body":
                size_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, send_with_times)
        finally:
            self._log.write(scope, status, size_bytes, observation)


def times_of(observation: Observation) -> tuple[tuple[bytes, bytes], ...]:
    """The headers that tell how long it has taken so far."""
    return (
        (b"server-timing", observation.server_timing().encode()),
        (b"openai-processing-ms", b"%d" % round(1e3 * observation.elapsed_s)),
    )


class _LineBudget:
    """So many lines in each second; a second begins with its first line."""

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._begun_s = -math.inf
        self._written = 0
        self._skipped = 0

    def take(self) -> bool:
        """Whether another line may be written."""
        now_s = time.monotonic()
        if now_s - self._begun_s >= 1.0:
            self._begun_s, self._written = now_s, 0
        if self._written < self._per_second:
            self._written += 1
            return True
        self._skipped += 1
        return False

    def skipped(self) -> int:
        """How many were not written since this was asked last."""
        skipped, self._skipped = self._skipped, 0
        return skipped


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
