"""What is limited, in which period, and where somebody stands. Must not know who counts, nor how.

Standard library only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

PERIOD_S: Final = 60.0
"""Of a limit a minute: all of it at once if need be, and given back evenly."""


class LimitKind(StrEnum):
    """What is counted, as the headers call it."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    """Of prompts and answers."""
    AUDIO_SECONDS = "audio-seconds"
    """Of recordings that are transcribed."""
    CHARACTERS = "characters"
    """Spoken."""
    COST = "cost"
    """In micro-units of the operator's currency."""
    CONCURRENT = "concurrent-requests"
    """That run at the same time; of no period."""


class Period(StrEnum):
    """Of a limit."""

    MINUTE = "minute"
    """Any: what was taken comes back evenly."""
    DAY = "day"
    """Of the calendar, in UTC."""
    MONTH = "month"


SubjectKind = Literal["key", "user", "organization"]
WithoutRedis = Literal["local", "closed"]
"""While nobody can count for all replicas: each counts a share by itself, or nothing that is limited so is given."""


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit of one subject, which an administrator set."""

    id: str
    subject_kind: SubjectKind
    subject_id: str
    kind: LimitKind
    limit: int
    """At least 1; cost in micro-units."""
    period: Period = Period.MINUTE
    model: str | None = None
    """A served model's own id, which alone it counts; None: all of them together."""
    without_redis: WithoutRedis = "local"


@dataclass(frozen=True, slots=True)
class Ask:
    """So much is wanted of one limit."""

    counter: str
    """The limit's own name, such as ``key_1:tokens``."""
    kind: LimitKind
    limit: int
    """At least 1."""
    amount: float
    """Of a limit a minute at most ``limit``, else it could never be given."""
    period: Period = Period.MINUTE
    ends_in_s: float = PERIOD_S
    """Until its day or month ends."""
    seed: float | None = None
    """What was used of it since its day or month began, for whoever has lost count; None: not known."""


@dataclass(frozen=True, slots=True)
class LeaseAsk:
    """One more of the requests that run at the same time."""

    counter: str
    id: str
    limit: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one limit stands after it was asked."""

    ask: Ask
    remaining: int
    """What could be taken now, in whole units."""
    reset_s: float
    """Until all of it is there again."""
    retry_after_s: float
    """Until what was asked is there; 0 where it was."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that was asked was given, or nothing of it."""

    standings: Sequence[Standing]
    """In the order of what was asked."""
    refused_lease: LeaseAsk | None = None
    """The first that was not given."""
    unseeded: bool = False
    """Nothing was given: a counter of a day or a month has lost count, and its ask has no seed."""

    has_places: bool = False
    """Whether it is known that half of the places of every limit that was asked for one are free."""

    @property
    def is_roomy(self) -> bool:
        """Whether half of every limit is still there."""
        return all(2 * standing.remaining >= standing.ask.limit for standing in self.standings)

    @property
    def is_given(self) -> bool:
        """Whether everything was."""
        if self.refused_lease is not None or self.unseeded:
            return False
        for standing in self.standings:  # noqa: SIM110 - every request asks several times, and any() costs twice as much
            if standing.retry_after_s:
                return False
        return True
