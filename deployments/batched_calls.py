"""Sends small requests to a deployment together, since a call costs far more than one more request in it.

Must not know what is asked, nor Ray.

At most so many batches are under way, and behind a large one none; what comes meanwhile is the next one, so nobody
waits where little is asked. A batch is under way until its replica says that it has begun, not until its slowest item
has ended.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import Context
from dataclasses import dataclass
from itertools import count
from typing import Final
from uuid import uuid4

from deployments.batch_messages import Item, Room
from deployments.batched_call import Batch, BatchResponse, Call, Response
from smartlite.domain.tenant import working_for
from smartlite.errors import Overloaded, ReplicaLost
from smartlite.logging import request_id

_logger = logging.getLogger(__name__)

_LARGE: Final = 4
"""Requests under way behind which the next batch waits. A second batch sent at once would take the first few of those
who ask meanwhile, at the price of a whole call (32 callers: 14 to 20 % less was answered a second)."""
_TURNS: Final = 4
"""Turns of the event loop between a batch that has begun and the next one: where nothing happens a few microseconds,
and else those who were answered ask again and go with those who wait (32 callers: 20 to 50 % more was answered a
second; with 2 or 8 turns as many)."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How requests are sent together."""

    items: int
    """Most requests in one call."""
    under_way: int
    """Calls that no replica has begun with."""
    size_bytes: int
    """Of all requests in one call; a larger one is not for a batch."""
    waiting: int
    """Requests that no replica has begun with."""


@dataclass(frozen=True, slots=True)
class Remote:
    """How a deployment is called."""

    name: str
    send: Callable[[Sequence[Item]], BatchResponse]
    alone: Callable[[str, object], Response]
    """The method and its argument: a call that carries nothing else."""
    cancel: Callable[[Sequence[str]], Awaitable[None]]
    """Items, by id, on whichever replica they are."""


class BatchedCalls:
    """The batches of one process for one deployment. Used in one event loop.

    Args:
        remote: How the deployment is called.
        limits: How requests are sent together.
    """

    def __init__(self, remote: Remote, limits: BatchLimits) -> None:
        self._remote = remote
        self._limits = limits
        self._room: Room | None = None
        self._waiting: dict[str, deque[Call]] = {}
        """By tenant, the next one first."""
        self._unbegun = 0
        self._under_way = 0
        self._sent_unbegun = 0
        self._is_due = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._to_cancel: list[str] = []
        self._own_id = uuid4().hex
        self._numbers = count()

    def call(self, method: str, request: object, size_bytes: int) -> Call:
        """Have a request sent; where too many wait, its first event is Overloaded (429)."""
        item = Item(f"{self._own_id}:{next(self._numbers)}", method, request, request_id.get())
        call = Call(item, working_for.get(), size_bytes, self)
        if self._unbegun >= self._most_unbegun():
            call.fail(Overloaded(f"The {self._remote.name} stage is busy and its queue is full. Try again shortly."))
            return call
        self._unbegun += 1
        self._waiting.setdefault(call.tenant, deque()).append(call)
        self._send_soon()
        return call

    def takes(self, size_bytes: int) -> bool:
        """Whether a request is small enough to go with others."""
        return size_bytes <= self._limits.size_bytes

    def alone(self, item: Item) -> Response:
        """Have Serve find a place for an item that its first replica had none for."""
        return self._remote.alone(item.method, item.request)

    def lost(self) -> ReplicaLost:
        """The error of a request whose replica stopped before it was done."""
        return ReplicaLost(f"The {self._remote.name} replica that worked on this request was lost. Try again.")

    def leave(self, call: Call) -> None:
        """Stop a request whose caller has gone; the others of its batch go on."""
        batch = call.batch
        if batch is None:
            queue = self._waiting[call.tenant]
            queue.remove(call)
            if not queue:
                del self._waiting[call.tenant]
            self._unbegun -= 1
        elif all(other.has_ended for other in batch.calls):
            if batch.response is not None:
                batch.response.cancel()
        elif batch.has_begun:
            self._cancel(call.item.id)

    def _most_unbegun(self) -> int:
        queue = -1 if self._room is None else self._room.queue
        return self._limits.waiting if queue < 0 else min(queue, self._limits.waiting)

    def _send_soon(self, turns: int = 0) -> None:
        """Once for all that ask in this turn of the loop, and in so many more."""
        if not self._is_due and self._may_send():
            self._is_due = True
            self._wait(turns)

    def _wait(self, turns: int) -> None:
        loop = asyncio.get_running_loop()
        if turns:
            loop.call_soon(self._wait, turns - 1)
        else:
            loop.call_soon(self._send)

    def _may_send(self) -> bool:
        """Whether a batch may go now."""
        return not self._under_way or (self._under_way < self._limits.under_way and self._sent_unbegun < _LARGE)

    def _send(self) -> None:
        self._is_due = False
        while self._waiting and self._may_send():
            batch = Batch(self._take())
            for call in batch.calls:
                call.batch = batch
            self._under_way += 1
            self._sent_unbegun += len(batch.calls)
            # In no request's context: Serve cancels what belongs to a request when its client leaves.
            self._start(self._carry(batch), Context())

    def _take(self) -> list[Call]:
        """The next batch: one request of each tenant in turn."""
        most = self._limits.items if self._room is None else min(self._limits.items, self._room.places)
        calls: list[Call] = []
        size_bytes = 0
        while self._waiting and len(calls) < most:
            tenant = next(iter(self._waiting))
            queue = self._waiting[tenant]
            size_bytes += queue[0].size_bytes
            if calls and size_bytes > self._limits.size_bytes:
                break
            calls.append(queue.popleft())
            del self._waiting[tenant]
            if queue:
                self._waiting[tenant] = queue
        return calls

    async def _carry(self, batch: Batch) -> None:
        failure: Exception = self.lost()
        try:
            if all(call.has_ended for call in batch.calls):
                return
            batch.response = self._remote.send([call.item for call in batch.calls])
            async for frame in batch.response:
                if not batch.has_begun:
                    self._room = frame.room
                    self._begin(batch)
                for part in frame.parts:
                    batch.calls[part.place].take(part)
        except Exception as error:  # noqa: BLE001 - each of the requests raises it
            failure = error
        finally:
            for call in batch.calls:
                if not call.has_ended:
                    call.fail(failure)
            if not batch.has_begun:
                self._begin(batch)
            # Each of them knows the batch: without this only the collector of cycles would free them.
            batch.calls.clear()

    def _begin(self, batch: Batch) -> None:
        batch.has_begun = True
        self._under_way -= 1
        self._unbegun -= len(batch.calls)
        self._sent_unbegun -= len(batch.calls)
        # Whoever left while the batch was on its way could not be told to its replica.
        if any(not call.has_ended for call in batch.calls):
            for call in batch.calls:
                if call.has_ended:
                    self._cancel(call.item.id)
        self._send_soon(_TURNS)

    def _cancel(self, identifier: str) -> None:
        """Have the replicas told, with all who leave meanwhile."""
        self._to_cancel.append(identifier)
        if len(self._to_cancel) == 1:
            self._start(self._tell_cancelled(), Context())

    async def _tell_cancelled(self) -> None:
        while identifiers := list(self._to_cancel):
            try:
                await self._remote.cancel(identifiers)
            except Exception:  # whoever leaves next is to be told of all the same
                _logger.exception("requests were not cancelled")
            finally:
                del self._to_cancel[: len(identifiers)]

    def _start(self, work: Coroutine[None, None, None], context: Context) -> None:
        task = asyncio.get_running_loop().create_task(work, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
