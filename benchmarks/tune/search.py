"""Which configuration is best for a goal: one number after the other, each kept where it helps. Must not measure.

The given configuration is tried again at the end: what looked better has to be better than both of its trials.
Every trial starts a platform, so a full grid would take hours. Numbers that only help together are not found.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from benchmarks.tune.knobs import Knob, Setting, Value
from smartlite.errors import InvalidRequest

Goal = Literal["throughput", "latency", "cost"]
MARGIN: Final = 0.05
"""A change that gains less is noise: medians of the same configuration differ by about so much on a quiet machine."""
MIN_SERVED: Final = 0.99
"""Share of the requests at the fixed rate that has to be served for a latency or a cost to count."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What a configuration did. All rates and costs are medians of the runs."""

    setting: Setting
    throughput_per_s: float
    """Of a closed loop."""
    p99_ms: float
    """At the fixed rate that every trial is offered."""
    served: float
    """Share of the requests at that rate that succeeded."""
    cpu_per_thousand_s: float
    """Of all processes, at that rate."""
    problem: str = ""
    """Why it could not be measured; the figures then mean nothing."""

    def score(self, goal: Goal) -> float:
        """The smaller the better."""
        if self.problem:
            return math.inf
        if goal == "throughput":
            return 1 / self.throughput_per_s if self.throughput_per_s else math.inf
        if self.served < MIN_SERVED:
            return math.inf
        return self.p99_ms if goal == "latency" else self.cpu_per_thousand_s


@dataclass(frozen=True, slots=True)
class Tuned:
    """What was tried, in order, and what is recommended."""

    goal: Goal
    trials: tuple[Trial, ...]
    """The first is the configuration that was given; the last as well, where another one looked better."""
    best: Trial

    @property
    def gain(self) -> float:
        """How many times better the recommended one is than the given one, when that did better."""
        return min(trial.score(self.goal) for trial in self.trials if not trial.setting) / self.best.score(self.goal)


def tune(
    knobs: Sequence[Knob],
    goal: Goal,
    current: Callable[[str], Value],
    measure: Callable[[Setting], Trial],
    max_trials: int,
) -> Tuned:
    """Try.

    Args:
        knobs: In the order in which they are tried.
        goal: What is wanted.
        current: The value of a path in the configuration that was given.
        measure: Runs a configuration.
        max_trials: The given configuration included; its second trial is not.

    Raises:
        InvalidRequest: There is no such goal.
    """
    if goal not in get_args(Goal):
        raise InvalidRequest(f"goal: '{goal}' is none of {', '.join(get_args(Goal))}.", "goal")
    best = measure(())
    trials = [best]
    for knob in knobs:
        kept = dict(best.setting)
        now = kept.get(knob.path, current(knob.path))
        for value in knob.values:
            if value == now or len(trials) >= max_trials:
                continue
            trial = measure(tuple((kept | {knob.path: value}).items()))
            trials.append(trial)
            if trial.score(goal) < best.score(goal) * (1 - MARGIN):
                best = trial
    if best is not trials[0]:
        # A machine that others use as well may have been slow for the first trial alone.
        again = measure(())
        trials.append(again)
        if best.score(goal) >= again.score(goal) * (1 - MARGIN):
            best = trials[0]
    return Tuned(goal, tuple(trials), best)
