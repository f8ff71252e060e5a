"""Admission of requests: how many at once, how many wait. Must not know engines."""

import asyncio

import pytest

from smartlite.engines.slots import Slots
from smartlite.errors import Overloaded


async def test_a_request_waits_until_another_gives_its_slot_back() -> None:
    slots = Slots(1, 1, "m")
    first = await slots.take()
    waiting = asyncio.create_task(slots.take())
    await asyncio.sleep(0)
    assert not waiting.done()
    first.release()
    async with asyncio.timeout(5):
        await waiting


async def test_more_than_may_wait_are_refused_and_a_cancelled_wait_frees_its_place() -> None:
    slots = Slots(1, 1, "m")
    await slots.take()
    waiting = asyncio.create_task(slots.take())
    await asyncio.sleep(0)
    with pytest.raises(Overloaded, match="1 requests already wait for the model 'm'"):
        await slots.take()
    waiting.cancel()
    await asyncio.wait([waiting])
    late = asyncio.create_task(slots.take())
    await asyncio.sleep(0)
    assert not late.done()
    late.cancel()


def test_a_new_loop_finds_every_slot_free() -> None:
    slots = Slots(1, 0, "m")
    asyncio.run(_take(slots))
    asyncio.run(_take(slots))


async def _take(slots: Slots) -> None:
    await slots.take()
