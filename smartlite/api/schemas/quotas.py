"""Wire format of limits that administrators set. Must not know who counts."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from smartlite.auth.quota_book import MAX_LIMIT
from smartlite.domain.limits import LimitKind, Period, Quota


class NewQuota(BaseModel):
    """A limit of one subject."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"required": ["subject", "kind", "limit"]})

    subject: Annotated[str, Field(max_length=64, description="The id of a key, a user or an organisation.")]
    kind: Literal["requests", "tokens", "audio-seconds", "characters", "cost", "concurrent-requests"]
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="Cost in micro-units of the operator's currency.")]
    period: Literal["minute", "day", "month"] = "minute"
    model: Annotated[str | None, Field(max_length=200, description="Which alone it counts.")] = None
    without_redis: Annotated[
        Literal["local", "closed"],
        Field(description="While nobody can count for all replicas: each counts a share, or nothing is given."),
    ] = "local"


class QuotaObject(BaseModel):
    """A limit of one subject."""

    id: str
    object: Literal["quota"] = "quota"
    subject: str
    kind: LimitKind
    limit: int
    period: Period
    model: str | None
    without_redis: Literal["local", "closed"]

    @classmethod
    def of(cls, quota: Quota) -> Self:
        """From the row."""
        return cls(
            id=quota.id,
            subject=quota.subject_id,
            kind=quota.kind,
            limit=quota.limit,
            period=quota.period,
            model=quota.model,
            without_redis=quota.without_redis,
        )


class QuotaList(BaseModel):
    """A part of the limits that were set."""

    object: Literal["list"] = "list"
    data: list[QuotaObject]
    has_more: bool
    next: str | None
