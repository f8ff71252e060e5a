"""Limits that every replica counts together, in Redis: when what is sent there, and who hears of it.

Must not know whose limits they are. Those a minute go by GCRA, the generic cell rate algorithm (ITU-T I.371, section
5.4.1), which keeps one time for each limit: when all that was taken will have been given back. A minute's worth may be
taken at once; what would move that time more than a minute ahead is refused. Those of a day or a month are sums, and
are given while anything is left, so that no more than one request ever goes beyond. The time is Redis' own, so that no
replica's clock matters.

One exchange is under way at a time. What comes meanwhile, and what is settled, goes in the next: nobody waits for
company, and however many ask there is one script to run. What this process settled is told before what it asks for.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from smartlite.auth.limit_exchange import PREFIX, Taking, grouped, read, written
from smartlite.auth.limit_scripts import EXCHANGE, RENEW
from smartlite.auth.settlements import Settlement
from smartlite.domain.ids import new_id
from smartlite.domain.limits import Answer, Ask, LeaseAsk
from smartlite.storage.redis import RedisStore, RedisUnavailable

_logger = logging.getLogger(__name__)

LEASE_S: Final = 120.0
"""A request whose replica died stops counting after so long; one that lives is renewed before."""

_MAX_AT_ONCE: Final = 128
"""Requests of one exchange: Redis does nothing else meanwhile, some 2 ms where each has limits of its own."""
_MAX_WAITING: Final = 10_000
_TELL_AGAIN_S: Final = 1.0
_CLOSE_S: Final = 1.0


class SharedLimiter:
    """Counts in Redis. One for each process; used in one event loop.

    Args:
        store: Runs the scripts.
        lease_s: See ``LEASE_S``.
        clock: Tells seconds that never go back.
    """

    def __init__(
        self, store: RedisStore, lease_s: float = LEASE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store = store
        self._lease_ms = round(lease_s * 1000)
        self._clock = clock
        self._sender = new_id("limiter")
        self._waiting: deque[Taking] = deque()
        self._settled = Settlement(1)
        """What is to be told next."""
        self._telling: Settlement | None = None
        """What was told, and may not have arrived."""
        self._worker: asyncio.Task[None] | None = None
        self._again: asyncio.TimerHandle | None = None

    async def take(self, asks: Sequence[Ask], leases: Sequence[LeaseAsk] = ()) -> Answer:
        """Take everything that is asked, or nothing. An exchange ends in time, so whoever waits for one does too.

        Args:
            asks: Each counter at most once.
            leases: Places among the requests that run at the same time.

        Raises:
            RedisUnavailable: 503, nobody has counted, or nobody knows whether it was counted.
        """
        if len(self._waiting) >= _MAX_WAITING:
            raise RedisUnavailable("Too many requests wait for Redis.")
        taking = Taking(asks, leases, asyncio.get_running_loop().create_future())
        self._waiting.append(taking)
        self._begin()
        try:
            return await taking.answer
        except asyncio.CancelledError:
            if not taking.answer.cancelled() and taking.answer.done() and taking.answer.exception() is None:
                self._give_back(taking, taking.answer.result())
            raise

    def settle(self, asks: Sequence[Ask], leases: Sequence[LeaseAsk] = ()) -> None:
        """Take more than was asked, or give some back where an amount is negative; and give back leases. Soon: it goes
        with the next exchange, again and again where Redis is away, and is given up after LEASE_S.

        Nothing is given back that time has given back already: no limit ever holds more than itself.
        """
        self._settled.add(asks, leases)
        self._begin()

    async def flush(self) -> None:
        """Wait until everything that was settled has been told, or could not be."""
        while self._worker is not None:
            await asyncio.wait((self._worker,))

    async def close(self) -> None:
        """Tell what is still to be told, within a second. The store is to be closed after that."""
        if self._has_to_tell:
            self._begin()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self.flush()
        except TimeoutError:
            _logger.warning("What requests took was not settled: Redis does not answer")
        if self._again is not None:
            self._again.cancel()
        if self._worker is not None:
            self._worker.cancel()

    async def renew(self, leases: Sequence[LeaseAsk]) -> None:
        """Keep leases for another while.

        Raises:
            RedisUnavailable: 503.
        """
        keys = [f"{PREFIX}:{lease.counter}" for lease in leases]
        await self._store.run(RENEW, keys, [self._lease_ms, *(lease.id for lease in leases)])

    def _begin(self) -> None:
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        try:
            is_told = True
            while self._waiting or (is_told and self._has_to_tell):
                is_told = await self._exchange()
        finally:
            # In the same step as the last look at what waits: nobody may count on a worker that looks no more.
            self._worker = None
            _fail(self._waiting, None)
            self._waiting.clear()
        if self._has_to_tell and self._again is None:
            self._again = asyncio.get_running_loop().call_later(_TELL_AGAIN_S, self._tell_again)

    @property
    def _has_to_tell(self) -> bool:
        return self._telling is not None or not self._settled.is_empty

    def _tell_again(self) -> None:
        self._again = None
        self._begin()

    async def _exchange(self) -> bool:
        """Whether Redis answered."""
        count = min(len(self._waiting), _MAX_AT_ONCE)
        takings = [taking for taking in (self._waiting.popleft() for _ in range(count)) if not taking.answer.done()]
        try:
            settlement = self._next_settlement()
            groups = grouped(takings)
            if groups or not settlement.is_empty:
                keys, said = written(self._sender, self._lease_ms, settlement, groups)
                answers = read(await self._store.run(EXCHANGE, keys, said), groups)
                self._telling = None
                for group, answer in zip(groups, answers, strict=True):
                    self._answer(group, answer)
        except RedisUnavailable as error:
            _fail(takings, error)
            return False
        except BaseException:
            _fail(takings, None)
            raise
        return True

    def _answer(self, group: Sequence[Taking], answer: Answer) -> None:
        if len(group) > 1 and not (answer.is_given or answer.unseeded):
            for taking in reversed(group):
                taking.is_alone = True
                self._waiting.appendleft(taking)
            return
        for taking in group:
            if not taking.answer.done():
                taking.answer.set_result(answer)
            else:
                self._give_back(taking, answer)

    def _give_back(self, taking: Taking, answer: Answer) -> None:
        """Whoever waited has gone."""
        if answer.is_given:
            self.settle([replace(ask, amount=-ask.amount) for ask in taking.asks], taking.leases)

    def _next_settlement(self) -> Settlement:
        now_s = self._clock()
        told = self._telling
        if told is not None and now_s - told.begun_s > self._lease_ms / 1000:
            _logger.warning("Redis was away for long: what requests took stays as it was reserved")
            told = None
        if told is None:
            told, self._settled = self._settled, Settlement(self._settled.number + 1)
            told.begun_s = now_s
            self._telling = None if told.is_empty else told
        return told


def _fail(takings: Iterable[Taking], error: RedisUnavailable | None) -> None:
    for taking in takings:
        if not taking.answer.done():
            own = RedisUnavailable("Redis does not answer.")
            own.__cause__ = error
            taking.answer.set_exception(own)
