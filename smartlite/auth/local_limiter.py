"""Limits that one replica counts by itself while nobody can count for all of them. Must not know Redis.

The same rule as ``shared_limiter``, over a memory of this process.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Final

from smartlite.auth.recent import Recent
from smartlite.domain.limits import PERIOD_S, Answer, Ask, LeaseAsk, LimitKind, Standing

REPLICAS: Final = 2
"""Ingress replicas that share a limit where they cannot ask each other: as many as the configuration that ships has."""
MAX_REMEMBERED: Final = 50_000
"""Limits of subjects; about 15 MB."""
_ROUNDING: Final = 1e-6


class LocalLimiter:
    """Counts in this process, a replica's share of each limit. Used in one event loop.

    Args:
        clock: Tells seconds that never go back.
        replicas: So many share a limit.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, replicas: int = REPLICAS) -> None:
        self._clock = clock
        self._replicas = replicas
        self._full_at: Recent[tuple[str, LimitKind], float] = Recent(MAX_REMEMBERED)
        self._leases: dict[str, set[str]] = {}

    def take(self, subject: str, asks: Sequence[Ask], lease: LeaseAsk | None) -> Answer:
        """Take everything that is asked, or nothing; see ``SharedLimiter.take``."""
        now_s = self._clock()
        waits: list[float] = []
        for ask in asks:
            after_s = self._full(subject, ask, now_s) + self._seconds(ask, min(ask.amount, self._share(ask)))
            wait_s = after_s - now_s - PERIOD_S
            waits.append(wait_s if ask.amount > 0 and wait_s > _ROUNDING else 0.0)
        running = len(self._leases.get(subject, ()))
        is_lease_given = lease is None or running < max(1, lease.limit // self._replicas)
        if is_lease_given and not any(waits):
            self.note(subject, asks, lease)
        return Answer(
            {ask.kind: self._standing(subject, ask, now_s, wait_s) for ask, wait_s in zip(asks, waits, strict=True)},
            is_lease_given,
        )

    def note(self, subject: str, asks: Sequence[Ask], lease: LeaseAsk | None = None) -> None:
        """Count what was taken, here or elsewhere: whoever used up a limit before Redis was lost gets no second one."""
        now_s = self._clock()
        for ask in asks:
            after_s = self._full(subject, ask, now_s) + self._seconds(ask, ask.amount)
            self._full_at.put((subject, ask.kind), min(max(after_s, now_s), now_s + PERIOD_S))
        if lease is not None:
            self._leases.setdefault(subject, set()).add(lease.id)

    def release(self, subject: str, lease_id: str) -> None:
        """Give back a lease."""
        held = self._leases.get(subject)
        if held is not None:
            held.discard(lease_id)
            if not held:
                del self._leases[subject]

    def _share(self, ask: Ask) -> float:
        return ask.limit / self._replicas

    def _seconds(self, ask: Ask, amount: float) -> float:
        return amount * PERIOD_S / self._share(ask)

    def _full(self, subject: str, ask: Ask, now_s: float) -> float:
        return max(self._full_at.get((subject, ask.kind)) or 0.0, now_s)

    def _standing(self, subject: str, ask: Ask, now_s: float, wait_s: float) -> Standing:
        reset_s = self._full(subject, ask, now_s) - now_s
        remaining = math.floor((PERIOD_S - reset_s) * self._share(ask) / PERIOD_S + _ROUNDING)
        return Standing(ask.limit, max(0, remaining), reset_s, wait_s)
