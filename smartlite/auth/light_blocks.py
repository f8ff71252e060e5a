"""Requests that are taken several at once, for those that follow. Must not know limits, nor who takes them.

A block is taken within one minute or day and may be used in another: then a limit is exceeded by what is left of it.
However long it lives, a replica has one of somebody at a time: in any minute that is at most one block of each replica,
``1 / BLOCK_SHARE`` or 0.2 % of the limit. What nobody uses is lost to its owner, by the same bound.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from smartlite.auth.changes import UNWATCHED, Watch
from smartlite.auth.recent import Recent
from smartlite.auth.remembered import MAX_KNOWN
from smartlite.auth.reservation import Reservation

BLOCK_SHARE: Final = 500
"""Of a limit of requests, so many parts are taken at once for requests that no model works for."""
BLOCK_LIVES_S: Final = 60.0
"""As long as nothing changes. So old is what answers say of limits at most."""
ROOMY_LIVES_S: Final = 300.0
"""Likewise where half of every limit is still there, and nobody has to know exactly how much; as long as a key is
believed. To take a block costs as much as several requests do out of one, and each of ten thousand keys takes one."""
_SHORTLY_S: Final = 1.0
"""So long it lives where nobody knows whether limits have changed."""
_UNLIMITED: Final = 10**9


@dataclass(slots=True)
class Block:
    """Requests that were taken at once, and are given to those that follow."""

    left: int
    taken_s: float
    lives_s: float
    reservation: Reservation
    """What every request of it is answered."""
    generation: int | None
    """The one of when its limits were looked up."""


class LightBlocks:
    """Blocks by principal. Used in one event loop.

    Args:
        changes: Tells whether limits have changed.
        limit: So many principals have one.
    """

    def __init__(self, changes: Watch = UNWATCHED, limit: int = MAX_KNOWN) -> None:
        self._changes = changes
        self._taking: set[str] = set()
        self._blocks: Recent[str, Block] = Recent(limit)

    def generation(self) -> int | None:
        """To be asked before limits are looked up, and given with what is taken of them."""
        return self._changes.current()

    def next(self, name: str, now_s: float) -> Reservation | None:
        """One request out of what was taken already; None where nothing is left of it."""
        block = self._blocks.get(name)
        if block is None or not block.left:
            return None
        current = self._changes.current()
        is_watched = current is not None and block.generation is not None
        if is_watched and block.generation != current:
            return None
        if now_s >= block.taken_s + (block.lives_s if is_watched else _SHORTLY_S):
            return None
        block.left -= 1
        return block.reservation

    def open(self, name: str, now_s: float, reservation: Reservation, generation: int | None) -> None:
        """Note that nothing limits somebody's requests: for as long as a block lives, nobody has to look again."""
        self._blocks.put(name, Block(_UNLIMITED, now_s, ROOMY_LIVES_S, reservation, generation))

    async def fill(
        self,
        name: str,
        size: int,
        now_s: float,
        take: Callable[[float], Awaitable[Reservation]],
        generation: int | None,
    ) -> Reservation | None:
        """Take a block and give the first request of it.

        Args:
            name: Whose.
            size: Requests.
            now_s: On the clock of ``next``.
            take: Takes so many.
            generation: See ``generation``.

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
        lives_s = ROOMY_LIVES_S if found.answer.is_roomy else BLOCK_LIVES_S
        block = Block(size - 1, now_s, lives_s, Reservation(found.answer), generation)
        self._blocks.put(name, block)
        return block.reservation
