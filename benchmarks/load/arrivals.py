"""When the requests of an open loop are due. Must not know what they ask.

The times are fixed before the first request is sent, so a slow answer never delays a later request.
"""

import random
from typing import Literal, get_args

from smartlite.errors import InvalidRequest

Arrivals = Literal["even", "poisson"]
MAX_REQUESTS = 1_000_000
"""Of one step; their times and outcomes are held in memory."""


def due_times_s(rate_per_s: float, duration_s: float, arrivals: Arrivals = "even", seed: int = 0) -> list[float]:
    """Seconds from the start at which each request is due, in order.

    Args:
        rate_per_s: Requests a second.
        duration_s: How long requests are sent.
        arrivals: ``even`` keeps one distance; ``poisson`` draws each distance, as many independent callers would.
        seed: Of the draw; the same seed gives the same times.

    Raises:
        InvalidRequest: The rate or the duration is not above 0, or they make too many requests.
    """
    if arrivals not in get_args(Arrivals):
        raise InvalidRequest(f"arrivals: '{arrivals}' is none of {', '.join(get_args(Arrivals))}.", "arrivals")
    if not rate_per_s > 0 or not duration_s > 0:
        raise InvalidRequest(f"rate and duration must be above 0, not {rate_per_s:g} and {duration_s:g}.", "rate")
    if rate_per_s * duration_s > MAX_REQUESTS:
        raise InvalidRequest(
            f"{rate_per_s:g} requests a second for {duration_s:g} s are more than {MAX_REQUESTS:,}.", "rate"
        )
    if arrivals == "even":
        return [number / rate_per_s for number in range(round(rate_per_s * duration_s))]
    chance = random.Random(seed)
    times: list[float] = []
    now_s = chance.expovariate(rate_per_s)
    while now_s < duration_s:
        times.append(now_s)
        now_s += chance.expovariate(rate_per_s)
    return times
