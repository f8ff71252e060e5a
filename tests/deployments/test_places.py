"""A replica works on so many requests at once, whichever way they came."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from deployments.places import UNLIMITED, NoPlace, Places, patience_s, room_of_this_replica
from tests.deployments.batching import settle


async def hold(places: Places, opened: asyncio.Event, order: list[int], number: int) -> None:
    async with places.taken():
        order.append(number)
        await opened.wait()


async def test_no_more_work_at_once_than_there_are_places() -> None:
    places, opened, order = Places(lambda: 2), asyncio.Event(), list[int]()
    tasks = [asyncio.create_task(hold(places, opened, order, number)) for number in range(5)]
    await settle()
    assert order == [0, 1]
    opened.set()
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3, 4]


async def test_who_waits_for_a_place_and_leaves_takes_none() -> None:
    places, opened, order = Places(lambda: 1), asyncio.Event(), list[int]()
    tasks = [asyncio.create_task(hold(places, opened, order, number)) for number in range(3)]
    await settle()
    tasks[1].cancel()
    opened.set()
    await asyncio.wait(tasks)
    assert order == [0, 2]


async def test_who_leaves_at_the_moment_of_being_given_a_place_hands_it_on() -> None:
    places, order, opened = Places(lambda: 1), list[int](), asyncio.Event()
    async with AsyncExitStack() as first:
        await first.enter_async_context(places.taken())
        tasks = [asyncio.create_task(hold(places, opened, order, number)) for number in range(2)]
        await settle()
    tasks[0].cancel()
    opened.set()
    await asyncio.wait(tasks)
    assert order == [1]


async def test_impatient_requests_are_told_that_there_is_no_place() -> None:
    places = Places(lambda: 1)
    async with places.taken():
        patience_s.set(0.01)
        with pytest.raises(NoPlace):
            async with places.taken():
                pass
        patience_s.set(None)
    async with places.taken():
        pass


async def test_the_number_of_places_may_change() -> None:
    counts = [1]
    places, opened, order = Places(lambda: counts[0]), asyncio.Event(), list[int]()
    tasks = [asyncio.create_task(hold(places, opened, order, number)) for number in range(4)]
    await settle()
    counts[0] = 3
    opened.set()
    await asyncio.gather(*tasks)
    assert order == [0, 1, 2, 3]


def test_outside_serve_there_is_no_bound() -> None:
    assert room_of_this_replica() == UNLIMITED
