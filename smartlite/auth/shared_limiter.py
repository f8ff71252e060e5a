"""Limits that every replica counts together: in Redis, one round trip for all of a request's limits.

Must not know whose limits they are. Those a minute go by GCRA, the generic cell rate algorithm (ITU-T I.371, section
5.4.1), which keeps one time for each limit: when all that was taken will have been given back. A minute's worth may be
taken at once; what would move that time more than a minute ahead is refused. Those of a day or a month are sums, and
are given while anything is left, so that no more than one request ever goes beyond. The time is Redis' own, so that no
replica's clock matters.
"""

from collections.abc import Sequence
from typing import Final

from smartlite.domain.limits import Answer, Ask, LeaseAsk, Period, Standing
from smartlite.storage.redis import RedisStore, Script

LEASE_S: Final = 120.0
"""A request whose replica died stops counting after so long; one that lives is renewed before."""

_PREFIX: Final = "smartlite:limit"
_US: Final = 1_000_000
_WINDOW_SLACK_S: Final = 60.0
"""A sum is kept so much longer than its day: clocks differ."""

# A key that holds something else (somebody's hand, a restored copy) is forgotten: it must not fail every request.
# What is stored is rounded down to whole microseconds, so that a limit's last unit is never refused for a rounding.
_COMMON: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local period = 60000000

local function number_at(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'table' then
    redis.call('DEL', key)
    value = nil
  end
  return tonumber(value or '')
end

local function full_at(key)
  return math.max(number_at(key) or 0, now)
end

local function put(key, at)
  if at > now then
    redis.call('SET', key, string.format('%.0f', at), 'PX', math.ceil((at - now) / 1000))
  else
    redis.call('DEL', key)
  end
end

local function put_sum(key, sum, ms)
  redis.call('SET', key, string.format('%.6f', math.max(sum, 0)), 'PX', ms)
end
"""
# ARGV: asks, leases, a lease's ms; of each ask: ms of its sum (0: a minute's), limit, amount, seed; of each lease: id,
# limit. Told: the number of the lease that was refused, whether a sum has lost count; of each ask: remaining, us until
# all is back, us to wait (-1: until its sum begins anew).
_TAKE: Final = Script(
    _COMMON
    + """
local asks, leases, lease_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local given, refused, unseeded, found = true, 0, 0, {}
for i = 1, asks do
  local at = 4 * i
  local sum_ms, limit, amount = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local before, after, wait = 0, 0, 0
  if sum_ms > 0 then
    before = number_at(KEYS[i]) or tonumber(ARGV[at + 3])
    if before == nil then
      before, unseeded, given = 0, 1, false
    end
    after = before + amount
    if amount > 0 and before >= limit then
      given, wait = false, -1
    end
  else
    before = full_at(KEYS[i])
    after = math.floor(before + amount * period / limit)
    wait = after - now - period
    if amount > 0 and wait > 0 then
      given = false
    else
      wait = 0
    end
  end
  found[i] = {sum_ms, limit, before, after, wait}
end
for i = 1, leases do
  local key = KEYS[asks + i]
  if type(redis.pcall('ZREMRANGEBYSCORE', key, '-inf', now)) == 'table' then
    redis.call('DEL', key)
  end
  if redis.call('ZCARD', key) >= tonumber(ARGV[3 + 4 * asks + 2 * i]) and refused == 0 then
    given, refused = false, i
  end
end
if given then
  for i = 1, leases do
    local key = KEYS[asks + i]
    redis.call('ZADD', key, string.format('%.0f', now + lease_ms * 1000), ARGV[2 + 4 * asks + 2 * i])
    redis.call('PEXPIRE', key, lease_ms)
  end
end
local told = {refused, unseeded}
for i = 1, asks do
  local sum_ms, limit, at, after, wait = unpack(found[i])
  if given then
    at = after
    if sum_ms > 0 then
      put_sum(KEYS[i], at, sum_ms)
    else
      put(KEYS[i], at)
    end
  end
  if sum_ms > 0 then
    told[#told + 1] = math.max(0, math.floor(limit - at))
    told[#told + 1] = -1
  else
    told[#told + 1] = math.max(0, math.floor((period - (at - now)) * limit / period))
    told[#told + 1] = at - now
  end
  told[#told + 1] = wait
end
return told
"""
)
# As above, but that a sum that nobody counts is left to be seeded, and leases are given back by id alone.
_SETTLE: Final = Script(
    _COMMON
    + """
local asks, leases = tonumber(ARGV[1]), tonumber(ARGV[2])
for i = 1, asks do
  local at = 4 * i
  local sum_ms, limit, more = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if sum_ms > 0 then
    local before = number_at(KEYS[i])
    if before ~= nil then
      put_sum(KEYS[i], before + more, sum_ms)
    end
  else
    put(KEYS[i], math.floor(full_at(KEYS[i]) + more * period / limit))
  end
end
for i = 1, leases do
  redis.pcall('ZREM', KEYS[asks + i], ARGV[2 + 4 * asks + 2 * i])
end
return {}
"""
)
_RENEW: Final = Script(
    _COMMON
    + """
local lease_ms = tonumber(ARGV[3])
local at = string.format('%.0f', now + lease_ms * 1000)
for i = 1, tonumber(ARGV[2]) do
  -- Given back meanwhile, or lost with everything else: a lease that is not there any more is not made again.
  redis.pcall('ZADD', KEYS[i], 'XX', at, ARGV[2 + 2 * i])
  redis.pcall('PEXPIRE', KEYS[i], lease_ms)
end
return {}
"""
)


class SharedLimiter:
    """Counts in Redis.

    Args:
        store: Runs the scripts.
        lease_s: See ``LEASE_S``.
    """

    def __init__(self, store: RedisStore, lease_s: float = LEASE_S) -> None:
        self._store = store
        self._lease_ms = round(lease_s * 1000)

    async def take(self, asks: Sequence[Ask], leases: Sequence[LeaseAsk] = ()) -> Answer:
        """Take everything that is asked, or nothing.

        Args:
            asks: Each counter at most once.
            leases: Places among the requests that run at the same time.

        Raises:
            RedisUnavailable: 503, nobody has counted.
        """
        keys, arguments = self._said(asks, leases)
        refused, unseeded, *told = await self._store.run(_TAKE, keys, arguments)
        standings = tuple(
            Standing(
                ask,
                remaining,
                ask.ends_in_s if reset_us < 0 else reset_us / _US,
                ask.ends_in_s if wait_us < 0 else wait_us / _US,
            )
            for ask, remaining, reset_us, wait_us in zip(asks, told[::3], told[1::3], told[2::3], strict=True)
        )
        return Answer(standings, leases[refused - 1] if refused else None, bool(unseeded))

    async def settle(self, asks: Sequence[Ask], leases: Sequence[LeaseAsk] = ()) -> None:
        """Take more than was asked, or give some back where an amount is negative; and give back leases.

        Nothing is given back that time has given back already: no limit ever holds more than itself.

        Raises:
            RedisUnavailable: 503, nobody has counted.
        """
        await self._store.run(_SETTLE, *self._said(asks, leases))

    async def renew(self, leases: Sequence[LeaseAsk]) -> None:
        """Keep leases for another while.

        Raises:
            RedisUnavailable: 503.
        """
        await self._store.run(_RENEW, *self._said((), leases))

    def _said(self, asks: Sequence[Ask], leases: Sequence[LeaseAsk]) -> tuple[list[str], list[str | int | float]]:
        arguments: list[str | int | float] = [len(asks), len(leases), self._lease_ms]
        for ask in asks:
            sum_ms = 0 if ask.period is Period.MINUTE else round(1000 * (ask.ends_in_s + _WINDOW_SLACK_S))
            arguments += [sum_ms, ask.limit, ask.amount, "" if ask.seed is None else ask.seed]
        for lease in leases:
            arguments += [lease.id, lease.limit]
        counters = [*(ask.counter for ask in asks), *(lease.counter for lease in leases)]
        return [f"{_PREFIX}:{counter}" for counter in counters], arguments
