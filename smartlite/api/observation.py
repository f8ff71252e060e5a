"""What is noted about one request while it runs: stage times, the error code, whether the client left.

Must not know who reads the notes (the Server-Timing header, the access log).
"""

import math
import re
import time
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection, Request
from starlette.types import Scope

_KEY = "observation"
_NOT_A_TOKEN = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(slots=True)
class Observation:
    """Notes about one request."""

    started_s: float = field(default_factory=time.perf_counter)
    """Reading of ``time.perf_counter`` when the request arrived."""
    stages_s: dict[str, float] = field(default_factory=dict)
    """Seconds by stage, in the order they were noted."""
    error_code: str | None = None
    """Code of the error that ended the request, also of one in the middle of a stream."""
    client_gone: bool = False

    @property
    def elapsed_s(self) -> float:
        """Seconds since the request arrived."""
        return time.perf_counter() - self.started_s

    def record(self, stage: str, seconds: float) -> None:
        """Note how long a stage took; it is in the ``Server-Timing`` header if the response has not begun."""
        if math.isfinite(seconds):
            self.stages_s[stage] = seconds

    def server_timing(self) -> str:
        """The value of ``Server-Timing`` (W3C), durations in milliseconds: ``asr;dur=123.4, total;dur=150.0``."""
        parts = [f"{_NOT_A_TOKEN.sub('-', name)};dur={1e3 * seconds:.1f}" for name, seconds in self.stages_s.items()]
        return ", ".join([*parts, f"total;dur={1e3 * self.elapsed_s:.1f}"])


def begin_observation(scope: Scope) -> Observation:
    """Start the notes of the request that has this ASGI scope."""
    observation = Observation()
    scope.setdefault("state", {})[_KEY] = observation
    return observation


def observe(connection: HTTPConnection) -> Observation:
    """The notes of this request (fresh ones where no middleware began them)."""
    return observe_scope(connection.scope)


def observe_scope(scope: Scope) -> Observation:
    """The same, for a middleware."""
    found = scope.get("state", {}).get(_KEY)
    return found if isinstance(found, Observation) else begin_observation(scope)


async def _observation(request: Request) -> Observation:
    return observe(request)


ObservationDep = Annotated[Observation, Depends(_observation)]
