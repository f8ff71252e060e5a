"""What happens in runs, told at once to those who watch. Must not know who works or who watches.

Nothing that is told here is promised: what is recorded is in the database, and who watches looks there for whatever
was not told. A watcher that does not keep up misses what is only told.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from typing import Final, Protocol

from smartlite.config import Settings
from smartlite.domain.pipelines import JSON, Happening, RunEvent
from smartlite.errors import Unprocessable
from smartlite.pipeline.execution.values import json_bytes
from smartlite.storage.redis_channels import RedisChannels

MOST_WAITING: Final = 256
"""Of one watcher; some 40 s of speech as mp3 in pieces of a sentence, or 5 MB as wav."""


class Watch:
    """What one watcher was told and has not taken yet."""

    def __init__(self) -> None:
        self._waiting: asyncio.Queue[RunEvent | Happening] = asyncio.Queue(MOST_WAITING)

    def put(self, told: RunEvent | Happening) -> None:
        """Tell it; dropped where too much waits."""
        if not self._waiting.full():
            self._waiting.put_nowait(told)

    async def next(self, timeout_s: float) -> RunEvent | Happening | None:
        """The next that was told; None where there was nothing for so long, in seconds."""
        if not self._waiting.empty():
            return self._waiting.get_nowait()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._waiting.get()
        except TimeoutError:
            return None


class Live(Protocol):
    """Carries what happens from those who work to those who watch. No method waits but ``watch``."""

    def tell(self, events: Sequence[RunEvent]) -> None:
        """Say what was recorded of a run; at least one event, in order."""
        ...

    def show(self, run_id: str, happening: Happening) -> None:
        """Say what is recorded nowhere."""
        ...

    def is_followed(self, run_id: str) -> bool:
        """Whether somebody watches a run, as far as that is known."""
        ...

    def watch(self, run_id: str) -> AbstractAsyncContextManager[Watch]:
        """Be told what happens in a run from now on."""
        ...


class LocalLive:
    """A Live for those of one process. Used in one event loop."""

    def __init__(self) -> None:
        self._watches: dict[str, set[Watch]] = {}

    def tell(self, events: Sequence[RunEvent]) -> None:
        """See Live."""
        for watch in self._watches.get(events[0].run_id, ()):
            for event in events:
                watch.put(event)

    def show(self, run_id: str, happening: Happening) -> None:
        """See Live."""
        for watch in self._watches.get(run_id, ()):
            watch.put(happening)

    def is_followed(self, run_id: str) -> bool:
        """See Live."""
        return run_id in self._watches

    async def close(self) -> None:
        """Nothing is open."""

    @asynccontextmanager
    async def watch(self, run_id: str) -> AsyncIterator[Watch]:
        """See Live."""
        watch = Watch()
        self._watches.setdefault(run_id, set()).add(watch)
        try:
            yield watch
        finally:
            self._watches[run_id].discard(watch)
            if not self._watches[run_id]:
                del self._watches[run_id]


class SharedLive:
    """A Live for those of many processes. Used in one event loop.

    Args:
        channels: Carries messages, one channel for each run.
    """

    def __init__(self, channels: RedisChannels) -> None:
        self._channels = channels

    def tell(self, events: Sequence[RunEvent]) -> None:
        """See Live."""
        for event in events:
            self._send(event.run_id, event.type, event.data, {"sequence": event.sequence, "at": event.at.isoformat()})

    def show(self, run_id: str, happening: Happening) -> None:
        """See Live."""
        self._send(run_id, happening.type, happening.data, {})

    def is_followed(self, run_id: str) -> bool:
        """See Live."""
        return self._channels.has_listeners(_channel(run_id))

    @asynccontextmanager
    async def watch(self, run_id: str) -> AsyncIterator[Watch]:
        """See Live."""
        watch = Watch()
        async with self._channels.listening(_channel(run_id), lambda message: watch.put(_read(run_id, message))):
            yield watch

    async def close(self) -> None:
        """Close what carries the messages."""
        await self._channels.close()

    def _send(self, run_id: str, type_: str, data: Mapping[str, JSON], more: Mapping[str, JSON]) -> None:
        try:
            message = json_bytes({"type": type_, "data": dict(data), **more})
        except Unprocessable:
            return  # half a character: those who watch find it in the database
        self._channels.publish(_channel(run_id), message)


def open_live(settings: Settings) -> LocalLive | SharedLive:
    """By Redis, where there is one."""
    url = settings.redis_url.get_secret_value()
    return SharedLive(RedisChannels(url)) if url else LocalLive()


def _channel(run_id: str) -> str:
    return f"smartlite:run:{run_id}"


def _read(run_id: str, message: bytes) -> RunEvent | Happening:
    told = json.loads(message)
    if "sequence" not in told:
        return Happening(told["type"], told["data"])
    return RunEvent(run_id, told["sequence"], datetime.fromisoformat(told["at"]), told["type"], told["data"])
