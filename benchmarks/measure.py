"""Samples, ratios of samples, goals and the Markdown table of both. Must not know what is measured."""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

_A = TypeVar("_A")
_B = TypeVar("_B")


@dataclass(frozen=True, slots=True)
class Sample:
    """Figures of the same thing, measured one after the other."""

    values: tuple[float, ...]
    """At least one."""
    unit: str

    @property
    def median(self) -> float:
        """The middle value; the mean of the two middle ones of an even number."""
        return statistics.median(self.values)

    def __str__(self) -> str:
        """Median, smallest and largest, how many."""
        if len(self.values) == 1:
            return f"{figure(self.values[0])} {self.unit}"
        spread = f"{figure(min(self.values))} to {figure(max(self.values))}"
        return f"{figure(self.median)} {self.unit} ({spread}, n={len(self.values)})"


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure is judged by."""

    kind: Literal["at most", "at least"]
    limit: float
    unit: str = "x"

    def is_met(self, value: float) -> bool:
        """Whether the limit holds."""
        return value <= self.limit if self.kind == "at most" else value >= self.limit

    def __str__(self) -> str:
        return f"{self.kind} {figure(self.limit)}{'' if self.unit in ('x', '%') else ' '}{self.unit}"


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table: something of the platform, beside what it is held against."""

    what: str
    baseline: str
    platform: str
    judged: str = ""
    """The figure that the goal is about."""
    goal: str = ""
    is_met: bool | None = None
    """None where there is no goal."""


def ratio_row(what: str, baseline: Sample, platform: Sample, goal: Goal | None = None) -> Row:
    """A row judged by the ratio of the medians; the ratios of the rounds show how steady it is.

    Args:
        what: What was measured.
        baseline: One value a round.
        platform: One value a round, in the same order of rounds.
        goal: For platform divided by baseline.
    """
    ratio = platform.median / baseline.median
    rounds = [ours / theirs for ours, theirs in zip(platform.values, baseline.values, strict=True)]
    judged = f"{figure(ratio)}x (rounds {figure(min(rounds))} to {figure(max(rounds))})"
    return Row(what, str(baseline), str(platform), judged, *_verdict(goal, ratio))


def value_row(what: str, platform: Sample, goal: Goal | None = None, worst: bool = False) -> Row:
    """A row judged by the median, or with ``worst`` by the value farthest from the goal."""
    value = platform.median
    if worst and goal is not None:
        value = max(platform.values) if goal.kind == "at most" else min(platform.values)
    judged = f"{figure(value)} {platform.unit}" if goal is not None else ""
    return Row(what, "", str(platform), judged, *_verdict(goal, value))


def alternate(runs: int, first: Callable[[], _A], second: Callable[[], _B]) -> tuple[list[_A], list[_B]]:
    """Measure two things turn by turn, so that a machine that slows down slows both.

    Each is run once beforehand, unrecorded. Every other round begins with the other one.
    """
    first()
    second()
    firsts: list[_A] = []
    seconds: list[_B] = []
    for number in range(runs):
        if number % 2:
            seconds.append(second())
            firsts.append(first())
        else:
            firsts.append(first())
            seconds.append(second())
    return firsts, seconds


def rounds_of(runs: int, measured: Mapping[str, Callable[[], _A]]) -> dict[str, list[_A]]:
    """Measure several things round by round, as ``alternate`` does two; each round begins with the next one."""
    names = list(measured)
    found: dict[str, list[_A]] = {name: [] for name in names}
    for name in names:
        measured[name]()
    for number in range(runs):
        shift = number % len(names)
        for name in [*names[shift:], *names[:shift]]:
            found[name].append(measured[name]())
    return found


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that at least so many percent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(int(rank), 1) - 1]


def figure(value: float) -> str:
    """Three digits that count, without an exponent."""
    if abs(value) >= 100 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3}f}"


def markdown_table(rows: Iterable[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| what | held against | platform | judged | goal | met |", "|---|---|---|---|---|---|"]
    for row in rows:
        met = "" if row.is_met is None else "yes" if row.is_met else "**no**"
        lines.append(f"| {row.what} | {row.baseline} | {row.platform} | {row.judged} | {row.goal} | {met} |")
    return "\n".join(lines)


def _verdict(goal: Goal | None, value: float) -> tuple[str, bool | None]:
    return ("", None) if goal is None else (str(goal), goal.is_met(value))
