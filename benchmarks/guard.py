"""``python -m benchmarks guard``: what keys, limits and metering cost a whole route. Must not know how they work.

Starts two platforms of fake engines that differ in ``SMARTLITE_AUTH`` alone, and asks both for ``GET /v1/models`` in
turns: through the edge, over sockets, with the journal written and brought into the database meanwhile. Needs wrk.
"""

import argparse
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import yaml

from benchmarks.gateway import parse_wrk
from benchmarks.machine import describe_run
from benchmarks.measure import Goal, Sample, markdown_table, ratio_row, value_row
from benchmarks.startup import RunningPlatform
from smartlite.errors import Unavailable

_CONNECTIONS: Final = 32
_DURATION_S: Final = 6
_GOAL: Final = Goal("at least", 0.85, "x")
_FREE_PORTS: Final = 12
_KEY: Final = re.compile(r"shown this once: (sl_\w+)")
_NEVER_REACHED: Final = "1000000000"


def main(arguments: list[str]) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks guard", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="rounds")
    parsed = parser.parse_args(arguments)
    program = shutil.which("wrk")
    if program is None:
        raise Unavailable("wrk is missing; it is in Debian's package of this name.")
    heading = describe_run(["python", "-m", "benchmarks", "guard", *arguments])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smartlite-guard-")))
        config = folder / "serve_config.yaml"
        config.write_text(yaml.safe_dump(_configuration()), encoding="utf-8")
        platforms = {
            auth: stack.enter_context(_platform(config, folder / auth, auth, first))
            for auth, first in (("off", 12_000), ("required", 18_000))
        }
        found = _KEY.search(platforms["required"].said())
        assert found is not None
        rates: dict[str, list[float]] = {auth: [] for auth in platforms}
        costs: dict[str, list[float]] = {auth: [] for auth in platforms}
        for number in range(parsed.runs + 1):
            for auth in sorted(platforms, reverse=bool(number % 2)):
                platform = platforms[auth]
                with platform.processes.counting_cpu() as spent:
                    load = _load(program, platform.url, found[1])
                    time.sleep(1.0)  # what is written behind counts too
                if load.failed:
                    raise Unavailable(f"{load.failed} requests failed.")
                if number:  # the first round warms up
                    rates[auth].append(load.rate)
                    costs[auth].append(1000 * spent[0] / load.requests)
    off, on = (Sample(tuple(rates[auth]), "requests/s") for auth in ("off", "required"))
    rows = [
        ratio_row("GET /v1/models: keys, limits and metering on, held against off", off, on, _GOAL),
        *(
            value_row(f"Processor time of all processes per 1,000 requests, {auth}", Sample(tuple(cost), "s"))
            for auth, cost in costs.items()
        ),
    ]
    print(f"{heading}\n\n{markdown_table(rows)}")
    return 0


def _load(program: str, url: str, key: str) -> Any:
    command = (
        program,
        "-t1",
        f"-c{_CONNECTIONS}",
        f"-d{_DURATION_S}s",
        "--latency",
        "-H",
        f"Authorization: Bearer {key}",
        f"{url}/v1/models",
    )
    return parse_wrk(
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=_DURATION_S + 30).stdout
    )


def _platform(config: Path, data: Path, auth: str, first_port: int) -> RunningPlatform:
    first = next(port for port in range(first_port, first_port + 5000, 20) if _are_free(port))
    settings = {
        "SMARTLITE_AUTH": auth,
        "SMARTLITE_DATA_DIR": str(data),
        "SMARTLITE_REPLICA_PORTS": f"{first}-{first + 7}",
        "SMARTLITE_PORT": str(first + 8),
        "SMARTLITE_EDGE_STATS_PORT": str(first + 9),
        "SMARTLITE_RAY_HTTP_PORT": str(first + 10),
        "SMARTLITE_DASHBOARD_PORT": str(first + 11),
        "SMARTLITE_RATE_LIMIT_REQUESTS_PER_MINUTE": _NEVER_REACHED,
    }
    return RunningPlatform(config, f"http://127.0.0.1:{first + 8}", {**os.environ, **settings})


def _are_free(first: int) -> bool:
    for port in range(first, first + _FREE_PORTS):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def _configuration() -> dict[str, Any]:
    replicas = {"ingress": 2, "pipeline": 1, "asr": 1, "llm": 1, "tts": 1}
    application = {
        "name": "smartlite",
        "route_prefix": "/",
        "import_path": "graphs.platform:build_app",
        "args": {stage: {"models": [{"model": f"fake-{stage}", "engine": "fake"}]} for stage in ("asr", "llm", "tts")},
        "deployments": [
            {"name": name, "num_replicas": count, "ray_actor_options": {"num_cpus": 0.1}}
            for name, count in replicas.items()
        ],
    }
    # As in every configuration that ships: the gateway writes its own access log.
    logging = {"encoding": "JSON", "enable_access_log": False}
    return {"proxy_location": "HeadOnly", "logging_config": logging, "applications": [application]}
