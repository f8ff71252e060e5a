"""Streams over HTTP: waiting for the first item before headers go out, and stopping work when the client leaves.

Must not know what flows: events, audio, text.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Generic, Self, TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

T = TypeVar("T")

CLIENT_LEFT: Final = "smartlite.client_left"
"""In a scope: whether the server has cancelled the request's task because its client left; absent where it does not."""
_CLOSE_TIMEOUT_S: Final = 1.0


class Peeked(Generic[T]):
    """A stream whose first item has already arrived.

    A class and not an async generator: closing a generator that was never entered does not run its ``finally``, so
    the source behind it would go on working.
    """

    def __init__(self, source: AsyncGenerator[T, None], first: tuple[T, ...]) -> None:
        self._source = source
        self._first = list(first)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        if self._first:
            return self._first.pop()
        return await anext(self._source)

    async def aclose(self) -> None:
        """Stop the work behind the stream."""
        self._first.clear()
        await self._source.aclose()


async def peek(source: AsyncGenerator[T, None]) -> Peeked[T]:
    """Wait for the first item of a stream, so that an early error still gets its own HTTP status.

    The result is iterated and closed like ``source``; use it with ``contextlib.aclosing``.

    Raises:
        SmartLiteError: Whatever the source raised before its first item.
    """
    try:
        return Peeked(source, (await anext(source),))
    except StopAsyncIteration:
        return Peeked(source, ())


@asynccontextmanager
async def stopped_when_client_leaves(scope: Scope, receive: Receive) -> AsyncIterator[None]:
    """Cancel the work in the block as soon as the client hangs up.

    The block stays in the caller's task, so task groups and timeouts inside generators keep their task. Where the
    server cancels the task itself (``CLIENT_LEFT`` is in the scope), nobody has to watch.

    Args:
        scope: ASGI's.
        receive: Likewise, after the body was read: its next message is ``http.disconnect``.

    Raises:
        ClientDisconnect: The client left and the work was cancelled; rendered as 499, which nobody reads.
    """
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine runs in a task
    if CLIENT_LEFT in scope:
        try:
            yield
        except asyncio.CancelledError:
            if scope[CLIENT_LEFT] and not task.uncancel():
                raise ClientDisconnect from None
            raise
        return
    client_left = False

    async def watch() -> None:
        nonlocal client_left
        while (await receive())["type"] != "http.disconnect":
            pass
        client_left = True
        task.cancel()

    cancellations = task.cancelling()
    watcher = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        if client_left and task.uncancel() <= cancellations:
            raise ClientDisconnect from None
        raise
    finally:
        watcher.cancel()
        await asyncio.wait({watcher}, timeout=_CLOSE_TIMEOUT_S)
