"""Answers the lines of one batch for a while: some at the same time, stored in blocks as they come.

Must not know leases, nor what becomes of the batch after. Whatever is not stored when it ends is answered again by the
next one, with the same idempotency keys: the gateway gives the same answers and does nothing twice.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from smartlite.domain.batches import Batch, BatchFault, BatchUsage, Place, Progress
from smartlite.errors import SmartLiteError, Unavailable
from smartlite.jobs.batch_answers import Answers, Result, caller_of, refused
from smartlite.jobs.batch_lines import Line, LineFaulty, read_line
from smartlite.jobs.gateway_calls import GatewayCalls, StoredAnswer, StoredRequest

Keep = Callable[[list[Result], Progress], Awaitable[None]]
"""Stores results with how far the batch is by them."""
UNTIL_IT_WORKS: Final = frozenset({409, 429, 503})
"""No capacity, a limit, or the same request is still running: asked again for as long as the batch lasts."""
A_FEW_TIMES: Final = frozenset({408, 502, 504})
_FEW: Final = 3
_UNAUTHORIZED: Final = 401
_CALL_S: Final = 3600.0
"""Longest wait for one answer."""
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_TICK_S: Final = 0.2
_MOST_HELD: Final = 200
_MOST_HELD_BYTES: Final = 4 * 1024 * 1024

_logger = logging.getLogger(__name__)


class BatchRefused(Exception):
    """The gateway answers nothing of this batch any more; holds why."""

    def __init__(self, fault: BatchFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a batch is worked on."""

    parallel: int = 4
    slice_s: float = 60.0
    """After so long others get their turn."""
    flush_s: float = 1.0
    """So long an answer waits at most to be stored."""
    longest_pause_s: float = _LONGEST_PAUSE_S
    """Between two tries of a line."""


@dataclass(slots=True)
class _Reach:
    """Up to where every line is answered."""

    place: Place
    ends: dict[int, Place] = field(default_factory=dict)
    """Of lines that are answered behind it."""
    begun: list[int] = field(default_factory=list)
    """Lines behind it in their order, answered or not."""

    def add(self, number: int) -> None:
        self.begun.append(number)

    def answer(self, line: Line) -> None:
        self.ends[line.number] = line.end
        count = 0
        for number in self.begun:
            if number not in self.ends:
                break
            self.place = self.ends.pop(number)
            count += 1
        del self.begun[:count]


class Answering:
    """One worker's turn at a batch.

    Args:
        batch: In progress.
        lines: Of its input from ``place`` on; closed by it.
        place: Where they begin.
        answered: Lines behind it that are answered already.
        calls: Who answers.
        answers: Makes requests and results.
        keep: Stores results.
        most_line_bytes: Of one line.
        pace: How fast.
    """

    def __init__(
        self,
        batch: Batch,
        lines: AsyncGenerator[Line, None],
        place: Place,
        answered: frozenset[int],
        calls: GatewayCalls,
        answers: Answers,
        keep: Keep,
        most_line_bytes: int,
        pace: Pace,
    ) -> None:
        self._batch = batch
        self._lines = lines
        self._answered = answered
        self._calls = calls
        self._answers = answers
        self._keep = keep
        self._most_line_bytes = most_line_bytes
        self._pace = pace
        self._reach = _Reach(place)
        self._running: dict[asyncio.Task[Result | None], Line] = {}
        self._results: list[Result] = []
        self._held_since = 0.0
        self._is_over = False
        self._has_more = True

    async def run(self, goes_on: Callable[[], Awaitable[bool]]) -> bool:
        """Answer lines until none is left, the turn is over, or ``goes_on`` says no, which also stops what runs.

        Returns:
            Whether every line is answered.

        Raises:
            BatchRefused: Its user may do nothing any more; what was answered is stored.
            SmartLiteError: Answers cannot be stored, or the input cannot be read.
        """
        ends_at = time.monotonic() + self._pace.slice_s
        asked_at = time.monotonic()
        try:
            async with aclosing(self._lines):
                while True:
                    self._is_over = self._is_over or time.monotonic() >= ends_at
                    await self._fill()
                    if not self._running:
                        break
                    done, _ = await asyncio.wait(self._running, timeout=_TICK_S, return_when=asyncio.FIRST_COMPLETED)
                    self._collect(done)
                    await self._flush(self._is_due())
                    if time.monotonic() - asked_at >= self._pace.flush_s:
                        asked_at = time.monotonic()
                        if not await goes_on():
                            return False
        finally:
            await self._stop()
            await self._flush(True)
        return not self._has_more and not self._reach.begun

    async def _fill(self) -> None:
        while self._has_more and not self._is_over and len(self._running) < self._pace.parallel:
            line = await anext(self._lines, None)
            if line is None:
                self._has_more = False
                return
            self._reach.add(line.number)
            if line.number in self._answered:
                self._reach.answer(line)
                continue
            self._running[asyncio.create_task(self._answer(line))] = line

    def _collect(self, done: set[asyncio.Task[Result | None]]) -> None:
        for task in done:
            line = self._running.pop(task)
            result = task.result()
            if result is not None:
                self._held_since = self._held_since or time.monotonic()
                self._results.append(result)
                self._reach.answer(line)

    def _is_due(self) -> bool:
        if not self._results:
            return False
        is_old = time.monotonic() - self._held_since >= self._pace.flush_s
        size_bytes = sum(len(result.text) for result in self._results)
        return is_old or len(self._results) >= _MOST_HELD or size_bytes >= _MOST_HELD_BYTES

    async def _flush(self, is_due: bool) -> None:
        if not is_due or not self._results:
            return
        results, self._results, self._held_since = self._results, [], 0.0
        usage = BatchUsage()
        for result in results:
            usage = usage.plus(result.usage)
        good = sum(result.is_good for result in results)
        await self._keep(results, Progress(good, len(results) - good, usage, self._reach.place))

    async def _stop(self) -> None:
        running = list(self._running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.gather(*running, return_exceptions=True)
        self._running.clear()

    async def _answer(self, line: Line) -> Result | None:
        """The result of a line; None where it is left to the next turn."""
        batch = self._batch
        custom_id = None
        try:
            asked = read_line(line, batch.endpoint, self._most_line_bytes)
            custom_id = asked.custom_id
            request = await self._answers.request(batch, line.number, asked)
            answer = await self._ask(request)
            if answer is None:
                return None
            return await self._answers.result(batch, line.number, custom_id, answer)
        except LineFaulty as error:
            return refused(batch, line.number, custom_id, error.fault)

    async def _ask(self, request: StoredRequest) -> StoredAnswer | None:
        tries, pause_s = 0, _FIRST_PAUSE_S
        while True:
            tries += 1
            answer = await self._call(request)
            if answer is not None and not _is_worth_another(answer, tries):
                return answer
            if self._is_over:
                return None
            wait_s = pause_s if answer is None else max(pause_s, _retry_after_s(answer))
            await asyncio.sleep(min(wait_s, self._pace.longest_pause_s))
            pause_s = min(2 * pause_s, self._pace.longest_pause_s)
            if self._is_over:
                return None

    async def _call(self, request: StoredRequest) -> StoredAnswer | None:
        try:
            async with asyncio.timeout(_CALL_S):
                answer = await self._calls.call(request, caller_of(self._batch), self._batch.id)
        except TimeoutError:
            raise LineFaulty(BatchFault("deadline_exceeded", f"There was no answer within {_CALL_S:g} s.")) from None
        except Unavailable as error:
            _logger.info("a line of a batch waits", extra={"batch": self._batch.id, "reason": error.message})
            return None
        except SmartLiteError as error:
            raise LineFaulty(BatchFault(error.code, error.message)) from error
        if answer.status == _UNAUTHORIZED:
            message = "Whoever made this batch may not use the platform any more."
            raise BatchRefused(BatchFault("user_inactive", message))
        return answer


def _is_worth_another(answer: StoredAnswer, tries: int) -> bool:
    if answer.headers.get("x-should-retry") == "false":
        return False
    return answer.status in UNTIL_IT_WORKS or (answer.status in A_FEW_TIMES and tries < _FEW)


def _retry_after_s(answer: StoredAnswer) -> float:
    try:
        return max(0.0, float(answer.headers.get("retry-after", "0")))
    except ValueError:
        return 0.0
