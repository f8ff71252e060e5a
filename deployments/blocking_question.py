"""A question that blocks and may never be answered, asked in one thread at most. Must not know what is asked.

Threads that wait for a silent controller would be all that a process has, for encoding audio too.
"""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class BlockingQuestion(Generic[T]):
    """Used in one event loop, by one task at a time.

    Args:
        ask: Blocks, and gives the answer.
        timeout_s: Longest wait for it.
    """

    def __init__(self, ask: Callable[[], T], timeout_s: float) -> None:
        self._ask = ask
        self._timeout_s = timeout_s
        self._asked: asyncio.Future[T] | None = None

    async def answer(self) -> T:
        """Ask, or wait on for what was asked before and not answered.

        Raises:
            TimeoutError: There is no answer yet.
            Exception: What the question raised.
        """
        if self._asked is None:
            self._asked = asyncio.ensure_future(asyncio.to_thread(self._ask))
        done, _ = await asyncio.wait({self._asked}, timeout=self._timeout_s)
        if not done:
            raise TimeoutError
        asked, self._asked = self._asked, None
        return asked.result()
