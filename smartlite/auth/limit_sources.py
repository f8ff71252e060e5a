"""What limits ask of others: which were set, and what was used of them. Must not know who answers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from smartlite.auth.allowances import Rule, first_day
from smartlite.domain.limits import Ask, Period, Quota
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


async def seeded(spent: Spent, rules: Sequence[Rule], asks: Sequence[Ask], now: datetime) -> tuple[Ask, ...]:
    """The same asks, those of a day or a month with what was used of their limit."""
    today = now.astimezone(UTC).date()
    return tuple(
        [
            ask if ask.period is Period.MINUTE else replace(ask, seed=await spent(rule, first_day(rule.period, today)))
            for rule, ask in zip(rules, asks, strict=True)
        ]
    )
