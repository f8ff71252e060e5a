"""Admission by tokens: who is let in, who waits, who is refused. Must not know engines."""

import asyncio

import pytest

from smartlite.engines.token_budget import Share, TokenBudget
from smartlite.errors import Overloaded

_SOON_S = 5


def budget(parallel: int = 8, tokens: int = 100, max_waiting: int = 16, wait_timeout_s: float = 60.0) -> TokenBudget:
    return TokenBudget(parallel, tokens, max_waiting, wait_timeout_s, "m")


async def ask(of: TokenBudget, tokens: int) -> "asyncio.Task[Share]":
    """A request that has got as far as it gets for now."""
    task = asyncio.create_task(of.take(tokens))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return task


async def test_requests_are_let_in_while_their_tokens_fit_together() -> None:
    tested = budget()
    first = await ask(tested, 60)
    second = await ask(tested, 40)
    third = await ask(tested, 1)
    assert [task.done() for task in (first, second, third)] == [True, True, False]
    (await second).give_back()
    async with asyncio.timeout(_SOON_S):
        await third


async def test_no_more_are_let_in_than_are_computed_at_once() -> None:
    tested = budget(parallel=1)
    share = await tested.take(1)
    waiting = await ask(tested, 1)
    assert not waiting.done()
    share.give_back()
    async with asyncio.timeout(_SOON_S):
        await waiting


async def test_a_small_request_goes_before_a_large_one_that_does_not_fit_yet() -> None:
    tested = budget()
    await tested.take(50)
    large = await ask(tested, 80)
    small = await ask(tested, 10)
    assert (large.done(), small.done()) == (False, True)
    large.cancel()


async def test_a_large_request_is_overtaken_eight_times_at_most() -> None:
    tested = budget(max_waiting=32)
    share = await tested.take(50)
    large = await ask(tested, 80)
    for _ in range(8):
        (await tested.take(10)).give_back()
    small = await ask(tested, 10)
    assert (large.done(), small.done()) == (False, False)
    share.give_back()
    async with asyncio.timeout(_SOON_S):
        await large
        await small


async def test_what_is_larger_than_all_there_is_runs_alone() -> None:
    tested = budget()
    share = await tested.take(1)
    largest = await ask(tested, 1000)
    assert not largest.done()
    share.give_back()
    async with asyncio.timeout(_SOON_S):
        await largest


async def test_a_prompt_that_was_guessed_too_long_lets_another_in_once_it_is_counted() -> None:
    tested = budget()
    share = await tested.take(90)
    waiting = await ask(tested, 50)
    assert not waiting.done()
    share.needs(50)
    async with asyncio.timeout(_SOON_S):
        await waiting


async def test_a_prompt_that_was_guessed_too_short_keeps_others_out() -> None:
    tested = budget()
    share = await tested.take(10)
    share.needs(90)
    waiting = await ask(tested, 50)
    assert not waiting.done()
    waiting.cancel()


async def test_more_than_may_wait_are_refused_at_once() -> None:
    tested = budget(max_waiting=1)
    await tested.take(100)
    waiting = await ask(tested, 1)
    with pytest.raises(Overloaded, match="1 requests already wait for the model 'm'"):
        await tested.take(1)
    waiting.cancel()


async def test_a_cancelled_wait_frees_its_place_and_lets_in_who_waited_behind_it() -> None:
    tested = budget(parallel=2, max_waiting=2)
    share = await tested.take(50)
    large = await ask(tested, 100)
    late = await ask(tested, 60)
    large.cancel()
    await asyncio.wait([large])
    last = await ask(tested, 60)
    share.give_back()
    async with asyncio.timeout(_SOON_S):
        (await late).give_back()
        await last


async def test_a_request_cancelled_just_when_it_is_let_in_gives_its_room_back() -> None:
    tested = budget()
    share = await tested.take(100)
    waiting = await ask(tested, 100)
    share.give_back()
    waiting.cancel()
    await asyncio.wait([waiting])
    async with asyncio.timeout(_SOON_S):
        await tested.take(100)


async def test_who_waits_too_long_is_told_that_the_model_is_busy() -> None:
    tested = budget(wait_timeout_s=0.01)
    await tested.take(100)
    with pytest.raises(Overloaded, match=r"busy: no room for this request within 0\.01 s") as caught:
        await tested.take(1)
    assert caught.value.retry_after_s == 1


async def test_a_share_given_back_twice_counts_once() -> None:
    tested = budget(parallel=1)
    share = await tested.take(1)
    share.give_back()
    share.give_back()
    await tested.take(1)
    waiting = await ask(tested, 1)
    assert not waiting.done()
    waiting.cancel()


def test_a_new_loop_finds_everything_free() -> None:
    tested = budget()
    asyncio.run(_take_all(tested))
    asyncio.run(_take_all(tested))


async def _take_all(tested: TokenBudget) -> None:
    await tested.take(100)
