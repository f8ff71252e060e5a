"""What a prompt costs that begins as one before did: the next turn of a conversation, instructions that many share.

Must not know engines: what was not read again is told by ``usage.prompt_tokens_details.cached_tokens``.
"""

import time
from typing import Final

from benchmarks.client import Answer, Gateway, Messages
from benchmarks.measure import Goal, Row, Sample, ratio_row, value_row
from benchmarks.target import Target, read_engine

_RULES: Final = 20
_ANSWER_TOKENS: Final = 24
_QUESTIONS: Final = (
    "When does the first train leave?",
    "May I bring a bicycle?",
    "What does a ticket cost?",
    "Where do I change?",
)
_CACHED_GOAL: Final = Goal("at least", 80, "%")


def measure(target: Target) -> list[Row]:
    """First tokens of prompts that nobody has sent before, against those of the turns and questions that follow."""
    model = read_engine(target.config, "llm").model
    new: list[Answer] = []
    shared: list[Answer] = []
    turns: list[Answer] = []
    with target.gateway() as gateway:
        for _ in range(target.runs):
            instructions = _instructions()
            new.append(_ask(gateway, model, [instructions, _said(_QUESTIONS[0])]))
            shared.append(_ask(gateway, model, [instructions, _said(_QUESTIONS[1])]))
            talk = [instructions, _said(_QUESTIONS[2])]
            for question in (_QUESTIONS[3], _QUESTIONS[0]):
                answer = _ask(gateway, model, talk)
                talk += [{"role": "assistant", "content": answer.text}, _said(question)]
            turns.append(_ask(gateway, model, talk))
    return [
        row
        for what, found in (("instructions that another had", shared), ("the third turn of a conversation", turns))
        for row in (
            ratio_row(f"First token after {what}; alone: a new prompt", _first(new), _first(found)),
            value_row(f"Prompt tokens not read again: {what}", _cached(found), _CACHED_GOAL),
        )
    ]


def _instructions() -> dict[str, str]:
    """A page that nobody has sent before."""
    new = time.time_ns()
    rules = " ".join(f"Rule {rule}: tell about line {(new + rule) % 97} in a full sentence." for rule in range(_RULES))
    return {"role": "system", "content": f"Office {new} of a railway answers politely. {rules}"}


def _said(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _ask(gateway: Gateway, model: str, messages: Messages) -> Answer:
    return gateway.stream_chat(model, messages, temperature=0.0, max_tokens=_ANSWER_TOKENS)


def _first(answers: list[Answer]) -> Sample:
    return Sample(tuple(answer.first_token_s for answer in answers), "s")


def _cached(answers: list[Answer]) -> Sample:
    return Sample(tuple(100 * answer.cached_tokens / max(1, answer.prompt_tokens) for answer in answers), "%")
