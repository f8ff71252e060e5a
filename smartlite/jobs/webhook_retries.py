"""When a delivery is sent again, and when its endpoint is given up. Must not know how anything is sent or kept."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

DELAYS_S: Final = (10.0, 60.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 86400.0, 86400.0)
"""After the first attempt, the second, ...: 65 hours and 10 attempts in all."""
MOST_ATTEMPTS: Final = len(DELAYS_S) + 1
GIVEN_UP_AFTER: Final = timedelta(days=2)
"""An endpoint is switched off when a delivery has failed for the last time, and none succeeded for so long."""
LONGEST_WISH_S: Final = 86400.0
"""Of ``Retry-After``."""
_JITTER: Final = 0.2


def next_attempt(attempts: int, headers: Mapping[str, str], now: datetime) -> datetime | None:
    """When a delivery is sent again, of which so many attempts failed; None where it is not.

    Args:
        attempts: At least 1.
        headers: Of the answer, by name in lower case: a longer ``Retry-After`` than ours is kept to, up to a day.
        now: The time.
    """
    if attempts >= MOST_ATTEMPTS:
        return None
    delay_s = DELAYS_S[attempts - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - nobody gains by guessing
    return now + timedelta(seconds=max(delay_s, min(_wished_s(headers.get("retry-after", ""), now), LONGEST_WISH_S)))


def _wished_s(retry_after: str, now: datetime) -> float:
    """What ``Retry-After`` says (RFC 9110, section 10.2.3); 0 where it says nothing that we understand."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - now).total_seconds())
