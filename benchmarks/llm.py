"""A language model's single stream: tokens a second through HTTP against the bare library in process.

Must not know engines beyond the fact that the default one is xllamacpp's.
"""

from collections.abc import Callable
from typing import Any, Final

from benchmarks.client import Answer
from benchmarks.in_process import InProcess
from benchmarks.measure import Goal, Row, Sample, alternate, ratio_row
from benchmarks.target import Target, read_engine

_MESSAGES: Final = [
    {"role": "system", "content": "You are a helpful assistant who explains things in full sentences."},
    {"role": "user", "content": "Explain how a sailing boat can move against the wind, step by step, at length."},
]
_ASKED: Final[dict[str, Any]] = {"temperature": 0.0, "max_tokens": 200, "seed": 7}
_GOAL: Final = Goal("at least", 0.9)


def measure(target: Target) -> list[Row]:
    """Same messages, seed and length: against xllamacpp alone, which is judged, and against our engine alone."""
    model = read_engine(target.config, "llm").model
    rows: list[Row] = []
    for kind, name, goal in (("bare-llm", "xllamacpp", _GOAL), ("llm", "our engine", None)):
        with target.gateway() as gateway, InProcess(kind, target.config) as engine:

            def alone(engine: InProcess = engine) -> Answer:
                return Answer(**engine.ask(messages=_MESSAGES, **_ASKED))

            def through(stream: Callable[..., Answer] = gateway.stream_chat) -> Answer:
                return stream(model, _MESSAGES, **_ASKED)

            theirs, ours = alternate(target.runs, alone, through)
        same = sum(one.text == other.text for one, other in zip(theirs, ours, strict=True))
        rows += [
            ratio_row(
                f"LLM against {name}, {ours[0].tokens} tokens, request to end (texts equal: {same} of {len(ours)})",
                _sample(theirs, _rate, "tokens/s"),
                _sample(ours, _rate, "tokens/s"),
                goal,
            ),
            ratio_row(
                f"LLM against {name}, first token",
                _sample(theirs, lambda answer: answer.first_token_s, "s"),
                _sample(ours, lambda answer: answer.first_token_s, "s"),
            ),
        ]
    return rows


def _rate(answer: Answer) -> float:
    return answer.tokens / answer.total_s


def _sample(answers: list[Answer], value: Callable[[Answer], float], unit: str) -> Sample:
    return Sample(tuple(value(answer) for answer in answers), unit)
