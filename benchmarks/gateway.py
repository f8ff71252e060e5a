"""The gateway by itself: a closed loop on ``GET /v1/models``, which no model works on. Must not know stages."""

import asyncio
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import Final

import httpx

from benchmarks.client import credential
from benchmarks.measure import Row, Sample, percentile, value_row
from benchmarks.target import Target
from smartlite.errors import Unavailable

_PATH: Final = "/v1/models"
_CONNECTIONS: Final = 32
_DURATION_S: Final = 8
_UNITS_MS: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True, slots=True)
class _Load:
    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    failed: int


def measure(target: Target) -> list[Row]:
    """Requests a second, latencies, and what a request costs the platform's processes together."""
    program = shutil.which("wrk")
    loads: list[_Load] = []
    costs: list[float] = []
    for _ in range(min(target.runs, 3) + 1):
        with target.processes.counting_cpu() as spent:
            load = _by_wrk(program, target.url) if program else asyncio.run(_by_httpx(target.url))
        loads.append(load)
        costs.append(spent[0] / load.requests * 1000)
    name = f"Gateway, GET {_PATH}, {_CONNECTIONS} connections by {'wrk' if program else 'httpx'}"
    loads, costs = loads[1:], costs[1:]  # the first warms up
    failed = sum(load.failed for load in loads)
    return [
        value_row(f"{name}; {failed} failed", Sample(tuple(load.rate for load in loads), "requests/s")),
        value_row("Gateway, p50", Sample(tuple(load.p50_ms for load in loads), "ms")),
        value_row("Gateway, p99", Sample(tuple(load.p99_ms for load in loads), "ms")),
        value_row("Gateway, processor time of the platform per 1,000 requests", Sample(tuple(costs), "s")),
    ]


def _by_wrk(program: str, url: str) -> _Load:
    header = [part for name, value in credential().items() for part in ("-H", f"{name}: {value}")]
    command = (program, "-t1", f"-c{_CONNECTIONS}", f"-d{_DURATION_S}s", "--latency", *header, f"{url}{_PATH}")
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_DURATION_S + 30).stdout
    return parse_wrk(text)


def parse_wrk(text: str) -> _Load:
    """Read what wrk prints with ``--latency``.

    Raises:
        Unavailable: It printed something else.
    """
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    total = re.search(r"(\d+) requests in", text)
    latencies = {name: (value, unit) for name, value, unit in re.findall(r"(50|99)%\s+([\d.]+)(us|ms|s|m)\b", text)}
    if rate is None or total is None or set(latencies) != {"50", "99"}:
        raise Unavailable(f"wrk printed no figures: {text[-500:]}")
    bad = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    failed = (int(bad[1]) if bad else 0) + (sum(int(count) for count in broken.groups()) if broken else 0)
    p50_ms, p99_ms = (float(value) * _UNITS_MS[unit] for value, unit in (latencies["50"], latencies["99"]))
    return _Load(int(total[1]), float(rate[1]), p50_ms, p99_ms, failed)


async def _by_httpx(url: str) -> _Load:
    """Where wrk is absent: slower, since the client takes most of a core itself."""
    times_s: list[float] = []
    failed = 0
    began = time.perf_counter()

    async def loop(client: httpx.AsyncClient) -> None:
        nonlocal failed
        while (sent := time.perf_counter()) - began < _DURATION_S:
            try:
                answer = await client.get(_PATH)
                failed += answer.status_code != 200
            except httpx.HTTPError:
                failed += 1
            times_s.append(time.perf_counter() - sent)

    limits = httpx.Limits(max_connections=_CONNECTIONS)
    async with httpx.AsyncClient(
        base_url=url, timeout=30.0, limits=limits, trust_env=False, headers=credential()
    ) as client:
        await asyncio.gather(*(loop(client) for _ in range(_CONNECTIONS)))
    p50_s, p99_s = percentile(times_s, 50), percentile(times_s, 99)
    return _Load(len(times_s), len(times_s) / (time.perf_counter() - began), p50_s * 1e3, p99_s * 1e3, failed)
