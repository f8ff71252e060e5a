"""``python -m benchmarks``: runs the benchmarks that are named, prints their table, records it. Must not measure.

Without a platform at the address it starts one itself, twice, which measures its start and its end as well.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import httpx

from benchmarks import (
    asr,
    attention,
    batched,
    bookkeeping,
    faults,
    gateway,
    guard,
    identity,
    intelligibility,
    killed_workers,
    language_models,
    llm,
    long_recordings,
    memory,
    pipelines,
    preprocessing,
    startup,
    tts,
    upload_memory,
    voice,
    waking,
)
from benchmarks.machine import describe_run
from benchmarks.measure import Row, markdown_table
from benchmarks.processes import PlatformProcesses
from benchmarks.target import Target, answers
from smartlite.config import load_settings
from smartlite.errors import SmartLiteError

BENCHMARKS: Final[Mapping[str, Callable[[Target], list[Row]]]] = {
    "memory": memory.measure,
    "asr": asr.measure,
    "tts": tts.measure,
    "llm": llm.measure,
    "voice": voice.measure,
    "pipelines": pipelines.measure,
    "intelligibility": intelligibility.measure,
    "gateway": gateway.measure,
    "faults": faults.measure,
}
"""In the order in which they run: memory before anything has been asked, faults last."""
ALONE: Final = (
    attention,
    batched,
    bookkeeping,
    guard,
    identity,
    killed_workers,
    language_models,
    long_recordings,
    preprocessing,
    upload_memory,
    waking,
)
"""Those that need no platform: commands of their own."""

_RESULTS: Final = Path(__file__).with_name("RESULTS.md")
_STARTS: Final = 2


def main() -> int:
    """Run what the command line names.

    Returns:
        0 when every goal is met, 1 when one is not, 2 when something could not be measured.
    """
    for alone in ALONE:  # they need no platform, or start their own
        if sys.argv[1:2] == [alone.__name__.removeprefix("benchmarks.")]:
            return int(alone.main(sys.argv[2:]))
    arguments = _parse()
    heading = describe_run(["python", "-m", "benchmarks", *sys.argv[1:]])
    names = arguments.names or [*BENCHMARKS, "startup"]
    rows: list[Row] = []
    try:
        _run(arguments, names, rows)
    except SmartLiteError as error:
        print(f"benchmarks: {error.message}", file=sys.stderr)
        print(f"{heading}\n\n{markdown_table(rows)}")
        return 2
    report = f"{heading}\n\n{markdown_table(rows)}\n"
    print(report)
    if arguments.record:
        with _RESULTS.open("a", encoding="utf-8") as results:
            results.write(f"\n## {' '.join(arguments.names) or 'All'}\n\n{report}")
    return 1 if any(row.is_met is False for row in rows) else 0


def _parse() -> argparse.Namespace:
    settings = load_settings()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}, startup; all when absent")
    parser.add_argument("--url", default=f"http://{settings.host}:{settings.port}", help="the running platform")
    parser.add_argument("--pid", type=int, help="process of `smartlite serve`; found by the port when absent")
    parser.add_argument("--config", type=Path, default=Path("serve_config.yaml"), help="what the platform serves")
    parser.add_argument("--runs", type=int, default=7, help="rounds of each comparison")
    parser.add_argument("--record", action="store_true", help=f"append the table to {_RESULTS.name}")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in BENCHMARKS and name != "startup":
            parser.error(f"there is no benchmark '{name}'; known: {', '.join(BENCHMARKS)}, startup")
    if arguments.runs < 1:
        parser.error("--runs must be at least 1")
    return arguments


def _run(arguments: argparse.Namespace, names: list[str], rows: list[Row]) -> None:
    if answers(arguments.url):
        port = httpx.URL(arguments.url).port or 80
        running = PlatformProcesses.of_pid(arguments.pid) if arguments.pid else PlatformProcesses.of_port(port)
        _measure(Target(arguments.url, arguments.config, arguments.runs, running), names, rows)
        if "startup" in names:
            _say("startup is left out: a platform is running already")
        return
    starts: list[startup.RunningPlatform] = []
    for number in range(_STARTS if "startup" in names else 1):
        _say(f"starting the platform ({number + 1})")
        with startup.RunningPlatform(
            arguments.config, arguments.url, {**os.environ, "SMARTLITE_AUTH": "off"}
        ) as platform:
            starts.append(platform)
            if number == 0:
                target = Target(arguments.url, arguments.config, arguments.runs, platform.processes)
                _measure(target, names, rows)
    if "startup" in names:
        rows += startup.rows(starts)


def _measure(target: Target, names: list[str], rows: list[Row]) -> None:
    target.wait_until_ready(60)
    for name, measure in BENCHMARKS.items():
        if name in names:
            began = time.monotonic()
            _say(name)
            found = measure(target)
            rows += found
            _say(f"{name} took {time.monotonic() - began:.0f} s\n{markdown_table(found)}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
