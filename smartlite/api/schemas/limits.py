"""Wire format of limits. Must not know who counts."""

from typing import Literal, Self

from pydantic import BaseModel, Field

from smartlite.auth.allowances import Rule
from smartlite.domain.limits import LimitKind, Period, Standing


class LimitObject(BaseModel):
    """One limit and where it stands."""

    object: Literal["limit"] = "limit"
    subject: str = Field(description="Whose it is: the id of a key, a user or an organisation.")
    kind: LimitKind
    period: Period
    model: str | None = Field(description="Which alone it counts; null: all together.")
    limit: int = Field(description="Cost is in micro-units of the operator's currency.")
    remaining: int
    reset_s: float = Field(description="Seconds until all of it is there again.")

    @classmethod
    def of(cls, rule: Rule, standing: Standing) -> Self:
        """From the rule and where it stands."""
        return cls(
            subject=rule.subject_id,
            kind=rule.kind,
            period=rule.period,
            model=rule.model,
            limit=rule.limit,
            remaining=standing.remaining,
            reset_s=round(standing.reset_s, 3),
        )


class LimitList(BaseModel):
    """Every limit that somebody is under."""

    object: Literal["list"] = "list"
    data: list[LimitObject]
