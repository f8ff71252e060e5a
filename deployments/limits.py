"""Limits on an ingress replica: counted in Redis, whose address `smartlite serve` or the operator tells.

Must not know routes, nor whose limits they are.
"""

from deployments.metering import ReplicaMetering
from smartlite.auth.allowances import Allowances
from smartlite.auth.light_blocks import LightBlocks
from smartlite.auth.purses import Purses
from smartlite.auth.quota_book import QuotaBook
from smartlite.auth.rate_limit import Limits
from smartlite.auth.shared_limiter import SharedLimiter
from smartlite.config import Settings
from smartlite.storage.redis import RedisStore


def open_limits(settings: Settings, metering: ReplicaMetering, quotas: QuotaBook) -> Limits:
    """What the operator set; without an address of Redis every replica counts by itself. Nothing is connected yet."""
    url = settings.redis_url.get_secret_value()
    shared = SharedLimiter(RedisStore(url)) if url else None
    return Limits(
        Allowances.of(settings),
        shared,
        without_redis=settings.limits_without_redis,
        price_of=metering.prices.cost_micros,
        spent=metering.spent,
        quotas=quotas.of,
        blocks=LightBlocks(quotas.changes),
        purses=Purses(quotas.changes),
    )
