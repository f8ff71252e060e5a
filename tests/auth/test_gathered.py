"""Questions that come together go to the store as one, and each gets its own answer."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from smartlite.auth.gathered import MOST, UNDER_WAY, Gathered
from smartlite.errors import Unavailable


class Store:
    """Has every even number, as text; answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.is_away = False

    async def find(self, names: Sequence[str]) -> Mapping[str, int]:
        self.asked.append(list(names))
        await self.go.wait()
        if self.is_away:
            raise Unavailable("The database is away.")
        return {name: int(name) for name in names if int(name) % 2 == 0}


async def test_those_that_come_together_are_asked_together() -> None:
    store = Store()
    gathered = Gathered(store.find)
    found = await asyncio.gather(*(gathered.find(str(number)) for number in range(10)))
    assert found == [number if number % 2 == 0 else None for number in range(10)]
    assert len(store.asked) == 1


async def test_those_that_come_while_the_store_is_asked_go_after_it_and_not_with_it() -> None:
    store = Store()
    store.go.clear()
    gathered = Gathered(store.find)
    waiting = []
    for number in range(UNDER_WAY + 10):
        waiting.append(asyncio.create_task(gathered.find(str(number))))
        await asyncio.sleep(0.001)
    assert [len(names) for names in store.asked] == [1] * UNDER_WAY
    store.go.set()
    await asyncio.gather(*waiting)
    assert [len(names) for names in store.asked] == [*[1] * UNDER_WAY, 10]


async def test_a_question_has_a_bound() -> None:
    store = Store()
    gathered = Gathered(store.find)
    await asyncio.gather(*(gathered.find(str(number)) for number in range(2 * MOST + 1)))
    assert [len(names) for names in store.asked] == [MOST, MOST, 1]


async def test_a_store_that_is_away_is_told_to_everybody_and_asked_again_by_the_next() -> None:
    store = Store()
    store.is_away = True
    gathered = Gathered(store.find)
    found = await asyncio.gather(*(gathered.find(name) for name in "24"), return_exceptions=True)
    assert [type(each) for each in found] == [Unavailable, Unavailable]
    store.is_away = False
    assert await gathered.find("2") == 2


async def test_one_that_hangs_up_does_not_take_the_answer_from_the_others() -> None:
    store = Store()
    store.go.clear()
    gathered = Gathered(store.find)
    leaves, stays = (asyncio.create_task(gathered.find(name)) for name in "24")
    await asyncio.sleep(0.001)
    leaves.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaves
    store.go.set()
    assert await stays == 4
