"""One long recording recognised piece by piece, here and at peers, and told in order. Must not know engines or codecs.

Pieces know nothing of each other's text. The language is found once, in the first piece in which somebody speaks. The
prompt goes with every piece: it tells spelling and style, which hold for the whole recording.

Nothing waits for a peer that waits for this replica: a piece that no peer takes at once is done here, and a peer that
has taken one works without asking anybody. What a lost peer had not told yet is done again.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from smartlite.domain.asr import EngineTranscriptEvent, PieceEvent, Segment, TranscribeOptions, TranscriptInfo
from smartlite.domain.audio import AudioChunk
from smartlite.engines.recording_pieces import Piece
from smartlite.errors import EngineFailed, SmartLiteError, Unavailable

_logger = logging.getLogger(__name__)

_TAKE_TIMEOUT_S: Final = 2.0
"""Longest wait for a peer to take a piece."""
_REST_S: Final = 5.0
"""Before a peer is asked again that took none, or was lost."""

_OPEN_PER_WORKER: Final = 4
"""Pieces that are worked on, or done and not told yet."""

Here = Callable[[AudioChunk, TranscribeOptions], AsyncGenerator[EngineTranscriptEvent, None]]
There = Callable[[AudioChunk, TranscribeOptions], AsyncGenerator[PieceEvent, None]]


class Pieces(Protocol):
    """What is used of smartlite.engines.recording_pieces.Pieces."""

    def next(self) -> Piece | None:
        """The next piece; None after the last. Blocks."""
        ...


@dataclass(slots=True, eq=False)
class _Work:
    """A piece and what was found in it."""

    piece: Piece
    """What is left of it, where a peer was lost."""
    found: deque[Segment] = field(default_factory=deque)
    """Not told yet; times are the recording's."""
    told_s: float = 0.0
    """Until where it is recognised, in the recording."""
    is_done: bool = False


class SharedRecording:
    """Used once, in one event loop.

    Args:
        pieces: Of the recording.
        options: Of the request.
        here: Recognises a piece in this process.
        there: Recognises a piece at some replica; its first event tells that it was taken.
        here_at_once: Pieces to work on here side by side, at least 1.
        there_at_once: Pieces to give away side by side.
    """

    def __init__(
        self,
        pieces: Pieces,
        options: TranscribeOptions,
        here: Here,
        there: There,
        here_at_once: int,
        there_at_once: int,
    ) -> None:
        self._pieces = pieces
        self._options = options
        self._here = here
        self._there = there
        self._here_at_once = here_at_once
        self._there_at_once = there_at_once
        # A reader that is slow holds the work up. A piece that takes long does not: Whisper decodes a window up to five
        # times again, which is as long as three other windows.
        self._most_open = _OPEN_PER_WORKER * (here_at_once + there_at_once)
        self._open: deque[_Work] = deque()
        self._given_back: deque[_Work] = deque()
        self._cutting: asyncio.Task[None] | None = None
        self._all_cut = False
        self._news = asyncio.Event()

    async def transcribe(self) -> AsyncGenerator[EngineTranscriptEvent, None]:
        """Yield one TranscriptInfo, then Segments in order; as ASREngine.transcribe."""
        info, work, events = await self._begin()
        workers: list[asyncio.Task[None]] = []
        try:
            if work is not None and events is not None:
                self._options = replace(self._options, language=info.language, languages=())
                workers.append(asyncio.create_task(self._work_here(work, events)))
                workers += [asyncio.create_task(self._work_here()) for _ in range(self._here_at_once - 1)]
                workers += [asyncio.create_task(self._work_there()) for _ in range(self._there_at_once)]
            for worker in workers:
                worker.add_done_callback(lambda _: self._tell())
            yield info
            number = 0
            while workers:
                for worker in workers:
                    if worker.done():
                        worker.result()
                if not self._open:
                    if self._all_cut:
                        return
                elif self._open[0].found:
                    yield replace(self._open[0].found.popleft(), id=number)
                    number += 1
                    continue
                elif self._open[0].is_done:
                    self._open.popleft()
                    self._tell()
                    continue
                await self._news.wait()
        finally:
            if self._cutting is not None:
                workers.append(self._cutting)
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _begin(self) -> tuple[TranscriptInfo, _Work | None, AsyncGenerator[EngineTranscriptEvent, None] | None]:
        """Find the first piece with speech, and the language; there is no work where nobody speaks at all."""
        silent: TranscriptInfo | None = None
        while (work := await self._take()) is not None:
            events = self._here(work.piece.audio, self._options)
            info = await anext(events)
            if not isinstance(info, TranscriptInfo):
                raise EngineFailed("The engine told a segment before it told the language.")
            if info.language_probability > 0:
                return info, work, events
            await events.aclose()
            silent = silent or info
            self._open.remove(work)
        if silent is None:
            raise EngineFailed("A recording without a sample was to be cut.")
        return silent, None, None

    async def _work_here(
        self, work: _Work | None = None, events: AsyncGenerator[EngineTranscriptEvent, None] | None = None
    ) -> None:
        """Work on pieces until every piece is done, beginning with one that has begun."""
        while (work := work or await self._take()) is not None:
            async with aclosing(events or self._here(work.piece.audio, self._options)) as found:
                async for event in found:
                    self._add(work, event)
            self._finish(work)
            work = events = None

    async def _work_there(self) -> None:
        """Give pieces away until every piece is done."""
        while (work := await self._take()) is not None:
            try:
                async with aclosing(self._there(work.piece.audio, self._options)) as found:
                    async with asyncio.timeout(_TAKE_TIMEOUT_S):
                        await anext(found, None)
                    async for event in found:
                        self._add(work, event)
            except (TimeoutError, SmartLiteError) as error:
                self._give_back(work, error)
                await asyncio.sleep(_REST_S)
            else:
                self._finish(work)

    async def _take(self) -> _Work | None:
        """Wait for a piece to work on; None when every piece is done."""
        while not self._given_back:
            self._cut_ahead()
            if self._all_cut and all(work.is_done for work in self._open):
                return None
            await self._news.wait()
        work = self._given_back.popleft()
        self._cut_ahead()
        return work

    def _cut_ahead(self) -> None:
        """Have a piece ready for whoever asks next."""
        if self._cutting is not None and self._cutting.done():
            self._cutting.result()
            self._cutting = None
        is_wanted = not (self._given_back or self._all_cut) and len(self._open) < self._most_open
        if is_wanted and self._cutting is None:
            self._cutting = asyncio.create_task(self._cut())
            self._cutting.add_done_callback(lambda _: self._tell())

    async def _cut(self) -> None:
        piece = await asyncio.to_thread(self._pieces.next)
        if piece is None:
            self._all_cut = True
        else:
            work = _Work(piece)
            self._open.append(work)
            self._given_back.append(work)

    def _add(self, work: _Work, event: PieceEvent) -> None:
        if isinstance(event, Segment):
            segment = event.later(work.piece.start_s)
            work.found.append(segment)
            work.told_s = segment.end_s
            self._tell()

    def _finish(self, work: _Work) -> None:
        work.is_done = True
        self._tell()

    def _give_back(self, work: _Work, error: TimeoutError | SmartLiteError) -> None:
        reason = error.code if isinstance(error, SmartLiteError) else Unavailable.code
        _logger.info(
            "a piece of a recording was not done by a peer", extra={"piece": work.piece.number, "code": reason}
        )
        work.piece = work.piece.after(max(0.0, work.told_s - work.piece.start_s))
        self._given_back.append(work)
        self._tell()

    def _tell(self) -> None:
        """Wake everybody who waits for a change."""
        self._news.set()
        self._news = asyncio.Event()
