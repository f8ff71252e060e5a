"""What one request has taken of its limits. Must not know who counts."""

from dataclasses import dataclass, field

from smartlite.auth.allowances import Rule
from smartlite.domain.limits import Answer, Ask, LeaseAsk


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was taken before the work; or, where it was not given, where the limits stand."""

    answer: Answer
    asks: tuple[Ask, ...] = ()
    rules: tuple[Rule, ...] = ()
    """Of the asks, in their order."""
    leases: tuple[LeaseAsk, ...] = ()
    is_local: bool = False
    """Whether this replica counted by itself."""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    """What tells of it, once somebody has written that down: many requests may share it."""
