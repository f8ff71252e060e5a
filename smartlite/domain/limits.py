"""What is limited a minute, and where somebody stands. Must not know who counts, nor how.

Standard library only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PERIOD_S: Final = 60.0
"""Every limit is so much in so many seconds: all of it at once if need be, and given back evenly."""


class LimitKind(StrEnum):
    """What is counted, as the headers call it."""

    REQUESTS = "requests"
    TOKENS = "tokens"
    AUDIO_SECONDS = "audio-seconds"
    CHARACTERS = "characters"


Amounts = Mapping[LimitKind, float]
"""So much of each; what is absent is nothing."""


@dataclass(frozen=True, slots=True)
class Ask:
    """So much is wanted of one limit."""

    kind: LimitKind
    limit: int
    """In a minute; at least 1."""
    amount: float
    """At most ``limit``, else it could never be given."""


@dataclass(frozen=True, slots=True)
class LeaseAsk:
    """One more of the requests that run at the same time."""

    id: str
    limit: int


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one limit stands after it was asked."""

    limit: int
    remaining: int
    """What could be taken now, in whole units."""
    reset_s: float
    """Until all of it is there again."""
    retry_after_s: float
    """Until what was asked is there; 0 where it was."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything that was asked was given, or nothing of it."""

    standings: Mapping[LimitKind, Standing]
    is_lease_given: bool = True
    """True where none was asked."""

    @property
    def is_given(self) -> bool:
        """Whether everything was."""
        return self.is_lease_given and not any(standing.retry_after_s for standing in self.standings.values())
