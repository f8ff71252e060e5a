"""Batches: many requests in a file, answered within a day into another. Must not know how they are kept or answered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

COMPLETION_WINDOW: Final = "24h"
WINDOW: Final = timedelta(hours=24)
MAX_FAULTS: Final = 1000
"""So many faults of an input file are told."""


class BatchEndpoint(StrEnum):
    """What the lines of a batch may ask; those of audio are ours, OpenAI has none."""

    CHAT = "/v1/chat/completions"
    EMBEDDINGS = "/v1/embeddings"
    RESPONSES = "/v1/responses"
    TRANSCRIPTIONS = "/v1/audio/transcriptions"
    TRANSLATIONS = "/v1/audio/translations"
    SPEECH = "/v1/audio/speech"


RECOGNITION: Final = frozenset({BatchEndpoint.TRANSCRIPTIONS, BatchEndpoint.TRANSLATIONS})
"""Whose requests are forms with a recording."""


class BatchState(StrEnum):
    """Of a batch, in OpenAI's words."""

    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    FAILED = "failed"
    """Its input was wrong, or its user may do nothing any more."""
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


OPEN: Final = frozenset({BatchState.VALIDATING, BatchState.IN_PROGRESS, BatchState.FINALIZING, BatchState.CANCELLING})
"""States in which there is something to do."""


@dataclass(frozen=True, slots=True)
class BatchFault:
    """Something that is wrong with a batch as a whole, or with a line of its input."""

    code: str
    message: str
    line: int | None = None
    """From 1 on."""
    param: str | None = None


@dataclass(frozen=True, slots=True)
class BatchUsage:
    """Tokens, as the answers told them."""

    input_tokens: int = 0
    cached_tokens: int = 0
    """Of the input."""
    output_tokens: int = 0
    reasoning_tokens: int = 0
    """Of the output."""

    def plus(self, other: "BatchUsage") -> "BatchUsage":
        """Both together."""
        return BatchUsage(
            self.input_tokens + other.input_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


NO_USAGE: Final = BatchUsage()


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the input file, between two lines."""

    line: int = 0
    """So many lines are before it."""
    offset: int = 0
    """And so many bytes."""


START: Final = Place()


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch."""

    id: str
    """``batch_...``"""
    user_id: str
    """Empty where nobody has to say who they are."""
    organization_id: str | None
    key_id: str | None
    """The API key that it was made with, whose limits count."""
    scopes: frozenset[str]
    """What the credential granted then."""
    endpoint: BatchEndpoint
    input_file_id: str
    labels: Mapping[str, str] | None
    """OpenAI's ``metadata``."""
    output_expires_after_s: int | None
    state: BatchState
    created_at: datetime
    expires_at: datetime
    """What is not answered by then is not answered any more."""
    in_progress_at: datetime | None = None
    cancelling_at: datetime | None = None
    finalizing_at: datetime | None = None
    ended_at: datetime | None = None
    total: int = 0
    completed: int = 0
    failed: int = 0
    """Answered with an error, or not at all."""
    usage: BatchUsage = NO_USAGE
    model: str | None = None
    """Where all lines name the same."""
    faults: tuple[BatchFault, ...] = ()
    output_file_id: str | None = None
    error_file_id: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Answers that were stored together."""

    number: int
    """From 1 on."""
    key: str
    """Of the object, in the tenant's part of the store."""
    lines: tuple[int, ...]
    """Which lines of the input, from 1 on."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What a block adds to its batch."""

    completed: int
    failed: int
    usage: BatchUsage
    place: Place
    """Every line before it is answered by now."""


@dataclass(frozen=True, slots=True)
class BatchQuery:
    """Which batches are wanted."""

    user_id: str | None = None
    organization_id: str | None = None
    states: frozenset[BatchState] = field(default_factory=frozenset)
