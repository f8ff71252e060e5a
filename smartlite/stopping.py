"""Ends tasks, whatever they make of being cancelled. Must not know what they do."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

_AGAIN_S: Final = 0.5


async def stop(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended; what they raise is nobody's any more."""
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        # Again and again: a driver may take being cancelled for a connection that was lost, and its user go on.
        done, pending = await asyncio.wait(pending, timeout=_AGAIN_S)
        for task in done:
            if not task.cancelled():
                task.exception()
