"""What ``smartlite bench`` does with each of its words, and the folder it leaves. Must not know command lines.

Results are written even when something could not be measured: what was found until then.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from benchmarks import asr, llm, pipelines, tts, voice
from benchmarks.gateway_compared import judge, measure_gateway
from benchmarks.load.curve import Plan, Step
from benchmarks.load.stages import STAGES, TURNS, Stage, Turn
from benchmarks.machine import describe_run
from benchmarks.measure import Row
from benchmarks.processes import PlatformProcesses
from benchmarks.results.folder import Report, new_folder, write_report
from benchmarks.stages_compared import Other, judge_stage, measure_stage, measure_turns
from benchmarks.startup import RunningPlatform
from benchmarks.target import Target, answers
from smartlite.errors import InvalidRequest

WHATS: Final = ("gateway", "asr", "tts", "llm", "voice", "pipelines")
ALL: Final = "all"
_MEASURES: Final[dict[str, Callable[[Target], list[Row]]]] = {
    "asr": asr.measure,
    "tts": tts.measure,
    "llm": llm.measure,
    "voice": voice.measure,
    "pipelines": pipelines.measure,
}
_READY_S: Final = 60.0
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_NOTES: Final = (
    "A load is `alone` (one caller), `closed` (callers that send again once they are answered), `open` (a fixed rate "
    "of arrivals, whatever becomes of them) or `overload` (more than the closed loop got). Latencies are those "
    "of the requests that succeeded and count from the time a request was due. Where `client late` is above a few "
    "milliseconds, the client was at its end and not the server. Figures are medians of the runs, with the smallest "
    "and the largest.",
)


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for."""

    url: str
    config: Path
    output: Path
    command: Sequence[str]
    plan: Plan = field(default_factory=Plan)
    stage_plan: Plan = field(default_factory=lambda: Plan(connections=4, duration_s=20.0, runs=3, timeout_s=60.0))
    """Of asr, tts and llm, whose requests take long."""
    rounds: int = 7
    """Of the comparisons with engines in process and with stages alone."""
    against: Other | None = None


def bench(what: str, options: Options, say: Callable[[str], object]) -> tuple[Path, bool]:
    """Measure, and write the folder.

    Args:
        what: One of WHATS, or ``all``.
        options: How.
        say: Told what happens.

    Returns:
        The folder, and whether every goal was met.

    Raises:
        InvalidRequest: ``--against`` has no meaning for this word.
        SmartLiteError: Something could not be measured; what was found until then is written.
    """
    names = WHATS if what == ALL else (what,)
    if options.against is not None and what in ("voice", "pipelines"):
        allowed = ", ".join(("gateway", *STAGES))
        raise InvalidRequest(f"against: other servers have no '{what}'; it is for {allowed}.", "against")
    rows: list[Row] = []
    steps: list[Step] = []
    folder = new_folder(options.output, what)
    heading = describe_run(options.command)
    try:
        if "gateway" in names:
            other = options.against or Other("")
            measure_gateway(options.plan, other.url or None, other.key, steps, say)
        on_platform = [name for name in names if name != "gateway"]
        if on_platform:
            with _target(options, say) as target:
                _measure_on(target, on_platform, options, rows, steps, say)
    finally:
        rows += [*judge(steps), *(row for stage in STAGES for row in judge_stage(stage, steps))]
        report = Report(heading, rows, steps, _NOTES if steps else ())
        for path in write_report(folder, report, f"smartlite bench {what}"):
            say(f"wrote {path}")
    return folder, all(row.is_met is not False for row in rows)


def _measure_on(
    target: Target,
    names: Sequence[str],
    options: Options,
    rows: list[Row],
    steps: list[Step],
    say: Callable[[str], object],
) -> None:
    target.wait_until_ready(_READY_S)
    for name in names:
        say(name)
        rows += _MEASURES[name](target)
        stage: Stage | None = next((stage for stage in STAGES if stage == name), None)
        if stage is not None:
            rows += measure_stage(stage, target, options.stage_plan, options.against, steps, say)
        turn: Turn | None = next((turn for turn in TURNS if turn == name), None)
        if turn is not None:
            rows += measure_turns(turn, target, options.stage_plan, steps, say)


@contextmanager
def _target(options: Options, say: Callable[[str], object]) -> Iterator[Target]:
    """The platform that runs there; one that is started and stopped here where none does.

    Raises:
        InvalidRequest: It is another machine's address, whose processes nobody here can count.
    """
    if httpx.URL(options.url).host not in _LOOPBACK:
        raise InvalidRequest(
            f"{options.url} is another machine's; url must be a platform of this one. Use --against for others.",
            "url",
        )
    if answers(options.url):
        processes = PlatformProcesses.of_port(httpx.URL(options.url).port or 80)
        yield Target(options.url, options.config, options.rounds, processes)
        return
    say(f"starting a platform of {options.config}")
    address = {"SMARTLITE_PORT": str(httpx.URL(options.url).port or 80), "SMARTLITE_AUTH": "off"}
    with RunningPlatform(options.config, options.url, {**os.environ, **address}) as platform:
        yield Target(options.url, options.config, options.rounds, platform.processes)
