"""One request that goes to its replica with others, as its caller sees it. Must not know how they are sent."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from typing import Final, Protocol

from deployments.batch_messages import Crash, Frame, Item, Part
from smartlite.errors import Overloaded, ReplicaLost, SmartLiteError

_MOST_EVENTS: Final = 4096
"""Events of one request that its caller has not taken yet; small answers have far fewer."""


class Response(Protocol):
    """What a streaming call to a replica gives; a Call is one too."""

    def __anext__(self) -> Awaitable[object]: ...

    def cancel(self) -> None: ...


class BatchResponse(Protocol):
    """What a call with a batch gives."""

    def __aiter__(self) -> AsyncIterator[Frame]: ...

    def cancel(self) -> None: ...


class Owner(Protocol):
    """What a request needs of those who send it."""

    def alone(self, item: Item) -> Response:
        """Have Serve find a place for an item that its first replica had none for."""
        ...

    def lost(self) -> ReplicaLost:
        """The error of a request whose replica stopped before it was done."""
        ...

    def leave(self, call: "Call") -> None:
        """Stop a request whose caller has gone; the others of its batch go on."""
        ...


class CrashedInBatch(Exception):
    """A request failed on its replica with something that is none of our errors."""


class Call:
    """One request on its way; satisfies what RemoteStage uses of Serve's own response."""

    def __init__(self, item: Item, tenant: str, size_bytes: int, owner: Owner) -> None:
        self.item = item
        self.tenant = tenant
        self.size_bytes = size_bytes
        self.batch: Batch | None = None
        self.has_ended = False
        self._owner = owner
        self._events: deque[object] = deque()
        self._failure: BaseException | None = None
        self._is_declined = False
        self._alone: Response | None = None
        self._woken: asyncio.Future[None] | None = None

    @property
    def is_ready(self) -> bool:
        """Whether the next event, or the end, is there without a wait."""
        return self._alone is None and not self._is_declined and bool(self._events or self.has_ended)

    async def __anext__(self) -> object:
        while self._alone is None:
            if self._events:
                return self._events.popleft()
            if self._is_declined:
                self._alone = self._owner.alone(self.item)
                break
            if self.has_ended:
                raise self._failure or StopAsyncIteration
            self._woken = asyncio.get_running_loop().create_future()
            await self._woken
        return await self._alone.__anext__()

    def cancel(self) -> None:
        """Stop the work, wherever it is."""
        if self._alone is not None:
            self._alone.cancel()
        elif not self.has_ended:
            self.has_ended = True
            self._owner.leave(self)

    def take(self, part: Part) -> None:
        """Let the caller have what is new."""
        if self.has_ended:
            return
        self._events.extend(part.events)
        match part.end:
            case None:
                if len(self._events) > _MOST_EVENTS:
                    self.cancel()
                    self.fail(Overloaded("The answer was not taken as fast as it came."))
            case "declined":
                self.has_ended = self._is_declined = True
            case "done":
                self.has_ended = True
            case "cancelled":
                self.fail(self._owner.lost())
            case Crash(reason):
                self.fail(CrashedInBatch(reason))
            case SmartLiteError() as error:
                self.fail(error)
        self._wake()

    def fail(self, failure: BaseException) -> None:
        """End with an error, after the events that came before it."""
        self._failure, self.has_ended = failure, True
        self._wake()

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)


@dataclass(eq=False, slots=True)
class Batch:
    """Requests that went in one call."""

    calls: list[Call]
    response: BatchResponse | None = None
    has_begun: bool = False
