"""Whose requests may begin to be read before they are counted, and whose are refused for now.

Must not know what counts them, nor HTTP.
"""

import time
from collections.abc import Callable, Sequence
from typing import Final

from smartlite.auth.recent import Recent
from smartlite.auth.reservation import Reservation
from smartlite.domain.limits import LeaseAsk

MAX_PUT_OFF: Final = 64
"""Requests of one principal that are not counted yet, on one replica."""
STRICT_S: Final = 1.0
"""Who was refused just now is counted before anything is read: what is refused must cost little."""
BELIEVED_S: Final = 0.002
"""So long a request is refused because the one before it was, unless a place is given back here: where a key asks far
too often, most of what is refused then costs no exchange with Redis."""
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
        self._refused: Recent[str, tuple[float, Reservation]] = Recent(_MAX_PRINCIPALS)

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

    def refuse(self, name: str, by: Reservation | None = None) -> None:
        """Note that somebody was refused.

        Args:
            name: Who.
            by: What the next requests are refused by for a moment; None: nothing.
        """
        now_s = self._clock()
        self._strict_until.put(name, now_s + STRICT_S)
        if by is not None and not by.is_local:  # what this replica counts by itself costs no exchange
            self._refused.put(name, (now_s + BELIEVED_S, by))

    def refusal(self, name: str) -> Reservation | None:
        """What the next request is refused by; None where it has to be asked."""
        found = self._refused.get(name) if len(self._refused) else None
        return None if found is None or self._clock() >= found[0] else found[1]

    def doubt(self, name: str, leases: Sequence[LeaseAsk]) -> None:
        """Ask for the next one, where places were given back."""
        if leases and len(self._refused):
            self._refused.drop(name)
