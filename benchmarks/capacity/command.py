"""What ``smartlite bench capacity`` tells: costs, the simulation beside what was measured, larger clusters.

Must not measure anything: it reads what a run left.
"""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.capacity.measured import Cost, Point, fit_cost, read_points
from benchmarks.capacity.simulation import Cluster, Simulated, simulate
from benchmarks.measure import figure
from benchmarks.servers.started import INGRESS_REPLICAS

MACHINES: Final = (1, 2, 4, 8)
UTILISATION: Final = 0.7
"""Of the cores that are counted for a rate; above it, latencies climb."""
_SECONDS: Final = 10.0
_TRUSTED: Final = 2.0
"""A simulated p99 that is farther from the measured one says nothing about latencies."""
_SHARES: Final = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, slots=True)
class CapacityOptions:
    """What was asked for."""

    loads: Path
    """A ``loads.csv``."""
    server: str
    measured_cores: int
    """Of the machine that was measured, the load generator included."""
    edge_share: float
    """Of a request's processor time, what the edge takes."""
    rate_per_s: float
    p99_ms: float
    cores: int
    """Of each machine of the clusters that are simulated."""
    max_requests: int = 60_000
    """A simulated step is cut short at so many."""
    kernel: Any = None
    """Instead of SimPy."""


def capacity(options: CapacityOptions, say: Callable[[str], object]) -> str:
    """Work all of it out, as Markdown.

    Raises:
        InvalidRequest: The results cannot be read.
        ConfigurationError: SimPy is not installed.
    """
    points = read_points(options.loads, options.server)
    cost = fit_cost(points)
    misses: list[float] = []
    checked = "\n".join(_checked(options, cost, points, misses, say))
    parts = [
        f"Processor time of {options.server}: {figure(1000 * cost.request_s)} s per 1,000 requests, and "
        f"{figure(cost.idle_cores)} cores whatever is asked. {options.rate_per_s:,.0f} requests/s need "
        f"{figure(cost.cores(options.rate_per_s, UTILISATION))} cores that are busy to {100 * UTILISATION:.0f} %, "
        "without their callers.",
        checked,
        _warning(misses),
        "\n".join(_larger(options, cost, say)),
    ]
    return "\n\n".join(parts)


def _warning(misses: list[float]) -> str:
    worst = max(misses)
    if worst <= _TRUSTED:
        return f"The simulated p99 is within {figure(worst)} times of the measured one."
    return (
        f"The simulated p99 misses the measured one by up to {figure(worst)} times. What follows tells where queues "
        "alone would end, and is no promise of a latency: plan with the processor time above."
    )


def _checked(
    options: CapacityOptions, cost: Cost, points: list[Point], misses: list[float], say: Callable[[str], object]
) -> Iterator[str]:
    yield "| offered/s | answered/s, measured | simulated | p50 ms, measured | simulated | p99 ms, measured | sim. |"
    yield "|---|---|---|---|---|---|---|"
    machine = _cluster(options, cost, 1, options.measured_cores, INGRESS_REPLICAS, cost.client_s)
    for rate in sorted({point.offered_per_s for point in points}):
        say(f"simulating what was measured at {rate:.4g}/s")
        mine = [point for point in points if point.offered_per_s == rate]
        found = _simulated(options, machine, rate)
        pairs = (
            (statistics.median(point.goodput_per_s for point in mine), found.goodput_per_s),
            (statistics.median(point.p50_ms for point in mine), found.p50_ms),
            (statistics.median(point.p99_ms for point in mine), found.p99_ms),
        )
        one, other = pairs[-1]
        misses.append(max(one / other, other / one))
        yield f"| {figure(rate)} | " + " | ".join(f"{figure(one)} | {figure(other)}" for one, other in pairs) + " |"


def _larger(options: CapacityOptions, cost: Cost, say: Callable[[str], object]) -> Iterator[str]:
    yield f"| machines of {options.cores} cores | most requests/s with p99 at most {options.p99_ms:g} ms | p99 ms |"
    yield "|---|---|---|"
    replicas = max(INGRESS_REPLICAS, options.cores - 1)
    for machines in MACHINES:
        say(f"simulating {machines} x {options.cores} cores")
        cluster = _cluster(options, cost, machines, options.cores, replicas, 0.0)
        most = machines * max(options.cores - cost.idle_cores, 0.0) / cost.request_s
        steps = [_simulated(options, cluster, share * most) for share in _SHARES]
        good = [step for step in steps if step.p99_ms <= options.p99_ms and step.refused == 0]
        best = max(good, key=lambda step: step.offered_per_s, default=None)
        yield f"| {machines} | {'none' if best is None else f'{figure(best.offered_per_s)} | {figure(best.p99_ms)}'} |"


def _cluster(
    options: CapacityOptions, cost: Cost, machines: int, cores: int, replicas: int, client_s: float
) -> Cluster:
    return Cluster(
        machines=machines,
        cores=cores,
        replicas=replicas,
        edge_s=options.edge_share * cost.request_s,
        gateway_s=(1 - options.edge_share) * cost.request_s,
        client_s=client_s,
        idle_cores=min(cost.idle_cores, 0.9 * cores),
    )


def _simulated(options: CapacityOptions, cluster: Cluster, rate_per_s: float) -> Simulated:
    return simulate(cluster, rate_per_s, min(_SECONDS, options.max_requests / rate_per_s), kernel=options.kernel)
