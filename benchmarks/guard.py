"""``python -m benchmarks guard``: what keys, limits and metering cost a whole route. Must not know how they work.

Starts two platforms of fake engines that differ in ``SMARTLITE_AUTH`` alone, and asks both for ``GET /v1/models`` in
turns: through the edge, over sockets, with the journal written and brought into the database meanwhile. With ``--keys``
see ``benchmarks.many_keys``. Needs wrk.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from benchmarks import many_keys
from benchmarks.gateway import parse_wrk
from benchmarks.machine import describe_run
from benchmarks.measure import Goal, Sample, markdown_table, ratio_row, value_row
from benchmarks.servers.started import fake_configuration, first_key, start_platform, write_configuration
from smartlite.errors import Unavailable

_CONNECTIONS: Final = 32
_DURATION_S: Final = 6
_GOAL: Final = Goal("at least", 0.85, "x")


def main(arguments: list[str]) -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks guard", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="rounds")
    parser.add_argument("--keys", type=int, default=0, help="hold so many keys in use against one instead")
    parsed = parser.parse_args(arguments)
    if parsed.keys:
        heading = describe_run(["python", "-m", "benchmarks", "guard", *arguments])
        print(f"{heading}\n\n{many_keys.measure(parsed.keys, parsed.runs)}")
        return 0
    program = shutil.which("wrk")
    if program is None:
        raise Unavailable("wrk is missing; it is in Debian's package of this name.")
    heading = describe_run(["python", "-m", "benchmarks", "guard", *arguments])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smartlite-guard-")))
        config = write_configuration(folder / "serve_config.yaml", fake_configuration())
        platforms = {
            auth: stack.enter_context(start_platform(config, folder / auth, auth, first))
            for auth, first in (("off", 12_000), ("required", 18_000))
        }
        key = first_key(platforms["required"])
        rates: dict[str, list[float]] = {auth: [] for auth in platforms}
        costs: dict[str, list[float]] = {auth: [] for auth in platforms}
        for number in range(parsed.runs + 1):
            for auth in sorted(platforms, reverse=bool(number % 2)):
                platform = platforms[auth]
                with platform.processes.counting_cpu() as spent:
                    load = _load(program, platform.url, key)
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
