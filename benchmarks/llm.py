"""A language model's streams, one and eight at once: tokens a second through HTTP against the library in process.

Must not know engines beyond the fact that the default one is xllamacpp's.
"""

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from benchmarks import prefixes
from benchmarks.client import Answer, Gateway, Messages
from benchmarks.in_process import InProcess
from benchmarks.measure import Goal, Row, Sample, ratio_row, rounds_of, value_row
from benchmarks.processes import PlatformProcesses
from benchmarks.target import Target, read_engine

_AT_ONCE: Final = (1, 8)
_ASKED: Final[dict[str, Any]] = {"temperature": 0.0, "max_tokens": 100, "seed": 7}
"""Greedy; with a seed no prompt is taken from a cache, so that every round reads what it is asked."""
_SYSTEM: Final = "You are a helpful assistant who explains things in full sentences."
_QUESTIONS: Final = (
    "Explain how a sailing boat can move against the wind, step by step, at length.",
    "Tell a long story about a lighthouse keeper and a whale that has lost its way.",
    "Describe from beginning to end how bread is made of flour, water, salt and yeast.",
    "What should a traveller see in the city of Rome? Describe each place at length.",
    "Explain to a child at length why the sky is blue by day and red in the evening.",
    "Describe the rules of football in full sentences, as if to somebody from the moon.",
    "Write at length about the history of the printing press and what it changed.",
    "Explain in many sentences how a bicycle stays upright while it rolls along.",
)
_RATE_GOAL: Final = Goal("at least", 0.9)
_LATER_GOAL: Final = Goal("at most", 15, "ms")


@dataclass(frozen=True, slots=True)
class _Round:
    """What came of requests that began together."""

    answers: list[Answer]
    seconds: float
    """Until the last one's end."""
    cpu_s: float
    """Processor time of the process or processes that answered."""

    @property
    def tokens_per_s(self) -> float:
        return sum(answer.tokens for answer in self.answers) / self.seconds

    @property
    def cpu_ms_per_token(self) -> float:
        return 1000 * self.cpu_s / sum(answer.tokens for answer in self.answers)

    @property
    def first_token_s(self) -> float:
        return statistics.fmean(answer.first_token_s for answer in self.answers)


def measure(target: Target) -> list[Row]:
    """Same messages, seed and length: against xllamacpp alone, which is judged, and against our engine alone."""
    model = read_engine(target.config, "llm").model
    rows: list[Row] = []
    for count in _AT_ONCE:
        with ExitStack() as opened:
            bare = opened.enter_context(InProcess("bare-llm", target.config))
            engine = opened.enter_context(InProcess("llm", target.config))
            gateways = [opened.enter_context(target.gateway()) for _ in range(count)]
            sides = {
                "xllamacpp": partial(_alone, bare, count),
                "our engine": partial(_alone, engine, count),
                "platform": partial(_through, gateways, target.processes, model),
            }
            found = rounds_of(target.runs, sides)
        for name in ("xllamacpp", "our engine"):
            what = f"LLM against {name}, {count} at once"
            rows += _rows(what, found[name], found["platform"], is_judged=name == "xllamacpp")
    return [*rows, *prefixes.measure(target)]


def _alone(engine: InProcess, count: int) -> _Round:
    found = engine.ask(at_once=[{"messages": _messages(number), **_ASKED} for number in range(count)])
    return _Round([Answer(**answer) for answer in found["answers"]], found["seconds"], found["cpu_s"])


def _through(gateways: list[Gateway], processes: PlatformProcesses, model: str) -> _Round:
    def ask(number: int) -> Answer:
        return gateways[number].stream_chat(model, _messages(number), **_ASKED)

    with ThreadPoolExecutor(len(gateways)) as callers, processes.counting_cpu() as cpu:
        began = time.perf_counter()
        answers = list(callers.map(ask, range(len(gateways))))
        seconds = time.perf_counter() - began
    return _Round(answers, seconds, cpu[0])


def _messages(number: int) -> Messages:
    return [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _QUESTIONS[number % len(_QUESTIONS)]}]


def _rows(what: str, theirs: list[_Round], ours: list[_Round], is_judged: bool) -> list[Row]:
    pairs = [
        one.text == other.text
        for before, after in zip(theirs, ours, strict=True)
        for one, other in zip(before.answers, after.answers, strict=True)
    ]
    later = tuple(1000 * (b.first_token_s - a.first_token_s) for a, b in zip(theirs, ours, strict=True))
    return [
        ratio_row(
            f"{what}, request to end (texts equal: {sum(pairs)} of {len(pairs)})",
            _sample(theirs, lambda found: found.tokens_per_s, "tokens/s"),
            _sample(ours, lambda found: found.tokens_per_s, "tokens/s"),
            _RATE_GOAL if is_judged else None,
        ),
        ratio_row(
            f"{what}, first token (mean of those at once)",
            _sample(theirs, lambda found: found.first_token_s, "s"),
            _sample(ours, lambda found: found.first_token_s, "s"),
        ),
        ratio_row(
            f"{what}, processor time of a token, its part of the prompt included",
            _sample(theirs, lambda found: found.cpu_ms_per_token, "ms"),
            _sample(ours, lambda found: found.cpu_ms_per_token, "ms"),
        ),
        value_row(f"{what}, first token later by", Sample(later, "ms"), _LATER_GOAL if is_judged else None),
    ]


def _sample(rounds: list[_Round], value: Callable[[_Round], float], unit: str) -> Sample:
    return Sample(tuple(value(found) for found in rounds), unit)
