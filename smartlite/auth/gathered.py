"""Questions that come at the same time, put to the store as one. Must not know what is asked, nor who believes it.

A unit of work on the database costs 0.7 to 1.1 ms of processor time (SQLite, 2 cores), whatever it asks for; a row more
of the same query a tenth of that. The first question goes at once; those that come meanwhile go together after it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from smartlite.errors import Unavailable

V = TypeVar("V")

MOST: Final = 100
"""In one question. SQLite takes 32,766 parameters; rows are decoded while others wait."""
UNDER_WAY: Final = 2
"""Questions at the same time: there are few connections, and others need them too."""
_TIMEOUT_S: Final = 2.0


@dataclass(eq=False, slots=True)
class _Batch(Generic[V]):
    names: list[str] = field(default_factory=list)
    task: asyncio.Task[Mapping[str, V]] | None = None


class Gathered(Generic[V]):
    """Answers to single questions. One for each process and kind; used in one event loop.

    Args:
        find: Asks the store for many at once; those that there are not are absent.
    """

    def __init__(self, find: Callable[[Sequence[str]], Awaitable[Mapping[str, V]]]) -> None:
        self._find = find
        self._collecting: _Batch[V] | None = None
        self._places = asyncio.Semaphore(UNDER_WAY)

    async def find(self, name: str) -> V | None:
        """The value with an id as it is now or a moment later; None where there is none.

        Raises:
            Unavailable: 503, the store cannot be asked.
        """
        batch = self._collecting
        if batch is None or batch.task is None or len(batch.names) >= MOST:
            batch = self._collecting = _Batch()
            batch.task = asyncio.create_task(self._ask(batch))
            batch.task.add_done_callback(_look_at)
        batch.names.append(name)
        # Whoever hangs up must not take the answer from those who wait for it too.
        found = await asyncio.shield(batch.task)
        return found.get(name)

    async def _ask(self, batch: _Batch[V]) -> Mapping[str, V]:
        async with self._places:
            if self._collecting is batch:
                self._collecting = None  # who comes from now on is told what is true from now on
            try:
                async with asyncio.timeout(_TIMEOUT_S):
                    return await self._find(list(dict.fromkeys(batch.names)))
            except TimeoutError:
                raise Unavailable("The database does not answer.") from None


def _look_at(done: asyncio.Task[Mapping[str, V]]) -> None:
    if not done.cancelled():
        done.exception()  # where everybody who waited has hung up, nobody else would
