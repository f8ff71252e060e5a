"""Limits that every replica counts together: GCRA in Redis, one round trip for all of a request's limits.

Must not know whose limits they are. GCRA, the generic cell rate algorithm (ITU-T I.371, section 5.4.1), keeps one time
for each limit: when all that was taken will have been given back. A minute's worth may be taken at once; what would
move that time more than a minute ahead is refused. The time is Redis' own, so that no replica's clock matters.
"""

from collections.abc import Sequence
from typing import Final

from smartlite.domain.limits import Answer, Ask, LeaseAsk, Standing
from smartlite.storage.redis import RedisStore, Script

LEASE_S: Final = 120.0
"""A request whose replica died stops counting after so long; one that lives is renewed before."""

_PREFIX: Final = "smartlite:limit"
_US: Final = 1_000_000

# A key that holds something else (somebody's hand, a restored copy) is forgotten: it must not fail every request.
# What is stored is rounded down to whole microseconds, so that a limit's last unit is never refused for a rounding.
_COMMON: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local period = 60000000
local count = tonumber(ARGV[1])
local lease = ARGV[2]

local function full_at(key)
  local value = redis.pcall('GET', key)
  if type(value) == 'table' then
    redis.call('DEL', key)
    value = nil
  end
  return math.max(tonumber(value or 0) or 0, now)
end

local function put(key, at)
  if at > now then
    redis.call('SET', key, string.format('%.0f', at), 'PX', math.ceil((at - now) / 1000))
  else
    redis.call('DEL', key)
  end
end
"""
_TAKE: Final = Script(
    _COMMON
    + """
local lease_limit, lease_ms = tonumber(ARGV[3]), tonumber(ARGV[4])
local given, lease_given, after, answer = true, 1, {}, {}
for i = 1, count do
  local limit, amount = tonumber(ARGV[3 + 2 * i]), tonumber(ARGV[4 + 2 * i])
  local before = full_at(KEYS[i])
  after[i] = math.floor(before + amount * period / limit)
  local wait = after[i] - now - period
  if amount > 0 and wait > 0 then
    given = false
  else
    wait = 0
  end
  answer[i] = {before, limit, wait}
end
if lease_limit > 0 then
  local key = KEYS[count + 1]
  if type(redis.pcall('ZREMRANGEBYSCORE', key, '-inf', now)) == 'table' then
    redis.call('DEL', key)
  end
  if redis.call('ZCARD', key) >= lease_limit then
    given, lease_given = false, 0
  end
end
if given and lease_limit > 0 then
  redis.call('ZADD', KEYS[count + 1], string.format('%.0f', now + lease_ms * 1000), lease)
  redis.call('PEXPIRE', KEYS[count + 1], lease_ms)
end
local told = {lease_given}
for i = 1, count do
  local at, limit, wait = answer[i][1], answer[i][2], answer[i][3]
  if given then
    at = after[i]
    put(KEYS[i], at)
  end
  told[#told + 1] = math.max(0, math.floor((period - (at - now)) * limit / period))
  told[#told + 1] = at - now
  told[#told + 1] = wait
end
return told
"""
)
_SETTLE: Final = Script(
    _COMMON
    + """
for i = 1, count do
  local limit, more = tonumber(ARGV[2 + 2 * i - 1]), tonumber(ARGV[2 + 2 * i])
  put(KEYS[i], math.floor(full_at(KEYS[i]) + more * period / limit))
end
if lease ~= '' then
  redis.pcall('ZREM', KEYS[count + 1], lease)
end
return {}
"""
)
_RENEW: Final = Script(
    _COMMON
    + """
local lease_ms = tonumber(ARGV[3])
local at = string.format('%.0f', now + lease_ms * 1000)
-- Given back meanwhile, or lost with everything else: a lease that is not there any more is not made again.
redis.pcall('ZADD', KEYS[1], 'XX', at, lease)
redis.pcall('PEXPIRE', KEYS[1], lease_ms)
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

    async def take(self, subject: str, asks: Sequence[Ask], lease: LeaseAsk | None) -> Answer:
        """Take everything that is asked, or nothing.

        Args:
            subject: Whose limits; every key of one subject is on the same node of a cluster.
            asks: Each kind at most once.
            lease: One more request at the same time; None where these are not limited.

        Raises:
            RedisUnavailable: 503, nobody has counted.
        """
        arguments: list[str | int | float] = [len(asks)]
        arguments += [lease.id, lease.limit] if lease else ["", 0]
        arguments.append(self._lease_ms)
        for ask in asks:
            arguments += [ask.limit, ask.amount]
        lease_given, *told = await self._store.run(_TAKE, _keys(subject, asks, lease is not None), arguments)
        standings = {
            ask.kind: Standing(ask.limit, remaining, reset_us / _US, wait_us / _US)
            for ask, remaining, reset_us, wait_us in zip(asks, told[::3], told[1::3], told[2::3], strict=True)
        }
        return Answer(standings, bool(lease_given))

    async def settle(self, subject: str, asks: Sequence[Ask], lease_id: str | None) -> None:
        """Take more than was asked, or give some back where an amount is negative; and give back the lease.

        Nothing is given back that time has given back already: no limit ever holds more than itself.

        Raises:
            RedisUnavailable: 503, nobody has counted.
        """
        arguments: list[str | int | float] = [len(asks), lease_id or ""]
        for ask in asks:
            arguments += [ask.limit, ask.amount]
        await self._store.run(_SETTLE, _keys(subject, asks, lease_id is not None), arguments)

    async def renew(self, subject: str, lease_id: str) -> None:
        """Keep a lease for another while.

        Raises:
            RedisUnavailable: 503.
        """
        await self._store.run(_RENEW, _keys(subject, (), True), [0, lease_id, self._lease_ms])


def _keys(subject: str, asks: Sequence[Ask], has_lease: bool) -> list[str]:
    names = [*(ask.kind for ask in asks), *(["running"] if has_lease else [])]
    return [f"{_PREFIX}:{{{subject}}}:{name}" for name in names]
