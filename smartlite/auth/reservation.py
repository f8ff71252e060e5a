"""What one request has taken of its limits. Must not know who counts, nor when."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from smartlite.auth.allowances import PriceOf, Rule, ask_of
from smartlite.domain.limits import Answer, Ask, LeaseAsk, LimitKind
from smartlite.domain.usage import ModelUsage

_TAKEN_WHOLE: Final = frozenset({LimitKind.REQUESTS, LimitKind.CONCURRENT})
"""Whatever a request uses."""


@dataclass(slots=True)
class Reservation:
    """What was taken before the work; or, where it was not given, where the limits stand.

    Nobody changes it; that is not enforced, since to make a frozen one takes three times as long.
    """

    answer: Answer
    asks: tuple[Ask, ...] = ()
    rules: tuple[Rule, ...] = ()
    """Of the asks, in their order."""
    leases: tuple[LeaseAsk, ...] = ()
    is_local: bool = False
    """Whether this replica counted by itself."""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    """What tells of it, once somebody has written that down: many requests may share it."""


def changes_of(
    rules: Sequence[Rule],
    given: Sequence[Reservation],
    used: Sequence[ModelUsage],
    price_of: PriceOf,
    now: datetime,
    *,
    is_over: bool,
) -> list[Ask]:
    """What is to be taken beyond what was reserved, or given back.

    Args:
        rules: Every limit that the request is under.
        given: What it took.
        used: What is absent stays as it was reserved; what was not reserved is taken.
        price_of: Tells costs.
        now: In UTC.
        is_over: Whether what is absent was not used at all.
    """
    reserved = {
        (rule.name, rule.period): ask for each in given for rule, ask in zip(each.rules, each.asks, strict=True)
    }
    changes: list[Ask] = []
    for rule in rules:
        if rule.kind in _TAKEN_WHOLE:
            continue
        amount = rule.amount(used, price_of)
        if not amount and not is_over:
            continue
        ask = reserved.get((rule.name, rule.period))
        if more := amount - (ask.amount if ask else 0.0):
            changes.append(replace(ask, amount=more, seed=None) if ask else ask_of(rule, more, now))
    return changes
