"""What a request costs, from the loads of a run of ``smartlite bench gateway``. Must not know the simulation."""

import csv
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.load.curve import Plan
from smartlite.errors import InvalidRequest

_MIN_RUNS = 3
_SERVED = 0.95
"""Of what was sent, where a run tells what a request costs; above a server's limit it is mostly refusals that cost."""


@dataclass(frozen=True, slots=True)
class Point:
    """A run of an open loop that was measured."""

    offered_per_s: float
    goodput_per_s: float
    requests: int
    succeeded: int
    duration_s: float
    p50_ms: float
    p99_ms: float
    client_cpu_s: float
    server_cpu_s: float

    @property
    def is_served(self) -> bool:
        """Whether nearly all that was sent was answered as asked."""
        return self.succeeded >= _SERVED * self.requests


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time of a server as a line: so much each second, so much each request."""

    idle_cores: float
    request_s: float
    client_s: float
    """Of the client for each request."""

    def cores(self, rate_per_s: float, utilisation: float) -> float:
        """Cores for a rate, where they are busy to this share; the client's not included."""
        return (self.idle_cores + rate_per_s * self.request_s) / utilisation


def read_points(path: Path, server: str) -> list[Point]:
    """The open-loop runs of a server in a ``loads.csv``.

    Raises:
        InvalidRequest: The file cannot be read, or has too few runs of this server.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.DictReader(file))
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}.", "results") from error
    points = [_point(line) for line in lines if line.get("server") == server and line.get("kind") == "open"]
    if len(points) < _MIN_RUNS:
        known = ", ".join(sorted({line.get("server", "") for line in lines}))
        raise InvalidRequest(
            f"{path} has {len(points)} open-loop runs of '{server}'; servers in it: {known}.", "server"
        )
    return points


def fit_cost(points: Sequence[Point]) -> Cost:
    """Least squares of processor time over seconds and requests, of the runs in which nearly all was answered.

    Raises:
        InvalidRequest: The processor time is not known, since the server ran on another machine; or too few runs stayed
            below the server's limit for a line.
    """
    if any(math.isnan(point.server_cpu_s) for point in points):
        raise InvalidRequest("The processor time of this server was not measured.", "server")
    served = [point for point in points if point.is_served]
    settle_s = Plan().settle_s
    inputs = np.array([[point.duration_s + settle_s, point.succeeded] for point in served])
    spent = np.array([point.server_cpu_s for point in served])
    is_line = len({point.offered_per_s for point in served}) > 1
    idle, request_s = map(float, np.linalg.lstsq(inputs, spent, rcond=None)[0]) if is_line else (0.0, 0.0)
    if request_s <= 0:
        raise InvalidRequest(
            f"Of {len(points)} open-loop runs {len(served)} answered {_SERVED:.0%} of what was sent, which does not "
            "tell what a request costs. Measure again with several lower rates (--rate).",
            "results",
        )
    client_s = statistics.median(point.client_cpu_s / point.requests for point in served)
    return Cost(max(idle, 0.0), request_s, client_s)


def _point(line: dict[str, str]) -> Point:
    return Point(
        offered_per_s=float(line["offered_per_s"]),
        goodput_per_s=float(line["goodput_per_s"]),
        requests=int(line["requests"]),
        succeeded=int(line["succeeded"]),
        duration_s=float(line["duration_s"]),
        p50_ms=float(line["p50_ms"]),
        p99_ms=float(line["p99_ms"]),
        client_cpu_s=float(line["client_cpu_s"]),
        server_cpu_s=float(line["server_cpu_s"]),
    )
