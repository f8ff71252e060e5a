"""Speaks one text in several places at once, sentence by sentence, and gives what is said in the order of the text.

Must not know engines, replicas or audio formats: a place is an asynchronous generator function of a sentence.

Nothing waits for a place that may be lost: what another place refuses or fails at is spoken here, so that the text is
spoken whole as long as this place works, and places that share texts with each other cannot wait in a circle.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from smartlite.domain.tts import SpokenSentence
from smartlite.errors import DeadlineExceeded, SmartLiteError, TextEmpty, Unavailable

Speak = Callable[[str], AsyncGenerator[SpokenSentence, None]]
"""Speaks a sentence; raises TextEmpty where it holds nothing to say, and SmartLiteError otherwise."""

_PAUSES_S: Final = (0.05, 1.0)
"""First and longest pause before another place is asked again that refused or failed."""


_LATE_S: Final = 10.0
"""Longest wait for a sentence that another place speaks; then it is spoken here."""
_CLOSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Places:
    """Where sentences may be spoken, and how many at once."""

    here: Speak
    here_at_once: int
    """At least 1."""
    elsewhere: Speak
    elsewhere_at_once: int
    """Of all other places together; may be 0."""


async def speak_together(sentences: Sequence[str], places: Places) -> AsyncGenerator[SpokenSentence, None]:
    """Speak sentences, the first one here; at most twice as many as are spoken at once are ahead of the reader.

    A second one here begins once the first one sounds, which is no later for it so: with another sentence at work in
    the same engine on two busy cores it took 418 ms for 252 ms (medians of 25 rounds). Other places begin at once:
    where they have cores of their own, that costs the first sound nothing. On two cores it came after 222 ms for 192,
    and a text of 741 characters was whole after 1.09 s, for 1.15 where they waited.

    A sentence that is spoken here comes part by part, one of another place whole. Closing the generator stops the work
    in every place.

    Raises:
        TextEmpty: 400, no sentence holds anything to say.
        SmartLiteError: What this place raises.
    """
    board = _Board(sentences, 2 * (places.here_at_once + places.elsewhere_at_once))
    tasks = [
        asyncio.create_task(_guard(_work_here(board, places.here, waits=number > 0), board))
        for number in range(places.here_at_once)
    ]
    tasks += [
        asyncio.create_task(_guard(_work_elsewhere(board, places.elsewhere), board))
        for _ in range(places.elsewhere_at_once)
    ]
    is_spoken = False
    try:
        for index in range(len(sentences)):
            board.read_on(index)
            while (part := await board.next_part(index)) is not None:
                is_spoken = True
                yield part
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if not is_spoken:
        raise board.nothing_said or TextEmpty("Nothing in the text can be spoken.", "input")


class _Board:
    """Which sentence is free, taken or done, and what was made of it. Used in one event loop."""

    def __init__(self, sentences: Sequence[str], ahead: int) -> None:
        self.sentences = sentences
        self.nothing_said: TextEmpty | None = None
        self.failure: BaseException | None = None
        self._ahead = ahead
        self._front = 0
        self._free = list(range(len(sentences)))
        self._refused: set[int] = set()
        self._parts: list[list[SpokenSentence]] = [[] for _ in sentences]
        self._done = [False for _ in sentences]
        self._changed = asyncio.Event()

    async def take(self, *, is_here: bool) -> int | None:
        """The first sentence that is free for this place, once the reader is near it; None when there will be none."""
        while True:
            free = self._free if is_here else [index for index in self._free if index not in self._refused]
            if free and free[0] < self._front + self._ahead:
                index = free[0]
                self._free.remove(index)
                return index
            if not free and (not is_here or all(self._done)):
                return None
            await self._change()

    def give_back(self, index: int) -> None:
        """Another place did not speak it; this one will."""
        self._refused.add(index)
        self._free = sorted([*self._free, index])
        self._changed.set()

    def put(self, index: int, part: SpokenSentence) -> None:
        self._parts[index].append(part)
        self._changed.set()

    def finish(self, index: int) -> None:
        self._done[index] = True
        self._changed.set()

    def fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        self._changed.set()

    def read_on(self, index: int) -> None:
        self._front = index
        self._changed.set()

    async def next_part(self, index: int) -> SpokenSentence | None:
        """The next part of a sentence; None at its end. Raises what its place raised."""
        while not self._parts[index]:
            if self._done[index]:
                return None
            if self.failure is not None:
                raise self.failure
            await self._change()
        return self._parts[index].pop(0)

    async def sounding(self) -> None:
        """Wait for the first sentence's first part, or its end."""
        while not (self._front or self._parts[0] or self._done[0]):
            await self._change()

    async def _change(self) -> None:
        # Whoever waits looks again first, so what another one clears is not lost.
        self._changed.clear()
        await self._changed.wait()


async def _work_here(board: _Board, speak: Speak, *, waits: bool) -> None:
    if waits:
        await board.sounding()
    while (index := await board.take(is_here=True)) is not None:
        try:
            async with aclosing(speak(board.sentences[index])) as parts:
                async for part in parts:
                    board.put(index, part)
        except TextEmpty as error:
            board.nothing_said = error
        board.finish(index)


async def _work_elsewhere(board: _Board, speak: Speak) -> None:
    pause_s = _PAUSES_S[0]
    while (index := await board.take(is_here=False)) is not None:
        parts: list[SpokenSentence] = []
        try:
            parts = await _collect(speak, board.sentences[index])
        except TextEmpty as error:
            board.nothing_said = error
        except SmartLiteError:
            board.give_back(index)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _PAUSES_S[1])
            continue
        pause_s = _PAUSES_S[0]
        for part in parts:
            board.put(index, part)
        board.finish(index)


async def _collect(speak: Speak, sentence: str) -> list[SpokenSentence]:
    """What another place makes of a sentence, if it is not late; nobody waits for the end of what was given up.

    Raises:
        DeadlineExceeded: 504, it is late.
        Unavailable: 503, it was cancelled there.
        SmartLiteError: As the place.
    """

    async def work() -> list[SpokenSentence]:
        async with aclosing(speak(sentence)) as spoken:
            return [part async for part in spoken]

    working = asyncio.create_task(work())
    working.add_done_callback(_look_at_error)
    try:
        done, _ = await asyncio.wait({working}, timeout=_LATE_S)
    except asyncio.CancelledError:
        working.cancel()
        await asyncio.wait({working}, timeout=_CLOSE_S)
        raise
    if not done:
        working.cancel()
        raise DeadlineExceeded("Another place is late with a sentence.")
    if working.cancelled():
        # By the way to the other place: taken for its caller's own end, the sentence would be nobody's.
        raise Unavailable("Another place let a sentence go.")
    return working.result()


def _look_at_error(task: "asyncio.Task[list[SpokenSentence]]") -> None:
    """Take the error of what was given up, which asyncio would report as never retrieved."""
    if not task.cancelled():
        task.exception()


async def _guard(work: Coroutine[None, None, None], board: _Board) -> None:
    """Hand a failure to the reader, who waits on the board and not on the task."""
    try:
        await work
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - raised again by speak_together
        board.fail(error)
