"""A question that blocks is asked in one thread at most."""

import threading

import pytest

from deployments.blocking_question import BlockingQuestion


async def test_what_is_answered_is_given_each_time_anew() -> None:
    answers = iter((1, 2))
    question = BlockingQuestion(lambda: next(answers), 5)
    assert [await question.answer(), await question.answer()] == [1, 2]


async def test_what_it_raises_is_raised_and_it_is_asked_again() -> None:
    outcomes = iter((ValueError("no"), 3))

    def ask() -> int:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    question = BlockingQuestion(ask, 5)
    with pytest.raises(ValueError, match="no"):
        await question.answer()
    assert await question.answer() == 3


async def test_a_question_without_an_answer_holds_one_thread() -> None:
    asked, release = [], threading.Event()

    def ask() -> int:
        asked.append(1)
        release.wait(10)
        return len(asked)

    question = BlockingQuestion(ask, 0.01)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            await question.answer()
    release.set()
    question._timeout_s = 10
    assert await question.answer() == 1
