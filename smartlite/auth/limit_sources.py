"""What limits ask of others: which were set, and what was used of them. Must not know who answers."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date

from smartlite.auth.allowances import Rule
from smartlite.domain.limits import Quota
from smartlite.domain.principal import Principal

Spent = Callable[[Rule, date], Awaitable[float]]
"""What was used of a limit since a day, as the database has it."""

QuotasOf = Callable[[Principal], Awaitable[Sequence[Quota]]]
"""Which limits were set for somebody; the same object as long as they are the same."""


async def no_quotas(_principal: Principal) -> tuple[Quota, ...]:
    """Where none can be set."""
    return ()


async def nothing_spent(_rule: Rule, _first: date) -> float:
    """Where nothing is recorded."""
    return 0.0
