"""The text of a step while it is written, for the steps that read it. Must not know what either does.

A step that is tried again writes anew, and what was read of the attempt before is void. Readers do not hold the writer
up: a text is at most as long as an output may be.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Final

from smartlite.domain.pipelines import StepRun, StepState
from smartlite.pipeline.execution.values import MAX_OUTPUT_BYTES

_MAX_CHARACTERS: Final = MAX_OUTPUT_BYTES


class SourceLost(Exception):
    """What was read did not become what the source gave; never leaves this package."""


class Feed:
    """What one step writes. Used in one event loop.

    Args:
        output: Name of the text in what the step gives.
    """

    def __init__(self, output: str) -> None:
        self._output = output
        self._attempt = 0
        self._pieces: list[str] = []
        self._characters = 0
        self._is_whole = False
        self._is_lost = True
        self._end: StepRun | None = None
        self._is_right = False
        self._changed = asyncio.Event()

    def begin(self) -> None:
        """An attempt begins."""
        self._attempt += 1
        self._pieces = []
        self._characters = 0
        self._is_whole = self._is_lost = False
        self._tell()

    def give(self, text: str) -> None:
        """It wrote more."""
        self._characters += len(text)
        if self._characters > _MAX_CHARACTERS:
            self.lose()  # and the attempt fails at its end
        elif text and not self._is_lost:
            self._pieces.append(text)
            self._tell()

    def end(self) -> None:
        """It wrote everything, which is not recorded yet."""
        self._is_whole = True
        self._tell()

    def lose(self) -> None:
        """The attempt failed."""
        self._is_lost = True
        self._pieces = []
        self._tell()

    def close(self, end: StepRun) -> None:
        """The step has ended, and that is recorded."""
        is_done = end.state == StepState.SUCCEEDED and self._is_whole and not self._is_lost
        given = end.output.get(self._output) if isinstance(end.output, dict) else None
        self._is_right = is_done and given == "".join(self._pieces)
        self._end = end
        self._tell()

    async def ready(self) -> bool:
        """Wait for the first text of an attempt; False where the step ended and nothing that was written counts."""
        while True:
            if self._end is not None:
                return bool(self._pieces) and self._is_right
            if self._pieces:
                return True
            await self._changed.wait()

    async def closed(self) -> None:
        """Wait until the step has ended."""
        while self._end is None:
            await self._changed.wait()

    def open(self) -> "Reading":
        """Read the attempt that is being made."""
        return Reading(self, self._attempt)

    def is_lost(self, attempt: int) -> bool:
        """Whether it is known that what an attempt wrote is void."""
        return self._attempt != attempt or self._is_lost or (self._end is not None and not self._is_right)

    async def read(self, attempt: int) -> AsyncGenerator[str, None]:
        """The text of an attempt as it comes, each time all that there is by then.

        Raises:
            SourceLost: The attempt failed.
        """
        taken = 0
        while True:
            if self.is_lost(attempt):
                raise SourceLost
            if taken < len(self._pieces):
                text = "".join(self._pieces[taken:])
                taken = len(self._pieces)
                yield text
            elif self._is_whole:
                return
            else:
                await self._changed.wait()

    async def confirm(self, attempt: int) -> None:
        """Wait until it is recorded that the step gave what the attempt wrote.

        Raises:
            SourceLost: It gave something else, or nothing.
        """
        while not self.is_lost(attempt):
            if self._end is not None:
                return
            await self._changed.wait()
        raise SourceLost

    def _tell(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Reading:
    """One attempt of a source, for one attempt of a step that reads it."""

    def __init__(self, feed: Feed, attempt: int) -> None:
        self._feed = feed
        self._attempt = attempt

    @property
    def is_lost(self) -> bool:
        """See Feed."""
        return self._feed.is_lost(self._attempt)

    def pieces(self) -> AsyncGenerator[str, None]:
        """See ``Feed.read``."""
        return self._feed.read(self._attempt)

    async def confirm(self) -> None:
        """See Feed."""
        await self._feed.confirm(self._attempt)
