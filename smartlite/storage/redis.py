"""Scripts that run in Redis, each in one round trip, and the short wait for them. Must not know what they do.

Nothing here waits for a Redis that is away: with its own retries the client library would, 5.6 s for one that hangs and
4.5 s for one that is dead (measured with redis-py 8.1 and ``socket_timeout=0.1``).
"""

import asyncio
import hashlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from smartlite.errors import Unavailable
from smartlite.storage.breaker import CircuitBreaker

TIMEOUT_S: Final = 0.1
"""Of connecting, and of every answer."""
MAX_CONNECTIONS: Final = 2
"""Of one process: while one waits for its answers, what comes meanwhile is collected for the other."""
WAIT_S: Final = 1.0
"""Longest wait of anybody; exchanges end sooner, and after a few that failed nothing is sent."""
_MAX_BATCH: Final = 64
"""Scripts that are sent together; each takes Redis some 20 us."""


class RedisUnavailable(Unavailable):
    """Redis did not run a script: it is away, slow, full, read-only, or left alone since it was so just now."""

    code = "redis_unavailable"


class Script:
    """A script in Lua."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha1 = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
        """Redis' own name of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A script that somebody waits for."""

    script: Script
    keys: Sequence[str]
    arguments: Sequence[str | int | float]
    answer: "asyncio.Future[list[int]]"

    def fail(self, error: RedisUnavailable) -> None:
        """Tell whoever waits, if somebody still does."""
        if not self.answer.done():
            self.answer.set_exception(error)


class RedisStore:
    """One Redis and the connections that this process keeps to it. Used in one event loop.

    Args:
        url: ``Settings.redis_url``; nothing is connected yet.
        breaker: Tells when to leave Redis alone.
        timeout_s: See ``TIMEOUT_S``.
        wait_s: See ``WAIT_S``.
    """

    def __init__(
        self,
        url: str,
        breaker: CircuitBreaker | None = None,
        timeout_s: float = TIMEOUT_S,
        wait_s: float = WAIT_S,
    ) -> None:
        self.breaker = breaker or CircuitBreaker()
        self._wait_s = wait_s
        # protocol 2: the answers are arrays of numbers, and version 3 costs another exchange on every connection.
        self._pool = ConnectionPool.from_url(
            url,
            max_connections=2 * MAX_CONNECTIONS,  # there are never more workers than half of that
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,
        )
        self._redis = Redis(connection_pool=self._pool)
        self._waiting: deque[Call] = deque()
        self._working = 0
        self._workers: set[asyncio.Task[None]] = set()

    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[str | int | float]) -> list[int]:
        """Run a script that answers an array of numbers. What is asked at the same time is sent together.

        Raises:
            RedisUnavailable: 503, it was not run, or nobody knows whether it was. The library's error is the cause.
        """
        call = Call(script, keys, arguments, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._working < MAX_CONNECTIONS:
            self._working += 1
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        try:
            async with asyncio.timeout(self._wait_s):
                return await call.answer
        except TimeoutError as error:
            raise RedisUnavailable("Redis does not answer.") from error

    async def check(self) -> None:
        """Ask for an answer, whatever the breaker says.

        Raises:
            RedisUnavailable: There was none in time.
        """
        try:
            await self._redis.ping()
        except (RedisError, OSError, TimeoutError) as error:
            raise RedisUnavailable("Redis does not answer.") from error

    async def close(self) -> None:
        """Close every connection; nobody waits any more."""
        for worker in self._workers:
            worker.cancel()
        await self._redis.aclose()
        await self._pool.aclose()

    async def _work(self) -> None:
        try:
            while self._waiting:
                calls = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MAX_BATCH))]
                try:
                    await self._run(calls)
                finally:
                    for call in calls:
                        call.fail(RedisUnavailable("Redis does not answer."))
        finally:
            # In the same step as the last look at what waits: nobody may count on a worker that looks no more.
            self._working -= 1

    async def _run(self, calls: Sequence[Call]) -> None:
        if not self.breaker.may_try():
            for call in calls:
                call.fail(RedisUnavailable("Redis is left alone for a moment: it did not answer."))
            return
        answers = await self._exchange([("EVALSHA", call.script.sha1, call) for call in calls])
        # Redis has just started, or somebody flushed its scripts: it is told the text, which it keeps.
        unknown = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:
            texts = [("EVAL", calls[number].script.text, calls[number]) for number in unknown]
            for number, answer in zip(unknown, await self._exchange(texts), strict=True):
                answers[number] = answer
        for call, answer in zip(calls, answers, strict=True):
            if isinstance(answer, Exception):
                self.breaker.fail()
                error = RedisUnavailable("Redis does not answer.")
                error.__cause__ = answer
                call.fail(error)
            else:
                self.breaker.succeed()
                if not call.answer.done():
                    call.answer.set_result(answer)

    async def _exchange(self, commands: Sequence[tuple[str, str, Call]]) -> list[list[int] | Exception]:
        """Send commands and wait for their answers; where none came, each is answered by the reason."""
        try:
            async with self._redis.pipeline(transaction=False) as pipeline:
                for name, script, call in commands:
                    pipeline.execute_command(name, script, len(call.keys), *call.keys, *call.arguments)
                answers: list[list[int] | Exception] = await pipeline.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            return [error] * len(commands)
        return answers
