"""What ``smartlite bench tune`` does. Must not know command lines, nor which numbers there are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.load.curve import Plan
from benchmarks.load.stages import STAGES
from benchmarks.machine import describe_run
from benchmarks.results.folder import new_folder
from benchmarks.tune.knobs import Knob, default_knobs, value_at
from benchmarks.tune.report import tuning_table, verdict, write_tuning
from benchmarks.tune.search import Goal, tune
from benchmarks.tune.trial import Trials
from smartlite.config import load_settings
from smartlite.errors import InvalidRequest
from smartlite.models.catalog_file import load_catalog

TUNABLE: Final = ("gateway", *STAGES)


@dataclass(frozen=True, slots=True)
class TuneOptions:
    """What was asked for."""

    what: str
    goal: Goal
    config: Path
    output: Path
    command: Sequence[str]
    plan: Plan
    knobs: tuple[Knob, ...] = ()
    """The default ones when empty."""
    max_trials: int = 12


def tune_platform(options: TuneOptions, say: Callable[[str], object]) -> tuple[Path, str]:
    """Try, and write the folder.

    Returns:
        The folder, and the table with what is recommended.

    Raises:
        InvalidRequest: What is to be tuned, the goal or a knob is unknown.
        ConfigurationError: The configuration is wrong.
    """
    if options.what not in TUNABLE:
        raise InvalidRequest(f"'{options.what}' is none of {', '.join(TUNABLE)}.", "what")
    document = _read(options.config)
    knobs = options.knobs or tuple(default_knobs(options.what))
    for knob in knobs:
        value_at(document, knob.path)  # refused before anything is started
    heading = describe_run(options.command)
    folder = new_folder(options.output, f"tune-{options.what}-{options.goal}")
    trials = Trials(options.what, document, options.plan, say)
    tuned = tune(knobs, options.goal, lambda path: value_at(document, path), trials.run, options.max_trials)
    heading += f"\n- Fixed rate of every trial: {trials.rate_per_s:.4g} requests/s"
    for path in write_tuning(folder, tuned, document, heading, options.what):
        say(f"wrote {path}")
    return folder, f"{tuning_table(tuned)}\n\n{verdict(tuned)}"


def _read(config: Path) -> dict[str, Any]:
    from graphs.config import read_serve_config  # noqa: PLC0415 - imports Ray, which takes seconds

    return read_serve_config(config, load_catalog(load_settings().catalog))
