"""Whose requests may begin to be read before they are counted. Must not know what counts them, nor HTTP."""

import time
from collections.abc import Callable
from typing import Final

from smartlite.auth.recent import Recent

MAX_PUT_OFF: Final = 64
"""Requests of one principal that are not counted yet, on one replica."""
STRICT_S: Final = 1.0
"""Who was refused just now is counted before anything is read: what is refused must cost little."""
_MAX_PRINCIPALS: Final = 10_000


class PutOff:
    """Requests that are not counted yet, by principal. Used in one event loop.

    Args:
        clock: Tells seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[str, int] = {}
        self._strict_until: Recent[str, float] = Recent(_MAX_PRINCIPALS)

    def begin(self, name: str, most: int) -> bool:
        """Let one more begin, if it may; ``end`` follows.

        Args:
            name: Whose.
            most: So many at the same time; never more than ``MAX_PUT_OFF``.
        """
        count = self._counts.get(name, 0)
        if count >= min(most, MAX_PUT_OFF):
            return False
        if len(self._strict_until) and (self._strict_until.get(name) or 0.0) > self._clock():
            return False
        self._counts[name] = count + 1
        return True

    def end(self, name: str) -> None:
        """It is counted, or over."""
        left = self._counts[name] - 1
        if left:
            self._counts[name] = left
        else:
            del self._counts[name]

    def refuse(self, name: str) -> None:
        """Note that somebody was refused."""
        self._strict_until.put(name, self._clock() + STRICT_S)
