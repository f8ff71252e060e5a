"""A simulated cluster under an open loop: edges, gateway replicas, cores. Must not know what was measured.

A request needs the edge of its machine, then one of that machine's replicas; each of both is one event loop, and works
only while it has one of the machine's cores. Times of work are exponential: their mean is measured, their spread is an
assumption. Not in it: the network, garbage collection, what processes slow each other down by sharing caches.
"""

import importlib
import random
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.load.arrivals import due_times_s
from benchmarks.measure import percentile
from smartlite.errors import ConfigurationError

Process = Generator[Any, Any, None]
_WARM_UP: Final = 0.2
"""Share of the time whose requests are not counted: queues have to fill first."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is simulated; seconds are those of one core for one request."""

    machines: int
    cores: int
    """Of each machine."""
    replicas: int
    """Gateway replicas on each machine."""
    edge_s: float
    gateway_s: float
    client_s: float = 0.0
    """Of the load generator where it runs on the same machine; 0 where callers are elsewhere."""
    idle_cores: float = 0.0
    """What each machine spends on Ray and on health checks whatever is asked: its work takes so much longer."""
    queue_timeout_s: float = 2.0
    """Longest wait for a replica before the edge answers 503."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """What callers would have seen."""

    offered_per_s: float
    goodput_per_s: float
    p50_ms: float
    p99_ms: float
    refused: float
    """Share of the requests."""


@dataclass(slots=True)
class _Machine:
    cores: Any
    edge: Any
    replicas: list[Any]
    under_way: list[int] = field(default_factory=list)


def simulate(cluster: Cluster, rate_per_s: float, duration_s: float, seed: int = 1, kernel: Any = None) -> Simulated:
    """Offer independent callers' requests at a rate, spread evenly over the machines.

    Args:
        cluster: What answers.
        rate_per_s: Of the whole cluster.
        duration_s: Simulated seconds.
        seed: The same gives the same figures.
        kernel: Has ``Environment`` and ``Resource`` as SimPy has them; SimPy when absent.

    Raises:
        ConfigurationError: SimPy is not installed.
    """
    kernel = kernel or load_simpy()
    environment = kernel.Environment()
    chance = random.Random(f"work {seed}")  # independent of the arrivals, which are drawn from the seed itself
    machines = [_machine(kernel, environment, cluster) for _ in range(cluster.machines)]
    due = due_times_s(rate_per_s, duration_s, "poisson", seed)
    latencies_ms: list[float] = []
    counted = refused = 0
    slower = cluster.cores / max(cluster.cores - cluster.idle_cores, 1e-9)

    def work(machine: _Machine, mean_s: float) -> Process:
        if mean_s:
            with machine.cores.request() as core:
                yield core
                yield environment.timeout(chance.expovariate(1 / (mean_s * slower)))

    def ask(machine: _Machine, due_s: float) -> Process:
        nonlocal counted, refused
        counts = due_s >= _WARM_UP * duration_s
        counted += counts
        yield from work(machine, cluster.client_s)
        with machine.edge.request() as thread:
            yield thread
            yield from work(machine, cluster.edge_s)
        index = min(range(cluster.replicas), key=machine.under_way.__getitem__)
        machine.under_way[index] += 1
        waited_from_s = environment.now
        with machine.replicas[index].request() as turn:
            yield turn
            is_served = environment.now - waited_from_s <= cluster.queue_timeout_s
            if is_served:
                yield from work(machine, cluster.gateway_s)
        machine.under_way[index] -= 1
        if counts and is_served:
            latencies_ms.append((environment.now - due_s) * 1e3)
        refused += counts and not is_served

    def arrive() -> Process:
        for number, due_s in enumerate(due):
            yield environment.timeout(due_s - environment.now)
            environment.process(ask(machines[number % len(machines)], due_s))

    environment.process(arrive())
    environment.run(until=duration_s)
    window_s = duration_s * (1 - _WARM_UP)
    return Simulated(
        offered_per_s=rate_per_s,
        goodput_per_s=len(latencies_ms) / window_s,
        p50_ms=percentile(latencies_ms, 50) if latencies_ms else float("inf"),
        p99_ms=percentile(latencies_ms, 99) if latencies_ms else float("inf"),
        refused=refused / counted if counted else 0.0,
    )


def load_simpy() -> Any:
    """The library that runs the processes.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        return importlib.import_module("simpy")
    except ModuleNotFoundError as error:
        raise ConfigurationError("The simulation needs simpy: pip install 'smartlite[bench]'.") from error


def _machine(kernel: Any, environment: Any, cluster: Cluster) -> _Machine:
    replicas = [kernel.Resource(environment, capacity=1) for _ in range(cluster.replicas)]
    return _Machine(
        cores=kernel.Resource(environment, capacity=cluster.cores),
        edge=kernel.Resource(environment, capacity=1),
        replicas=replicas,
        under_way=[0] * cluster.replicas,
    )
