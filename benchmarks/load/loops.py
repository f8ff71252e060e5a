"""Sends a request in an open loop, at times fixed beforehand, or in a closed one. Must not know what is asked.

An open loop shows what callers feel: each latency counts from the moment the request was due, so a server that stalls
cannot hide the requests that would have come meanwhile (coordinated omission). k6 would do the same; it is under the
AGPL, and a process beside this one. This client is a protocol and a list of times.
"""

import asyncio
import resource
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Final

from benchmarks.load.connection import Answer, Broken, Connection, Request
from benchmarks.load.outcome import Outcome

_OTHER_FILES: Final = 256


class Lane:
    """Connections to one server, used again, at most so many.

    Args:
        request: What is sent, and where to.
        connections: The most that are open at once; more requests wait for one.
        timeout_s: Longest wait of one request for its whole answer, connecting included.
    """

    def __init__(self, request: Request, connections: int, timeout_s: float) -> None:
        self._request = request
        self._free = asyncio.Semaphore(connections)
        self._idle: deque[Connection] = deque()
        self._timeout_s = timeout_s

    async def ask(self, due_s: float, began_at_s: float) -> Outcome:
        """Send once, and tell what became of it; never fails.

        Args:
            due_s: When it was to be sent, in seconds from the start.
            began_at_s: The start, of ``time.perf_counter``.
        """
        async with self._free:
            sent_s = time.perf_counter() - began_at_s
            try:
                async with asyncio.timeout(self._timeout_s):
                    answer = await self._send()
            except TimeoutError:
                status = "timeout"
            except Broken:
                status = "broken"
            except OSError:
                status = "refused"
            else:
                return Outcome(
                    due_s=due_s,
                    sent_s=sent_s,
                    first_byte_s=answer.first_byte_at_s - began_at_s,
                    ended_s=answer.ended_at_s - began_at_s,
                    status=str(answer.status),
                    has_retry_after=answer.retry_after is not None,
                )
        ended_s = time.perf_counter() - began_at_s
        return Outcome(due_s, sent_s, ended_s, ended_s, status)

    def close(self) -> None:
        """End every idle connection."""
        while self._idle:
            self._idle.pop().close()

    async def _send(self) -> Answer:
        connection = self._take() or await Connection.open(self._request)
        try:
            answer = await connection.ask(self._request.data)
        except BaseException:
            connection.close()
            raise
        if connection.is_open:
            self._idle.append(connection)
        return answer

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None


def allow_files(connections: int) -> None:
    """Let this process hold so many connections, as far as the machine allows; what is above fails as ``refused``."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@asynccontextmanager
async def lane(request: Request, connections: int, timeout_s: float) -> AsyncGenerator[Lane, None]:
    """A lane that is closed at the end."""
    opened = Lane(request, connections, timeout_s)
    try:
        yield opened
    finally:
        opened.close()


async def open_loop(lane: Lane, due: Sequence[float], max_under_way: int) -> list[Outcome]:
    """Send each request when it is due, whatever became of those before.

    Args:
        lane: Where to.
        due: Seconds from the start, in order.
        max_under_way: Requests sent and not answered; one that is due above it counts as ``unsent``.
    """
    outcomes: list[Outcome] = []
    under_way: set[asyncio.Task[Outcome]] = set()

    def take(task: asyncio.Task[Outcome]) -> None:
        under_way.discard(task)
        if not task.cancelled():
            outcomes.append(task.result())

    began_at_s = time.perf_counter()
    try:
        for due_s in due:
            await asyncio.sleep(max(0.0, began_at_s + due_s - time.perf_counter()))
            if len(under_way) >= max_under_way:
                outcomes.append(Outcome(due_s, due_s, due_s, due_s, "unsent"))
                continue
            task = asyncio.create_task(lane.ask(due_s, began_at_s))
            under_way.add(task)
            task.add_done_callback(take)
        await asyncio.gather(*under_way)  # each is bounded by the lane's own time-out
    finally:
        for task in under_way:
            task.cancel()
    return outcomes


async def closed_loop(lane: Lane, callers: int, duration_s: float) -> list[Outcome]:
    """So many callers, each of which sends again as soon as it is answered."""
    outcomes: list[Outcome] = []
    began_at_s = time.perf_counter()

    async def call() -> None:
        while (now_s := time.perf_counter() - began_at_s) < duration_s:
            outcome = await lane.ask(now_s, began_at_s)
            outcomes.append(outcome)
            if not outcome.is_good:
                await asyncio.sleep(0.01)  # a server that is gone is not asked a hundred thousand times

    await asyncio.gather(*(call() for _ in range(callers)))
    return outcomes
