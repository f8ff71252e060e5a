"""Keeps the places of requests that run for long. Must not know who counts them, nor what runs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from smartlite.domain.limits import LeaseAsk

_MAX_AT_ONCE: Final = 500
"""Places that are renewed by one exchange."""


class Renewals:
    """Places that are held, all renewed together: a timer for each request would cost it more than its place. Used in
    one event loop.

    Args:
        renew: Keeps places for another while; fails for nobody.
        every_s: So often, in seconds.
    """

    def __init__(self, renew: Callable[[Sequence[LeaseAsk]], Awaitable[None]], every_s: float) -> None:
        self._renew = renew
        self._every_s = every_s
        self._held: dict[str, LeaseAsk] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._renewing: asyncio.Task[None] | None = None

    def hold(self, leases: Sequence[LeaseAsk]) -> None:
        """Keep these, until they are released."""
        for lease in leases:
            self._held[lease.id] = lease
        if self._timer is None and leases:
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._begin)

    def release(self, leases: Sequence[LeaseAsk]) -> None:
        """Keep these no longer."""
        for lease in leases:
            self._held.pop(lease.id, None)

    def close(self) -> None:
        """Renew nothing more."""
        self._held.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self) -> None:
        self._timer = None
        held = list(self._held.values())
        if held:
            self._renewing = asyncio.create_task(self._renew_all(held))
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._begin)

    async def _renew_all(self, held: Sequence[LeaseAsk]) -> None:
        for first in range(0, len(held), _MAX_AT_ONCE):
            await self._renew(held[first : first + _MAX_AT_ONCE])
