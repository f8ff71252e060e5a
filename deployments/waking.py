"""Waits for deployments that may sleep: longer while one wakes, and honest in the end. Must not know calls.

The deadline of a first word would cut a wait for a replica, which first has to start and load its models. Whether one
does is looked up only where something is late, so that who is served at once pays nothing for it.
"""

import asyncio
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import Final, Protocol

_LATE_S: Final = 1.0
"""After so long it is looked whether a deployment sleeps, and as often again while it wakes."""


class WhoWakes(Protocol):
    """Tells who wakes."""

    async def is_waking(self, deployment: str | None = None) -> bool:
        """Whether a deployment has no replica yet and gets one for the asking; none named: whether any does."""
        ...


class StillWaking(TimeoutError):
    """A deployment that slept has no replica in time."""


class Waking:
    """Sets time-outs that run only while a deployment is awake.

    Args:
        presence: None: nobody ever sleeps.
        wake_timeout_s: Longest wait for a replica; it goes on starting, and a later request finds it.
        of_any: Whether a wait is also for those that the deployment itself calls.
    """

    def __init__(self, presence: WhoWakes | None = None, wake_timeout_s: float = 0.0, of_any: bool = False) -> None:
        self.presence = presence
        self.wake_timeout_s = wake_timeout_s
        self.of_any = of_any

    def timeout(self, timeout_s: float, deployment: str) -> AbstractAsyncContextManager[object]:
        """As ``asyncio.timeout``; the time starts anew when a deployment that slept is awake.

        Raises:
            StillWaking: The deployment slept and has no replica yet.
            TimeoutError: It has, and the time is up.
        """
        if self.presence is None:
            return asyncio.timeout(timeout_s)
        return _Wait(self.presence, timeout_s, self.wake_timeout_s, deployment, self.of_any)


class _Wait:
    """One wait."""

    def __init__(
        self, presence: WhoWakes, timeout_s: float, wake_timeout_s: float, deployment: str, of_any: bool
    ) -> None:
        self._presence = presence
        self._timeout_s = timeout_s
        self._wake_timeout_s = wake_timeout_s
        self._deployment = deployment
        self._of_any = of_any
        self._is_waking = False
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._limit = asyncio.timeout(self._timeout_s)
        await self._limit.__aenter__()
        self._late = self._loop.call_later(_LATE_S, self._look)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._late.cancel()
        if self._watch is not None:
            self._watch.cancel()
        try:
            await self._limit.__aexit__(kind, error, traceback)
        except TimeoutError:
            if self._is_waking:
                raise StillWaking from None
            raise

    def _look(self) -> None:
        self._watch = self._loop.create_task(self._follow())

    async def _follow(self) -> None:
        until = self._loop.time() - _LATE_S + self._wake_timeout_s
        while True:
            is_waking = await self._presence.is_waking(None if self._of_any else self._deployment)
            if is_waking != self._is_waking:
                self._is_waking = is_waking
                self._put_off(until if is_waking else self._loop.time() + self._timeout_s)
            await asyncio.sleep(_LATE_S)

    def _put_off(self, until: float) -> None:
        with suppress(RuntimeError):  # the time is up already
            self._limit.reschedule(until)
