"""What a store said of something, believed while nothing changes. Must not know what it is, nor who asks.

The store is asked about each id once a second at most, by each replica, and once in five minutes where it is known that
nothing has changed: what is taken away stops everywhere within two seconds, and a store that is away for a moment is
not noticed. Nothing is granted for want of an answer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from smartlite.auth.changes import UNWATCHED, Watch
from smartlite.auth.recent import Recent
from smartlite.auth.unknown import check_unknown
from smartlite.errors import Overloaded, Unavailable

V = TypeVar("V")

FRESH: Final = timedelta(seconds=1)
"""So long an answer of the database is taken for the truth."""
LONGEST: Final = timedelta(seconds=300)
"""So long it is where nothing has changed since: what was changed without a line in the audit log holds by then."""
TAKEN_WITHOUT_DATABASE: Final = timedelta(seconds=60)
"""So old it may be where the database cannot be asked."""
FIND_TIMEOUT_S: Final = 2.0
"""With ``FRESH`` it bounds how long what was taken away can still be used."""
MAX_KNOWN: Final = 25_000
"""About 5 kB each, with what limits and the fast lane know of it: 125 MB. Beyond it the store is asked more often."""
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
    generation: int | None
    """The one of when it was asked."""
    is_doubted: bool = False
    """Whether it could not be asked again."""


class Remembered(Generic[V]):
    """Values by id. One for each process and kind; every method runs in its event loop.

    Args:
        find: Asks the store; None where there is nothing. Raises Unavailable where it cannot be asked for now.
        clock: Tells the time in UTC.
        find_timeout_s: After so long the store counts as away.
        limit: So many values are remembered.
        changes: Tells whether anything changed.
    """

    def __init__(
        self,
        find: Callable[[str], Awaitable[V | None]],
        clock: Callable[[], datetime],
        find_timeout_s: float = FIND_TIMEOUT_S,
        limit: int = MAX_KNOWN,
        changes: Watch = UNWATCHED,
    ) -> None:
        self._find = find
        self._clock = clock
        self._find_timeout_s = find_timeout_s
        self._changes = changes
        self._known: Recent[str, _Known[V]] = Recent(limit)
        self._unknown: Recent[str, datetime] = Recent(MAX_UNKNOWN)
        self._finding: dict[tuple[str, int | None], asyncio.Task[_Known[V] | None]] = {}

    async def get(self, name: str) -> V | None:
        """The value with an id; None where there is none.

        Raises:
            Unavailable: 503, the store cannot be asked, and did not tell of it within the last minute.
            Overloaded: 429, too much that nobody remembers is being looked for.
            RateLimited: 429, see ``check_unknown``.
        """
        known = await self._know(name)
        return None if known is None else known.value

    def true_until(self, name: str) -> datetime | None:
        """When a value has to be asked for again though nothing changes; None where nobody knows whether it is true."""
        known = self._known.get(name)
        is_true = known is not None and _is_true(known, self._changes.current(), self._clock())
        return known.asked_at + LONGEST if known is not None and is_true else None

    async def _know(self, name: str) -> _Known[V] | None:
        now, generation = self._clock(), self._changes.current()
        known = self._known.get(name)
        if known is not None and _is_good(known, generation, now):
            return known
        unknown_at = self._unknown.get(name)
        if known is None and unknown_at is not None and unknown_at <= now < unknown_at + FRESH:
            return None
        if known is None:
            check_unknown()
        # Who asks after a change does not wait with those who asked before it.
        finding = (name, generation)
        task = self._finding.get(finding)
        if task is None:
            if known is None and len(self._finding) >= MAX_FINDING:
                raise Overloaded("Too many credentials are being checked; try again in a moment.")
            task = asyncio.create_task(self._ask(name, generation))
            self._finding[finding] = task
            task.add_done_callback(lambda done: self._asked(finding, done))
        try:
            # Whoever hangs up must not take the answer from those who wait for it too.
            return await asyncio.shield(task)
        except Unavailable:
            known, now = self._known.get(name), self._clock()
            if known is None or not known.asked_at <= now < self._true_at(known) + TAKEN_WITHOUT_DATABASE:
                raise
            known.retry_at, known.is_doubted = now + FRESH, True
            return known

    def _true_at(self, known: _Known[V]) -> datetime:
        """When it was last known to be true."""
        confirmed_at = self._changes.confirmed_at(known.generation) or known.asked_at
        return max(known.asked_at, min(confirmed_at, known.asked_at + LONGEST))

    async def _ask(self, name: str, generation: int | None) -> _Known[V] | None:
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
        known = _Known(value, asked_at, asked_at + FRESH, generation)
        self._known.put(name, known)
        return known

    def _asked(self, finding: tuple[str, int | None], done: asyncio.Task[_Known[V] | None]) -> None:
        del self._finding[finding]
        if not done.cancelled():
            done.exception()  # where everybody who waited has hung up, nobody else would look at it


def _is_good(known: _Known[V], generation: int | None, now: datetime) -> bool:
    if generation is None or known.is_doubted:
        # A clock that was set back must not make an old answer a young one: hence both bounds.
        return known.asked_at <= now < known.retry_at
    return _is_true(known, generation, now)


def _is_true(known: _Known[V], generation: int | None, now: datetime) -> bool:
    is_of_now = generation is not None and known.generation == generation and not known.is_doubted
    return is_of_now and known.asked_at <= now < known.asked_at + LONGEST
