"""A replica in this process that answers batches, and a gateway's side that calls it. Must not know any test."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import aclosing

from deployments.batch_messages import Frame, Item, Room
from deployments.batched_call import Call, Response
from deployments.batched_calls import BatchedCalls, BatchLimits, Remote
from deployments.batched_items import ItemRunner
from deployments.places import Places
from smartlite.domain.tenant import working_for
from smartlite.errors import SmartLiteError
from smartlite.logging import request_id

LIMITS = BatchLimits(items=64, under_way=2, size_bytes=1000, waiting=100)


class Answer:
    """What a streaming handle call gives."""

    def __init__(self, frames: AsyncGenerator[object, None]) -> None:
        self._frames = frames
        self.is_cancelled = False
        self._cancelled = asyncio.Event()

    def __aiter__(self) -> "Answer":
        return self

    async def __anext__(self) -> object:
        frame = asyncio.ensure_future(anext(self._frames))
        gone = asyncio.ensure_future(self._cancelled.wait())
        await asyncio.wait({frame, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if self.is_cancelled:
            frame.cancel()
            await asyncio.wait({frame})
            raise asyncio.CancelledError
        return frame.result()

    def cancel(self) -> None:
        self.is_cancelled = True
        self._cancelled.set()


class Replica:
    """Answers at the pace that a test sets: a verb says a word, and goes on when the test opens its gate."""

    def __init__(self, places: int = 100, queue: int = -1) -> None:
        self.room = Room(places, queue)
        self.gates: dict[object, asyncio.Event] = {}
        self.begun: list[object] = []
        self.stopped: list[object] = []
        self.request_ids: list[str | None] = []
        self.batches: list[list[object]] = []
        self.sent_for: list[str] = []
        self.was_asked_alone = asyncio.Event()
        self.cancelled: list[str] = []
        self.cancel_failure: Exception | None = None
        self.is_accepting = asyncio.Event()
        self.is_accepting.set()
        self.failure: BaseException | None = None
        self._places = Places(lambda: self.room.places)
        self._runner = ItemRunner(self, lambda: self.room)

    def gate(self, request: object) -> asyncio.Event:
        return self.gates.setdefault(request, asyncio.Event())

    async def say(self, request: object) -> AsyncGenerator[object, None]:
        """Two events at once."""
        async with self._places.taken():
            self.begun.append(request)
            self.request_ids.append(request_id.get())
            yield f"{request}-1"
            yield f"{request}-2"

    async def wait(self, request: object) -> AsyncGenerator[object, None]:
        """An event at once, and one when the gate opens."""
        async with self._places.taken():
            self.begun.append(request)
            try:
                yield f"{request}-1"
                await self.gate(request).wait()
                yield f"{request}-2"
            except (asyncio.CancelledError, GeneratorExit):
                self.stopped.append(request)
                raise

    async def fail(self, request: object) -> AsyncGenerator[object, None]:
        """Raises what it is asked with."""
        assert isinstance(request, Exception)
        raise request
        yield

    def connect(self, limits: BatchLimits = LIMITS) -> BatchedCalls:
        return BatchedCalls(Remote("stage", self._send, self._send_alone, self._cancel), limits)

    async def _run(self, items: Sequence[Item]) -> AsyncGenerator[Frame, None]:
        await self.is_accepting.wait()
        async with aclosing(self._runner.run(items)) as frames:
            async for frame in frames:
                yield frame
                if self.failure is not None:
                    raise self.failure

    def _send(self, items: Sequence[Item]) -> Answer:
        self.batches.append([item.request for item in items])
        self.sent_for.append(working_for.get())
        return Answer(self._run(items))

    def _send_alone(self, method: str, request: object) -> Response:
        self.was_asked_alone.set()
        return Answer(getattr(self, method)(request))

    async def _cancel(self, identifiers: Collection[str]) -> None:
        if self.cancel_failure is not None:
            raise self.cancel_failure
        self.cancelled += identifiers
        self._runner.cancel(identifiers)


async def drain(call: Call) -> list[object]:
    """Every event, and what the call raised at last."""
    events: list[object] = []
    try:
        while True:
            events.append(await call.__anext__())
    except StopAsyncIteration:
        return events
    except SmartLiteError as error:
        return [*events, error]


async def settle() -> None:
    """Let everything that can go on go on."""
    for _ in range(20):
        await asyncio.sleep(0)
