"""Limits that one replica counts by itself while nobody can count for all of them. Must not know Redis.

The same rules as ``shared_limiter``, over a memory of this process.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Final

from smartlite.auth.recent import Recent
from smartlite.domain.limits import PERIOD_S, Answer, Ask, LeaseAsk, Period, Standing

REPLICAS: Final = 2
"""Ingress replicas that share a limit where they cannot ask each other: as many as the configuration that ships has."""
MAX_REMEMBERED: Final = 50_000
"""Limits of subjects; about 15 MB."""
_ROUNDING: Final = 1e-6


class LocalLimiter:
    """Counts in this process: a replica's share of each limit a minute, and all of those of a day or a month, since
    what others have used of them is known from the database when counting begins. Used in one event loop.

    Args:
        clock: Tells seconds that never go back.
        replicas: So many share a limit.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, replicas: int = REPLICAS) -> None:
        self._clock = clock
        self._replicas = replicas
        self._full_at: Recent[str, float] = Recent(MAX_REMEMBERED)
        self._sums: Recent[str, float] = Recent(MAX_REMEMBERED)
        self._leases: dict[str, set[str]] = {}

    def take(self, asks: Sequence[Ask], leases: Sequence[LeaseAsk] = ()) -> Answer:
        """Take everything that is asked, or nothing; see ``SharedLimiter.take``."""
        now_s = self._clock()
        waits = [self._wait(ask, now_s) for ask in asks]
        refused = next((lease for lease in leases if self._is_full(lease)), None)
        unseeded = any(self._sum(ask) is None for ask in asks if ask.period is not Period.MINUTE)
        if refused is None and not unseeded and not any(waits):
            self.note(asks, leases, is_alone=True)
        standings = tuple(self._standing(ask, now_s, wait_s) for ask, wait_s in zip(asks, waits, strict=True))
        return Answer(standings, refused, unseeded)

    def note(self, asks: Sequence[Ask], leases: Sequence[LeaseAsk] = (), *, is_alone: bool = False) -> None:
        """Count what was taken, here or elsewhere: whoever used up a limit before Redis was lost gets no second one.

        Args:
            asks: What was taken; given back where an amount is negative.
            leases: Likewise.
            is_alone: Whether nobody else has counted it: only then days and months are, which are known elsewhere.
        """
        now_s = self._clock()
        for ask in asks:
            if ask.period is Period.MINUTE:
                after_s = self._full(ask, now_s) + self._seconds(ask, ask.amount)
                self._full_at.put(ask.counter, min(max(after_s, now_s), now_s + PERIOD_S))
            elif is_alone and (before := self._sum(ask)) is not None:
                self._sums.put(ask.counter, max(before + ask.amount, 0.0))
        for lease in leases:
            self._leases.setdefault(lease.counter, set()).add(lease.id)

    def release(self, lease: LeaseAsk) -> None:
        """Give back a lease."""
        held = self._leases.get(lease.counter)
        if held is not None:
            held.discard(lease.id)
            if not held:
                del self._leases[lease.counter]

    def forget_sums(self) -> None:
        """Others count days and months again; next time they are asked of the database anew."""
        self._sums = Recent(MAX_REMEMBERED)

    def _wait(self, ask: Ask, now_s: float) -> float:
        if ask.amount <= 0:
            return 0.0
        if ask.period is not Period.MINUTE:
            return ask.ends_in_s if (self._sum(ask) or 0.0) >= ask.limit else 0.0
        after_s = self._full(ask, now_s) + self._seconds(ask, min(ask.amount, self._share(ask)))
        wait_s = after_s - now_s - PERIOD_S
        return wait_s if wait_s > _ROUNDING else 0.0

    def _is_full(self, lease: LeaseAsk) -> bool:
        return len(self._leases.get(lease.counter, ())) >= max(1, lease.limit // self._replicas)

    def _sum(self, ask: Ask) -> float | None:
        known = self._sums.get(ask.counter)
        return ask.seed if known is None else known

    def _share(self, ask: Ask) -> float:
        return ask.limit / self._replicas

    def _seconds(self, ask: Ask, amount: float) -> float:
        return amount * PERIOD_S / self._share(ask)

    def _full(self, ask: Ask, now_s: float) -> float:
        return max(self._full_at.get(ask.counter) or 0.0, now_s)

    def _standing(self, ask: Ask, now_s: float, wait_s: float) -> Standing:
        if ask.period is not Period.MINUTE:
            remaining = math.floor(ask.limit - (self._sum(ask) or 0.0) + _ROUNDING)
            return Standing(ask, max(0, remaining), ask.ends_in_s, wait_s)
        reset_s = self._full(ask, now_s) - now_s
        remaining = math.floor((PERIOD_S - reset_s) * self._share(ask) / PERIOD_S + _ROUNDING)
        return Standing(ask, max(0, remaining), reset_s, wait_s)
