"""What is kept of requests: each of them in the history, and what they used in sums. Must not know how it is kept.

Standard library only. Money is an integer of micro-units of the currency that the operator's prices are in.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class MeteredUsage:
    """What one request used of one model, in whole units."""

    model: str
    """A served model's own id; empty where the request had no model work."""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    audio_input_ms: int = 0
    audio_output_ms: int = 0
    characters: int = 0
    cost_micros: int = 0
    """At the prices of that moment."""


def summed(usage: Iterable[MeteredUsage]) -> tuple[MeteredUsage, ...]:
    """One for each model, in the order in which they were used first."""
    found: dict[str, MeteredUsage] = {}
    for used in usage:
        before = found.get(used.model, MeteredUsage(used.model))
        found[used.model] = MeteredUsage(
            used.model,
            before.prompt_tokens + used.prompt_tokens,
            before.completion_tokens + used.completion_tokens,
            before.audio_input_ms + used.audio_input_ms,
            before.audio_output_ms + used.audio_output_ms,
            before.characters + used.characters,
            before.cost_micros + used.cost_micros,
        )
    return tuple(found.values())


@dataclass(slots=True)
class RequestRecord:
    """One request that was answered, or whose client left.

    Nobody changes it; that is not enforced, since one is made twice for every request, and a frozen one takes three
    times as long to make (1.9 us for 0.5).
    """

    id: str
    at: datetime
    """When it arrived."""
    request_id: str
    """What the client saw in ``x-request-id``, and may have chosen."""
    user_id: str | None
    key_id: str | None
    organization_id: str | None
    method: str
    route: str | None
    """The template, such as ``/v1/models/{model}``; None where no route was found."""
    status: int | None
    """None: there was no answer."""
    error_code: str | None
    duration_ms: int
    stages_ms: Mapping[str, int] = field(default_factory=dict)
    """By stage, such as ``asr``."""
    request_bytes: int = 0
    response_bytes: int = 0
    client_gone: bool = False
    usage: tuple[MeteredUsage, ...] = ()
    """One for each model."""
    content: bytes | None = field(default=None, repr=False)
    """What was asked and answered, as it is to be stored; None where it is not kept, and when it is read back."""


@dataclass(frozen=True, slots=True)
class UsageSum:
    """What was used in one group of a report."""

    group: Mapping[str, str]
    """By what it was grouped, such as ``{"day": "2026-11-26", "model": "whisper-base"}``."""
    requests: int
    """Uses of a model: a request that used three counts three times."""
    failed_requests: int
    prompt_tokens: int
    completion_tokens: int
    audio_input_ms: int
    audio_output_ms: int
    characters: int
    cost_micros: int


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """Which usage a report is of."""

    first: date
    last: date
    """This day included; days are in UTC."""
    group_by: tuple[str, ...] = ()
    """Of ``GROUPS``."""
    user_id: str | None = None
    key_id: str | None = None
    organization_id: str | None = None
    model: str | None = None


GROUPS = ("day", "model", "user", "key", "organization")
"""What a report may be grouped by."""


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which requests of the history are wanted."""

    user_id: str | None = None
    key_id: str | None = None
    organization_id: str | None = None
    model: str | None = None
    route: str | None = None
    status: int | None = None
    failed: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is acknowledged and not yet in the database, on one machine."""

    segments: int
    size_bytes: int
    lag_s: float
    """Age of the oldest such record; 0 where there is none."""
    set_aside_bytes: int = 0
    """Of records that the database will never take, in files beside the journal; somebody should look at them."""
