"""Work that is claimed with a lease, side by side, for as long as a worker is there. Must not know what is worked on.

Killed at any moment it loses nothing: its leases end, and others go on.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from smartlite.errors import DatabaseUnavailable, LeaseLost
from smartlite.stopping import stop
from smartlite.storage.bell import Bell

C = TypeVar("C")

LEASE_S: Final = 10.0
RENEW_S: Final = 3.0
POLL_S: Final = 0.2
AWAY_S: Final = 2.0

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Timing:
    """How often a worker looks, and how long what it claimed is its own."""

    lease_s: float = LEASE_S
    renew_s: float = RENEW_S
    poll_s: float = POLL_S
    away_s: float = AWAY_S
    """Between two looks at a database that is away."""


USUAL_TIMING: Final = Timing()


class Shift(Generic[C]):
    """Claims, works and renews. Used in one event loop.

    Args:
        name: What is claimed, for logs: a run, a batch.
        claim: Takes the next one; None where there is none.
        work: Does it, and gives back what it was cancelled in. Raises nothing but that it was cancelled.
        renew: Keeps it; raises LeaseLost where it is another worker's, and is then worked on no more.
        slots: So many at the same time.
        timing: Of leases.
        bell: Tells that there may be something to claim.
        topic: Of the bell.
    """

    def __init__(
        self,
        name: str,
        claim: Callable[[], Awaitable[C | None]],
        work: Callable[[C], Awaitable[None]],
        renew: Callable[[C], Awaitable[None]],
        slots: int,
        timing: Timing,
        bell: Bell | None = None,
        topic: str = "",
    ) -> None:
        self._name = name
        self._claim = claim
        self._work = work
        self._renew = renew
        self._slots = slots
        self._timing = timing
        self._bell = bell or Bell()
        self._topic = topic or name
        self._woken = asyncio.Event()
        self._is_closing = False
        self._working: dict[asyncio.Task[None], C] = {}
        self._loops: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Start to work, once an event loop runs; nothing where it works already."""
        if not self._loops:
            self._is_closing = False
            self._loops = [asyncio.create_task(work) for work in (self._claim_for_ever(), self._renew_for_ever())]

    def wake(self) -> None:
        """Say that there may be something to claim."""
        self._woken.set()

    async def close(self) -> None:
        """Stop, and have everything given back to those who go on with it."""
        self._is_closing = True
        loops, self._loops = self._loops, []
        await stop((*loops, *self._working))

    async def _claim_for_ever(self) -> None:
        with self._bell.waiting(self._topic, self._woken):
            await self._claim_until_closed()

    async def _claim_until_closed(self) -> None:
        is_away = False
        while not self._is_closing:
            self._woken.clear()
            pause_s = self._bell.pause_s(self._timing.poll_s)
            try:
                while len(self._working) < self._slots and (claim := await self._claim()) is not None:
                    self._start(claim)
                is_away = False
            except DatabaseUnavailable as error:
                if not is_away:
                    _logger.warning("no %s can be claimed", self._name, extra={"reason": error.message})
                is_away, pause_s = True, self._timing.away_s
            except Exception:
                _logger.exception("no %s can be claimed", self._name)
                pause_s = self._timing.away_s
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._woken.wait()

    def _start(self, claim: C) -> None:
        task = asyncio.create_task(self._do(claim))
        self._working[task] = claim
        task.add_done_callback(self._ended)

    async def _do(self, claim: C) -> None:
        await self._work(claim)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._working.pop(task, None)
        self._woken.set()

    async def _renew_for_ever(self) -> None:
        while not self._is_closing:
            await asyncio.sleep(self._timing.renew_s)
            await asyncio.gather(*(self._keep(task, claim) for task, claim in list(self._working.items())))

    async def _keep(self, task: asyncio.Task[None], claim: C) -> None:
        try:
            await self._renew(claim)
        except LeaseLost:
            task.cancel()
        except DatabaseUnavailable as error:
            _logger.warning("a lease of a %s was not renewed", self._name, extra={"reason": error.message})
        except Exception:
            _logger.exception("a lease of a %s was not renewed", self._name)
