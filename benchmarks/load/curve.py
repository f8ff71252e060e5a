"""Latency against load: warm-up, the most a closed loop gets, steps of fixed rates, three times too much.

Must not know what is asked, nor who answers.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import uvloop

from benchmarks.load.arrivals import Arrivals, due_times_s
from benchmarks.load.by_wrk import closed_loop_by_wrk, find_wrk
from benchmarks.load.connection import Request
from benchmarks.load.loops import Lane, allow_files, closed_loop, lane, open_loop
from benchmarks.load.outcome import Load, Outcome, count
from smartlite.errors import Unavailable

SHARES: Final = (0.25, 0.5, 0.7, 0.8, 0.9)
"""Of what the closed loop got."""
OVERLOAD: Final = 3.0
MIN_SUCCESSES: Final = 3
"""Fewer in a closed loop, and there is no rate to take shares of."""

Spent = Callable[[], AbstractContextManager[list[float]]]
"""Counts the processor seconds of a server while the block runs."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a server is loaded."""

    connections: int = 32
    """Callers of the closed loop."""
    duration_s: float = 6.0
    """Of each run."""
    warm_up_s: float = 2.0
    runs: int = 3
    rates_per_s: tuple[float, ...] = ()
    """Of the open loop; SHARES of the closed loop's goodput when empty."""
    shares: tuple[float, ...] = SHARES
    overload: float = OVERLOAD
    """Times the closed loop's goodput; 0 leaves it out."""
    arrivals: Arrivals = "even"
    timeout_s: float = 30.0
    """Longest wait of one request."""
    max_connections: int = 4000
    """Of the open loop. Fewer than a server is willing to hold, and it is never seen refusing: the client waits."""
    can_post_by_wrk: bool = False
    """Whether wrk also sends what has a body, where it is installed."""
    settle_s: float = 1.0
    """Silence after each run: what a server writes behind its answers counts as its processor time."""


@dataclass(frozen=True, slots=True)
class Step:
    """The runs of one server under one load."""

    server: str
    request: str
    kind: str
    """``closed``, ``open`` or ``overload``."""
    loads: tuple[Load, ...]

    @property
    def rate_per_s(self) -> float:
        """What was offered; in a closed loop the goodput."""
        return self.loads[0].offered_per_s or self.median(lambda load: load.goodput_per_s)

    def median(self, figure: Callable[[Load], float]) -> float:
        """The middle of a figure over the runs."""
        return statistics.median(figure(load) for load in self.loads)


@dataclass(frozen=True, slots=True)
class Server:
    """What is loaded."""

    name: str
    request: Request
    spent: Spent | None = None
    """None where its processes are on another machine."""


def measure_curves(
    servers: Sequence[Server], plan: Plan, steps: list[Step], say: Callable[[str], object] = print
) -> None:
    """Load servers turn by turn, so that a machine that slows down slows all.

    Args:
        servers: At least one; only one is loaded at a time.
        plan: How.
        steps: Gets each step as soon as it is measured, so that an interruption loses only one.
        say: Told what comes next.

    Raises:
        Unavailable: A server answers nothing as asked.
    """
    say(f"warm-up, then {plan.connections} callers")
    closed = measure_closed(servers, plan, "closed")
    steps += closed
    most = {step.server: step.median(lambda load: load.goodput_per_s) for step in closed}
    say(", ".join(f"{name}: {rate:.4g}/s" for name, rate in most.items()))
    rates = {name: plan.rates_per_s or tuple(share * rate for share in plan.shares) for name, rate in most.items()}
    for index in range(max(map(len, rates.values()))):
        steps += measure_open(servers, plan, {name: values[index] for name, values in rates.items()}, "open", say)
    if plan.overload:
        too_much = {name: plan.overload * rate for name, rate in most.items()}
        steps += measure_open(servers, plan, too_much, "overload", say)


def measure_closed(servers: Sequence[Server], plan: Plan, kind: str) -> list[Step]:
    """Warm each server up, then ask it from ``plan.connections`` callers, turn by turn.

    Raises:
        Unavailable: A server answers too little as asked to say anything of it.
    """
    for server in servers:
        _closed(server, plan, plan.warm_up_s)
    found = _turns(servers, plan.runs, lambda server: _closed(server, plan, plan.duration_s))
    for server in servers:
        if min(load.succeeded for load in found[server.name]) < MIN_SUCCESSES:
            statuses = found[server.name][0].statuses
            raise Unavailable(
                f"{server.name} answered {statuses} to {server.request.name}; fewer than {MIN_SUCCESSES} successes in "
                f"{plan.duration_s:g} s say nothing."
            )
    return [Step(server.name, server.request.name, kind, tuple(found[server.name])) for server in servers]


def measure_open(
    servers: Sequence[Server], plan: Plan, rates: dict[str, float], kind: str, say: Callable[[str], object]
) -> list[Step]:
    """Send to each server at its rate in requests a second, turn by turn."""
    for server in servers:
        say(f"{server.name}: {rates[server.name]:.4g} requests/s, {kind}")
    loads = _turns(servers, plan.runs, lambda server: _open(server, plan, rates[server.name]))
    return [Step(server.name, server.request.name, kind, tuple(loads[server.name])) for server in servers]


def _turns(servers: Sequence[Server], runs: int, load: Callable[[Server], Load]) -> dict[str, list[Load]]:
    found: dict[str, list[Load]] = {server.name: [] for server in servers}
    for number in range(runs):
        for server in servers if number % 2 == 0 else reversed(servers):
            found[server.name].append(load(server))
    return found


def _closed(server: Server, plan: Plan, duration_s: float) -> Load:
    program = find_wrk(server.request, plan.can_post_by_wrk)
    if program is not None:
        with (server.spent or _unknown)() as spent:
            load = closed_loop_by_wrk(program, server.request, plan.connections, duration_s)
            time.sleep(plan.settle_s)
        return replace(load, server_cpu_s=spent[0])

    def send(lane: Lane) -> Coroutine[Any, Any, list[Outcome]]:
        return closed_loop(lane, plan.connections, duration_s)

    return _run(server, plan, 0.0, duration_s, plan.connections, send)


def _open(server: Server, plan: Plan, rate_per_s: float) -> Load:
    allow_files(plan.max_connections)
    due = due_times_s(rate_per_s, plan.duration_s, plan.arrivals)
    under_way = 2 * plan.max_connections

    def send(lane: Lane) -> Coroutine[Any, Any, list[Outcome]]:
        return open_loop(lane, due, under_way)

    return _run(server, plan, rate_per_s, plan.duration_s, plan.max_connections, send)


def _run(
    server: Server,
    plan: Plan,
    offered_per_s: float,
    duration_s: float,
    connections: int,
    send: Callable[[Lane], Coroutine[Any, Any, list[Outcome]]],
) -> Load:
    async def work() -> list[Outcome]:
        async with lane(server.request, connections, plan.timeout_s) as opened:
            return await send(opened)

    with (server.spent or _unknown)() as spent:
        began_s = time.process_time()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcomes = runner.run(work())
        client_s = time.process_time() - began_s
        time.sleep(plan.settle_s)
    return count(outcomes, offered_per_s, duration_s, client_s, spent[0])


@contextmanager
def _unknown() -> Iterator[list[float]]:
    spent: list[float] = []
    yield spent
    spent.append(float("nan"))
