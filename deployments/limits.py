"""Limits on an ingress replica: counted in Redis, whose address `smartlite serve` or the operator tells.

Must not know routes, nor whose limits they are.
"""

from smartlite.auth.rate_limit import Allowances, Limits
from smartlite.auth.shared_limiter import SharedLimiter
from smartlite.config import Settings
from smartlite.storage.redis import RedisStore


def open_limits(settings: Settings) -> Limits:
    """What the operator set; without an address of Redis every replica counts by itself. Nothing is connected yet."""
    url = settings.redis_url.get_secret_value()
    shared = SharedLimiter(RedisStore(url)) if url else None
    return Limits(Allowances.of(settings), shared, without_redis=settings.limits_without_redis)
