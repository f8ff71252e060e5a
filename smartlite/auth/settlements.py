"""What requests really took, added up until it can be told to Redis. Must not know how it is told."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from smartlite.domain.limits import Ask, LeaseAsk

_logger = logging.getLogger(__name__)

MAX_TOLD: Final = 10_000
"""Limits, and places, of one settlement; some 3 MB."""


@dataclass(slots=True)
class Change:
    """Of one limit."""

    ask: Ask
    """The last one: its amount does not count."""
    less: float = 0.0
    """At most 0. Apart from ``more``: what time has given back already must not pay for what was taken since."""
    more: float = 0.0


@dataclass(slots=True)
class Settlement:
    """What goes in one exchange; the same again, under the same number, until it is known to have arrived."""

    number: int
    begun_s: float = 0.0
    """When it was first sent, on the clock of whoever sends it."""
    changes: dict[str, Change] = field(default_factory=dict)
    """By counter."""
    leases: dict[str, LeaseAsk] = field(default_factory=dict)
    """Places given back, by id."""

    def add(self, asks: Sequence[Ask], leases: Sequence[LeaseAsk]) -> None:
        """Take more than was asked, or give some back where an amount is negative; and give back places."""
        for ask in asks:
            change = self.changes.get(ask.counter)
            if change is None:
                if len(self.changes) >= MAX_TOLD or not math.isfinite(ask.amount):
                    _logger.warning("A limit was not settled: it stays as it was reserved")
                    continue
                change = self.changes[ask.counter] = Change(ask)
            change.ask = ask
            if ask.amount < 0:
                change.less += ask.amount
            elif math.isfinite(ask.amount):
                change.more += ask.amount
        for lease in leases:
            if len(self.leases) < MAX_TOLD:
                self.leases[lease.id] = lease

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to tell."""
        return not (self.changes or self.leases)
