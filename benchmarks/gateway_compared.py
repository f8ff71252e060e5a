"""The gateway against servers that do nothing: ours with and without keys, a no-op Serve app, a bare uvicorn.

Must not know how the gateway works. All run beside each other on this machine and are loaded turn by turn.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import httpx

from benchmarks.load.connection import Request
from benchmarks.load.curve import Plan, Server, Step, measure_curves
from benchmarks.load.outcome import Load
from benchmarks.measure import Goal, Row, Sample, ratio_row
from benchmarks.servers.started import (
    fake_configuration,
    first_key,
    noop_configuration,
    start_platform,
    started_uvicorn,
    write_configuration,
)

ON: Final = "SmartLite, keys on"
OFF: Final = "SmartLite, keys off"
NOOP: Final = "no-op on Ray Serve"
UVICORN: Final = "bare uvicorn"
AGAINST: Final = "against"
PATH: Final = "/v1/models"
_GOALS: Final = {ON: Goal("at least", 1.0), OFF: Goal("at least", 1.1)}


def measure_gateway(
    plan: Plan, against: str | None, against_key: str, steps: list[Step], say: Callable[[str], object]
) -> None:
    """Start the servers, load them, stop them.

    Args:
        plan: How they are loaded.
        against: Another OpenAI-compatible server, such as ``http://127.0.0.1:8001``; its processes are not known.
        against_key: What it is asked with; empty where it asks for none.
        steps: Gets what is measured.
        say: Told what happens.
    """
    others = [] if against is None else [Server(AGAINST, get(against.removesuffix("/v1"), PATH, against_key))]
    with started_servers(say) as servers:
        measure_curves([*servers, *others], plan, steps, say)


@contextmanager
def started_servers(say: Callable[[str], object]) -> Iterator[list[Server]]:
    """Two platforms over engines that compute nothing, the no-op app behind the same edge, and on uvicorn alone."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smartlite-bench-")))
        ours = write_configuration(folder / "platform.yaml", fake_configuration())
        noop = write_configuration(folder / "noop.yaml", noop_configuration())
        servers: list[Server] = []
        for name, config, auth, port in (
            (ON, ours, "required", 12_000),
            (OFF, ours, "off", 17_000),
            (NOOP, noop, "off", 22_000),
        ):
            say(f"{name}: starting")
            platform = stack.enter_context(start_platform(config, folder / str(port), auth, port))
            key = first_key(platform) if auth == "required" else ""
            servers.append(Server(name, get(platform.url, PATH, key), platform.processes.counting_cpu))
        say(f"{UVICORN}: starting")
        url, processes = stack.enter_context(started_uvicorn(27_000))
        servers.append(Server(UVICORN, get(url, PATH, ""), processes.counting_cpu))
        yield servers


def get(url: str, path: str, key: str) -> Request:
    """A GET, with a key where there is one."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return Request.of(httpx.Request("GET", f"{url.rstrip('/')}{path}", headers=headers))


def judge(steps: Sequence[Step]) -> list[Row]:
    """Hold ours against each other server, by what the closed loops got and by the processor time it took."""
    closed = {step.server: step for step in steps if step.kind == "closed" and step.request == f"GET {PATH}"}
    rows: list[Row] = []
    for other in (NOOP, UVICORN, AGAINST):
        if other not in closed:
            continue
        for name in (ON, OFF):
            goal = _GOALS[name] if other == NOOP else None
            what = f"GET {PATH}, {name}, held against {other}"
            rates = _sample(closed[other], _rate, "requests/s"), _sample(closed[name], _rate, "requests/s")
            rows.append(ratio_row(what, *rates, goal))
            if other != AGAINST:
                costs = _sample(closed[other], _cost, "s"), _sample(closed[name], _cost, "s")
                rows.append(ratio_row(f"Processor time per 1,000 requests, {name}, held against {other}", *costs))
    return rows


def _rate(load: Load) -> float:
    return load.goodput_per_s


def _cost(load: Load) -> float:
    return load.cpu_per_thousand_s


def _sample(step: Step, figure: Callable[[Load], float], unit: str) -> Sample:
    return Sample(tuple(figure(load) for load in step.loads), unit)
