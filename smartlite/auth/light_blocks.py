"""Requests that are taken several at once, for those that follow. Must not know limits, nor who takes them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from smartlite.auth.recent import Recent
from smartlite.auth.reservation import Reservation

BLOCK_SHARE: Final = 500
"""Of a limit of requests, so many parts are taken at once for requests that no model works for."""
_BLOCK_LIVES_S: Final = 1.0
_UNLIMITED: Final = 10**9
_MAX_PRINCIPALS: Final = 10_000


@dataclass(slots=True)
class Block:
    """Requests that were taken at once, and are given to those that follow."""

    left: int
    until_s: float
    reservation: Reservation
    """What every request of it is answered."""


class LightBlocks:
    """Blocks by principal. Used in one event loop."""

    def __init__(self) -> None:
        self._taking: set[str] = set()
        self._blocks: Recent[str, Block] = Recent(_MAX_PRINCIPALS)

    def next(self, name: str, now_s: float) -> Reservation | None:
        """One request out of what was taken within the last second; None where nothing is left of it."""
        block = self._blocks.get(name)
        if block is None or not block.left or now_s >= block.until_s:
            return None
        block.left -= 1
        return block.reservation

    def open(self, name: str, now_s: float, reservation: Reservation) -> None:
        """Note that nothing limits somebody's requests: for as long as a block lives, nobody has to look again."""
        self._blocks.put(name, Block(_UNLIMITED, now_s + _BLOCK_LIVES_S, reservation))

    async def fill(
        self, name: str, size: int, now_s: float, take: Callable[[float], Awaitable[Reservation]]
    ) -> Reservation | None:
        """Take a block and give the first request of it.

        Args:
            name: Whose.
            size: Requests.
            now_s: On the clock of ``next``.
            take: Takes so many.

        Returns:
            None where there is no block: it is too small, one is being taken, or it is not given.
        """
        if size <= 1 or name in self._taking:
            return None
        self._taking.add(name)
        try:
            found = await take(float(size))
        finally:
            self._taking.discard(name)
        if not found.answer.is_given:
            return None
        block = Block(size - 1, now_s + _BLOCK_LIVES_S, Reservation(found.answer))
        self._blocks.put(name, block)
        return block.reservation
