"""Works on the requests of a batch, each for itself, and tells of all in common messages. Must not know verbs.

A slow item holds back nobody: what is ready leaves at once, together with whatever else is ready at that moment.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from typing import Any, Final

from deployments.batch_messages import Crash, End, Frame, Item, Part, Room
from deployments.places import NoPlace, patience_s
from smartlite.domain.embedding import Embedding
from smartlite.domain.llm import TextDelta
from smartlite.domain.tts import SpeechChunk
from smartlite.errors import SmartLiteError
from smartlite.logging import request_id

_logger = logging.getLogger(__name__)

_ACCEPT_S: Final = 0.005
"""After so long without a result the gateway is told that the batch has begun, so that it sends the next."""
_TURNS: Final = 8
"""Turns of the event loop for which a message waits: a few microseconds each where nothing happens, and a message
costs some hundred."""
_PATIENCE_S: Final = 0.1
"""An item without a place for so long goes back to its gateway, where Serve finds it another replica or refuses it."""
_FRAME_BYTES: Final = 1024 * 1024
"""About the largest message; Serve's gRPC carries at most 4 MiB, and one event has at most 256 KiB."""
_HELD_BYTES: Final = 4 * _FRAME_BYTES
"""Items of a batch stop while more than this waits to be sent."""
_STOP_TIMEOUT_S: Final = 10.0


class ItemRunner:
    """Runs batches on one replica. Used in one event loop.

    Args:
        replica: Has the methods that items name.
        room: What the replica takes.
    """

    def __init__(self, replica: object, room: Callable[[], Room]) -> None:
        self._replica = replica
        self._room = room
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run(self, items: Sequence[Item]) -> AsyncGenerator[Frame, None]:
        """Yield what becomes of the items as it comes; closing this generator stops those that have not ended."""
        outbox = _Outbox(len(items))
        tasks = {item.id: asyncio.create_task(self._work(index, item, outbox)) for index, item in enumerate(items)}
        self._tasks |= tasks
        try:
            left = len(items)
            await outbox.filled(_ACCEPT_S)
            room: Room | None = self._room()
            while left:
                parts = outbox.take()
                left -= sum(part.end is not None for part in parts)
                yield Frame(parts, room)
                room = None
                if left:
                    await outbox.filled(None)
        finally:
            for identifier, task in tasks.items():
                self._tasks.pop(identifier, None)
                task.cancel()
            await asyncio.wait(tasks.values(), timeout=_STOP_TIMEOUT_S)

    def cancel(self, identifiers: Collection[str]) -> None:
        """Stop items whose clients have left; what is not known here has ended, or is another replica's."""
        for identifier in identifiers:
            if (task := self._tasks.get(identifier)) is not None:
                task.cancel()

    async def _work(self, index: int, item: Item, outbox: "_Outbox") -> None:
        request_id.set(item.request_id)
        patience_s.set(_PATIENCE_S)
        end: End = "cancelled"
        try:
            method: Callable[[object], AsyncGenerator[Any, None]] = getattr(self._replica, item.method)
            async with aclosing(method(item.request)) as events:
                async for event in events:
                    await outbox.put(index, event)
            end = "done"
        except NoPlace:
            end = "declined"
        except SmartLiteError as error:
            end = error
        except Exception as error:
            _logger.exception("a request of a batch failed")
            end = Crash(f"{type(error).__name__}: {error}")
        finally:
            outbox.end(index, end)


class _Outbox:
    """What waits to be sent, by item; ``working`` is the number of items that have not ended."""

    def __init__(self, working: int) -> None:
        self._working = working
        self._events: dict[int, list[object]] = {}
        self._ends: dict[int, End] = {}
        self._held_bytes = 0
        self._is_filled = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()

    async def put(self, index: int, event: object) -> None:
        if not self._has_room.is_set():
            await self._has_room.wait()
        self._events.setdefault(index, []).append(event)
        self._held_bytes += _size_of(event)
        if self._held_bytes > _HELD_BYTES:
            self._has_room.clear()
        self._is_filled.set()

    def end(self, index: int, end: End) -> None:
        self._ends[index] = end
        self._working -= 1
        self._is_filled.set()

    async def filled(self, timeout_s: float | None) -> None:
        """Wait until something is there, then for some turns of the loop, in which more gets ready."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_filled.wait()
        except TimeoutError:
            return
        for _ in range(_TURNS):
            if self._working == 0 or self._held_bytes >= _FRAME_BYTES:
                return
            await asyncio.sleep(0)

    def take(self) -> list[Part]:
        """As much as one message carries."""
        parts: list[Part] = []
        taken_bytes = 0
        for index in [*self._events, *(index for index in self._ends if index not in self._events)]:
            events = self._events.pop(index, [])
            fitting = 0
            while fitting < len(events) and (taken_bytes < _FRAME_BYTES):
                taken_bytes += _size_of(events[fitting])
                fitting += 1
            if fitting < len(events):
                self._events[index] = events[fitting:]
                if fitting:
                    parts.append(Part(index, events[:fitting], None))
                break
            parts.append(Part(index, events, self._ends.pop(index, None)))
        self._held_bytes -= taken_bytes
        if self._held_bytes <= _HELD_BYTES:
            self._has_room.set()
        if not self._events and not self._ends:
            self._is_filled.clear()
        return parts


def _size_of(event: object) -> int:
    """About how many bytes an event takes in a message."""
    match event:
        case SpeechChunk():
            return len(event.data)
        case Embedding():
            return event.vector.nbytes
        case TextDelta():
            return 4 * len(event.text) + 2048 * len(event.logprobs)
        case _:
            return 256
