"""What a store said of something, believed for a second. Must not know what it is, nor who asks.

The store is asked about each id once a second at most, by each replica: what is taken away stops everywhere within two
seconds, and a store that is away for a moment is not noticed. Nothing is granted for want of an answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from smartlite.auth.recent import Recent
from smartlite.auth.unknown import check_unknown
from smartlite.errors import Overloaded, Unavailable

V = TypeVar("V")

FRESH: Final = timedelta(seconds=1)
"""So long an answer of the database is taken for the truth."""
TAKEN_WITHOUT_DATABASE: Final = timedelta(seconds=60)
"""So old it may be where the database cannot be asked."""
FIND_TIMEOUT_S: Final = 2.0
"""With ``FRESH`` it bounds how long what was taken away can still be used."""
MAX_KNOWN: Final = 10_000
"""About 10 MB."""
MAX_UNKNOWN: Final = 10_000
"""Ids of nothing; a memory of their own, so that inventing ids drives nothing real out."""
MAX_FINDING: Final = 100
"""So many ids that are not remembered are looked for at once."""


@dataclass(slots=True)
class _Known(Generic[V]):
    value: V
    asked_at: datetime
    """When the database was asked, not when it answered: what it said may have changed since then."""
    retry_at: datetime
    """Until then the database is not asked again: ``FRESH`` after it was, or after it could not be."""


class Remembered(Generic[V]):
    """Values by id. One for each process and kind; every method runs in its event loop.

    Args:
        find: Asks the store; None where there is nothing. Raises Unavailable where it cannot be asked for now.
        clock: Tells the time in UTC.
        find_timeout_s: After so long the store counts as away.
        limit: So many values are remembered.
    """

    def __init__(
        self,
        find: Callable[[str], Awaitable[V | None]],
        clock: Callable[[], datetime],
        find_timeout_s: float = FIND_TIMEOUT_S,
        limit: int = MAX_KNOWN,
    ) -> None:
        self._find = find
        self._clock = clock
        self._find_timeout_s = find_timeout_s
        self._known: Recent[str, _Known[V]] = Recent(limit)
        self._unknown: Recent[str, datetime] = Recent(MAX_UNKNOWN)
        self._finding: dict[str, asyncio.Task[_Known[V] | None]] = {}

    async def get(self, name: str) -> V | None:
        """The value with an id; None where there is none.

        Raises:
            Unavailable: 503, the store cannot be asked, and did not tell of it within the last minute.
            Overloaded: 429, too much that nobody remembers is being looked for.
            RateLimited: 429, see ``check_unknown``.
        """
        known = await self._know(name)
        return None if known is None else known.value

    async def _know(self, name: str) -> _Known[V] | None:
        now = self._clock()
        known = self._known.get(name)
        # A clock that was set back must not make an old answer a young one: hence both bounds.
        if known is not None and known.asked_at <= now < known.retry_at:
            return known
        unknown_at = self._unknown.get(name)
        if known is None and unknown_at is not None and unknown_at <= now < unknown_at + FRESH:
            return None
        if known is None:
            check_unknown()
        task = self._finding.get(name)
        if task is None:
            if known is None and len(self._finding) >= MAX_FINDING:
                raise Overloaded("Too many credentials are being checked; try again in a moment.")
            task = asyncio.create_task(self._ask(name))
            self._finding[name] = task
            task.add_done_callback(lambda done: self._asked(name, done))
        try:
            # Whoever hangs up must not take the answer from those who wait for it too.
            return await asyncio.shield(task)
        except Unavailable:
            known, now = self._known.get(name), self._clock()
            if known is None or not known.asked_at <= now < known.asked_at + TAKEN_WITHOUT_DATABASE:
                raise
            known.retry_at = now + FRESH
            return known

    async def _ask(self, name: str) -> _Known[V] | None:
        asked_at = self._clock()
        try:
            async with asyncio.timeout(self._find_timeout_s):
                value = await self._find(name)
        except TimeoutError:
            raise Unavailable("Credentials cannot be checked for now.") from None
        if value is None:
            self._known.drop(name)
            self._unknown.put(name, asked_at)
            return None
        known = _Known(value, asked_at, asked_at + FRESH)
        self._known.put(name, known)
        return known

    def _asked(self, name: str, done: asyncio.Task[_Known[V] | None]) -> None:
        del self._finding[name]
        if not done.cancelled():
            done.exception()  # where everybody who waited has hung up, nobody else would look at it
