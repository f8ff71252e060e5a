"""What Redis runs to count limits, in Lua: one exchange for many requests, and the renewal of places.

Must not know whose limits they are, nor how requests are put together: ``limit_exchange`` writes what these read.
"""

from typing import Final

from smartlite.storage.redis import Script

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
# KEYS: of who sends it; of each change; of each place given back; of each group: its asks', its places'.
# ARGV: a lease's ms, the settlement's number ('': none), changes, places given back, groups;
#   of each change: ms of its sum (0: a minute's), limit, less, more; of each place given back: id;
#   of each group: asks, leases, requests; of each ask: ms of its sum, limit, amount, amount without the last request's,
#   seed; of each lease: limit, and an id for each request.
# Told of each group: the number of the lease that was refused, whether a sum has lost count; of each lease: places that
# are taken; of each ask: remaining, us until all is back, us to wait (-1: until its sum begins anew).
# A settlement that was lost on its way back is sent again under its number, and done once. A sum that nobody counts is
# left by it to be seeded. Less goes before more: a limit is never fuller for both being told together.
EXCHANGE: Final = Script(
    _COMMON
    + """
local p, k = 0, 0
local function word()
  p = p + 1
  return ARGV[p]
end
local function number()
  return tonumber(word())
end
local function next_key()
  k = k + 1
  return KEYS[k]
end

local sender, lease_ms, settlement = next_key(), number(), word()
local changes, returned, groups = number(), number(), number()
local is_new = settlement ~= '' and redis.pcall('GET', sender) ~= settlement
for i = 1, changes do
  local key, sum_ms, limit, less, more = next_key(), number(), number(), number(), number()
  if is_new and sum_ms > 0 then
    local before = number_at(key)
    if before ~= nil then
      put_sum(key, math.max(before + less, 0) + more, sum_ms)
    end
  elseif is_new then
    local at = math.max(full_at(key) + less * period / limit, now)
    put(key, math.floor(at + more * period / limit))
  end
end
for i = 1, returned do
  redis.pcall('ZREM', next_key(), word())
end
if is_new then
  redis.call('SET', sender, settlement, 'PX', 600000)
end

local told = {}
for g = 1, groups do
  local asks, leases, requests = number(), number(), number()
  local given, refused, unseeded, found, places = true, 0, 0, {}, {}
  for i = 1, asks do
    local key, sum_ms, limit, amount, others = next_key(), number(), number(), number(), number()
    local seed = tonumber(word())
    local before, after, wait = 0, 0, 0
    if sum_ms > 0 then
      before = number_at(key) or seed
      if before == nil then
        before, unseeded, given = 0, 1, false
      end
      after = before + amount
      if amount > 0 and before + others >= limit then
        given, wait = false, -1
      end
    else
      before = full_at(key)
      after = math.floor(before + amount * period / limit)
      wait = after - now - period
      if amount > 0 and wait > 0 then
        given = false
      else
        wait = 0
      end
    end
    found[i] = {key, sum_ms, limit, before, after, wait}
  end
  for i = 1, leases do
    local key, limit = next_key(), number()
    if type(redis.pcall('ZREMRANGEBYSCORE', key, '-inf', now)) == 'table' then
      redis.call('DEL', key)
    end
    local taken = redis.call('ZCARD', key)
    if taken + requests > limit and refused == 0 then
      given, refused = false, i
    end
    places[i] = {key, p, taken}
    p = p + requests
  end
  if given then
    local until_at = string.format('%.0f', now + lease_ms * 1000)
    for i = 1, leases do
      local key, first = unpack(places[i])
      for j = 1, requests do
        redis.call('ZADD', key, until_at, ARGV[first + j])
      end
      redis.call('PEXPIRE', key, lease_ms)
    end
  end
  told[#told + 1] = refused
  told[#told + 1] = unseeded
  for i = 1, leases do
    told[#told + 1] = places[i][3] + (given and requests or 0)
  end
  for i = 1, asks do
    local key, sum_ms, limit, at, after, wait = unpack(found[i])
    if given then
      at = after
      if sum_ms > 0 then
        put_sum(key, at, sum_ms)
      else
        put(key, at)
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
end
return told
"""
)
RENEW: Final = Script(
    _COMMON
    + """
local lease_ms = tonumber(ARGV[1])
local at = string.format('%.0f', now + lease_ms * 1000)
for i = 1, #KEYS do
  -- Given back meanwhile, or lost with everything else: a lease that is not there any more is not made again.
  redis.pcall('ZADD', KEYS[i], 'XX', at, ARGV[1 + i])
  redis.pcall('PEXPIRE', KEYS[i], lease_ms)
end
return {}
"""
)
