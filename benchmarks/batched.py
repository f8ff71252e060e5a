"""Routes with one call to a replica: ours with and without batches of calls, and a no-op app with one plain call.

Must not know how calls are batched. All run beside each other on this machine and are loaded turn by turn.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.load.connection import Request
from benchmarks.load.curve import Plan, Server, Step, measure_closed
from benchmarks.load.outcome import Load
from benchmarks.machine import describe_run
from benchmarks.measure import Goal, Row, Sample, markdown_table, ratio_row, value_row
from benchmarks.servers.started import (
    fake_configuration,
    first_key,
    one_hop_configuration,
    start_platform,
    with_embeddings,
    write_configuration,
)
from smartlite.errors import SmartLiteError

_BATCHED: Final = "batched"
_ALONE: Final = "each alone"
_NOOP: Final = "no-op with one plain call"
_GOAL: Final = Goal("at least", 1.8)
_GOAL_CONNECTIONS: Final = 32
_ASKED: Final[dict[str, dict[str, Any]]] = {
    "/v1/embeddings": {"model": "fake-embedding", "input": "A few words."},
    "/v1/chat/completions": {"model": "fake-llm", "messages": [{"role": "user", "content": "Hi there."}]},
}


def main(arguments: Sequence[str]) -> int:
    """Run what the command line says.

    Returns:
        0 when every goal is met, 1 when one is not, 2 when something could not be measured.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks batched", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="rounds of each comparison")
    parser.add_argument("--duration", type=float, default=5.0, help="seconds of each run")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, _GOAL_CONNECTIONS])
    parser.add_argument("--auth", choices=("off", "required"), default="required", help="of our platforms")
    parser.add_argument("--without", choices=(_ALONE, _NOOP), action="append", default=[], help="a server to leave out")
    given = parser.parse_args(arguments)
    heading = describe_run(["python", "-m", "benchmarks", "batched", *arguments])
    plan = Plan(duration_s=given.duration, runs=given.runs, can_post_by_wrk=True, settle_s=0.5)
    rows: list[Row] = []
    try:
        with _started(given.auth, frozenset(given.without)) as started:
            for path in _ASKED:
                servers = [Server(name, _post(url, path, key), spent) for name, url, key, spent in started]
                for connections in given.connections:
                    steps = measure_closed(servers, replace(plan, connections=connections), "closed")
                    found = _rows(steps, connections)
                    rows += found
                    print(markdown_table(found), file=sys.stderr, flush=True)
    except SmartLiteError as error:
        print(f"benchmarks: {error.message}", file=sys.stderr)
        return 2
    print(f"{heading}\n\n{markdown_table(rows)}")
    return 1 if any(row.is_met is False for row in rows) else 0


@contextmanager
def _started(auth: str, without: frozenset[str]) -> Iterator[list[tuple[str, str, str, Any]]]:
    """Name, address, key and processor time of each."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="smartlite-bench-")))
        ours = write_configuration(folder / "platform.yaml", with_embeddings(fake_configuration()))
        noop = write_configuration(folder / "noop.yaml", one_hop_configuration())
        started = []
        for name, config, mode, port, more in (
            (_BATCHED, ours, auth, 12_000, {}),
            (_ALONE, ours, auth, 17_000, {"SMARTLITE_CALL_BATCH_ITEMS": "1"}),
            (_NOOP, noop, "off", 22_000, {}),
        ):
            if name in without:
                continue
            print(f"{name}: starting", file=sys.stderr, flush=True)
            platform = stack.enter_context(start_platform(config, folder / str(port), mode, port, more))
            key = first_key(platform) if mode == "required" else ""
            started.append((name, platform.url, key, platform.processes.counting_cpu))
        yield started


def _post(url: str, path: str, key: str) -> Request:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return Request.of(httpx.Request("POST", f"{url}{path}", headers=headers, json=_ASKED[path]))


def _rows(steps: Sequence[Step], connections: int) -> list[Row]:
    by_name = {step.server: step for step in steps}
    batched = by_name[_BATCHED]
    what = f"{batched.request}, {connections} at once"
    rows = []
    for name, step in by_name.items():
        rows.append(value_row(f"{what}, {name}", _rate(step)))
        rows.append(value_row(f"{what}, {name}, p50", _sample(step, "p50_ms", "ms")))
        rows.append(value_row(f"{what}, {name}, p99", _sample(step, "p99_ms", "ms")))
    for name in (_ALONE, _NOOP):
        if name in by_name:
            goal = _GOAL if name == _NOOP and connections == _GOAL_CONNECTIONS else None
            rows.append(ratio_row(f"{what}, batched, held against {name}", _rate(by_name[name]), _rate(batched), goal))
            before, after = (_sample(each, "cpu_per_thousand_s", "s") for each in (by_name[name], batched))
            rows.append(ratio_row(f"{what}, processor time of 1,000, batched, held against {name}", before, after))
    return rows


def _rate(step: Step) -> Sample:
    return _sample(step, "goodput_per_s", "requests/s")


def _sample(step: Step, figure: str, unit: str) -> Sample:
    loads: tuple[Load, ...] = step.loads
    return Sample(tuple(float(getattr(load, figure)) for load in loads), unit)
