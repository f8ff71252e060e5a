"""Who has a purse on this replica, and when it is filled and emptied. Must not know what counts limits, nor HTTP.

Where one key asks often, and half of each of its limits is there, an exchange with Redis takes for the requests that
follow it too: most requests then wait for no exchange, and many share the one that tells what they took. Elsewhere
each request is counted by itself. Within a second of the moment at which half of a limit is used up, no replica has a
purse any more.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from smartlite.auth.allowances import Rule
from smartlite.auth.changes import UNWATCHED, Watch
from smartlite.auth.purse import Drawn, Purse, may_have
from smartlite.auth.recent import Recent
from smartlite.auth.reservation import Reservation
from smartlite.domain.limits import Ask, LeaseAsk
from smartlite.domain.usage import ModelUsage

LIVES_S: Final = 1.0
"""After it was filled; so long nobody looks how much of its limits is there."""
FILL_AFTER_S: Final = 0.5
OFTEN_S: Final = 0.1
"""Whoever asks again within so long asks often."""
SPARE_S: Final = 0.1
"""So long a place is kept that nobody uses."""
_MAX_OPEN: Final = 10_000


class Tell(Protocol):
    """Has changes counted, and places given back."""

    def __call__(self, changes: Sequence[Ask], leases: Sequence[LeaseAsk], *, is_local: bool) -> None:
        """``is_local``: what was taken was counted by this replica alone."""


def _tell_nobody(changes: Sequence[Ask], leases: Sequence[LeaseAsk], *, is_local: bool) -> None:
    pass


class Purses:
    """By principal. Used in one event loop.

    Args:
        changes: Tells whether limits have changed.
        clock: Tells seconds that never go back.
    """

    def __init__(self, changes: Watch = UNWATCHED, clock: Callable[[], float] = time.monotonic) -> None:
        self.tell: Tell = _tell_nobody
        """Set by whoever counts."""
        self._changes = changes
        self._clock = clock
        self._open: dict[str, Purse] = {}
        self._filling: dict[str, Purse] = {}
        self._asked_s: Recent[str, float] = Recent(_MAX_OPEN)
        self._timer: asyncio.TimerHandle | None = None

    def generation(self) -> int | None:
        """To be asked before limits are looked up."""
        return self._changes.current()

    def get(self, name: str) -> Purse | None:
        """Somebody's; None where there is none, or limits have changed since."""
        purse = self._open.get(name)
        if purse is None:
            return None
        current = self._changes.current()
        if current is not None and purse.generation is not None and purse.generation != current:
            self.close(name)
            return None
        return purse

    def draw(self, name: str, wanted: Sequence[ModelUsage]) -> Drawn | None:
        """Give one request what it may take; None where it has to be asked for, or the purse is to be filled."""
        purse, now_s = self.get(name), self._clock()
        if purse is None or (now_s >= purse.fill_at_s and name not in self._filling):
            return None
        return purse.draw(wanted, now_s)

    def begin(
        self, name: str, rules: Sequence[Rule], wanted: Sequence[ModelUsage], generation: int | None
    ) -> list[tuple[Rule, float]] | None:
        """What to take for a request and the purse; ``fill`` or ``give_up`` follows.

        Args:
            name: Whose.
            rules: Every limit that the principal is under.
            wanted: Of each model.
            generation: See ``generation``.

        Returns:
            None where the request is to be counted by itself.
        """
        now_s, before_s = self._clock(), self._asked_s.get(name)
        self._asked_s.put(name, max(now_s, before_s or 0.0))
        is_often = before_s is not None and before_s <= now_s < before_s + OFTEN_S
        purse = self.get(name)
        if purse is not None and purse.rules is not rules:
            self.close(name)
            purse = None
        if name in self._filling or (purse is None and (not is_often or len(self._open) >= _MAX_OPEN)):
            return None
        if purse is None:
            if not may_have(rules):
                return None
            purse = Purse(rules, generation)
        if surplus := purse.surplus():
            self.tell(surplus, (), is_local=False)
        takes = purse.wanting(wanted)
        if takes is not None:
            self._filling[name] = purse
        return takes

    def fill(self, name: str, taken: Reservation, wanted: Sequence[ModelUsage]) -> Reservation | None:
        """Put in what was taken, and give the request that asked what it wants.

        Returns:
            None where nothing was given.
        """
        purse, now_s = self._filling.pop(name), self._clock()
        answer = taken.answer
        is_good = not taken.is_local and answer.is_roomy and (answer.has_places or not taken.leases)
        if not (answer.is_given and is_good):
            self._asked_s.put(name, now_s + LIVES_S)  # none for a while
        if not answer.is_given or taken.is_local:
            self.close(name)
        if not answer.is_given:
            return None
        if taken.is_local:
            purse = Purse(purse.rules, None)
        purse.until_s, purse.fill_at_s = now_s + LIVES_S, now_s + FILL_AFTER_S
        purse.fill(taken, now_s)
        drawn = purse.draw(wanted, now_s)
        if not is_good:
            self._open.pop(name, None)
            self.tell(*purse.empty(), is_local=taken.is_local)
            return drawn and drawn.told(is_local=taken.is_local)
        self._open[name] = purse
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SPARE_S, self._sweep)
        return drawn

    def give_up(self, name: str) -> None:
        """Nothing was taken."""
        self._filling.pop(name, None)

    def settle(self, name: str, taken: Sequence[Reservation], used: Sequence[ModelUsage], *, is_over: bool) -> bool:
        """Take what a request used beyond what it drew, or put back the rest; False where that is to be told."""
        purse = self.get(name)
        drawn = taken[0] if purse is not None and len(taken) == 1 else None
        if purse is None or not isinstance(drawn, Drawn) or drawn.purse is not purse:
            return False
        is_enough = purse.settle(drawn, used, is_over=is_over)
        if drawn.leases:
            purse.keep_own(drawn.leases, self._clock())
        if not is_enough:
            self.close(name)
        return True

    def keep(self, name: str, taken: Reservation) -> bool:
        """Keep the places of a request that was counted by itself; False where they are to be given back."""
        purse = None if taken.is_local else self.get(name)
        return purse is not None and purse.keep(taken.leases, self._clock())

    def close(self, name: str) -> None:
        """Give back what is left in a purse, if there is one."""
        purse = self._open.pop(name, None)
        if purse is not None:
            self.tell(*purse.empty(), is_local=False)

    def close_all(self) -> None:
        """Give back everything."""
        for name in list(self._open):
            self.close(name)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _sweep(self) -> None:
        now_s = self._clock()
        for name, purse in list(self._open.items()):
            if now_s >= purse.until_s:
                self.close(name)
            elif leases := purse.idle(now_s - SPARE_S):
                self.tell((), leases, is_local=False)
        self._timer = asyncio.get_running_loop().call_later(SPARE_S, self._sweep) if self._open else None
