"""Which limits somebody is under: those of the settings, and those that an administrator set for them.

Must not know who counts. A limit of a key's own takes the place of the setting's of the same kind; everything else is
under all of its limits at once.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from smartlite.config import Settings
from smartlite.domain.limits import PERIOD_S, Ask, LimitKind, Period, Quota, WithoutRedis
from smartlite.domain.principal import Principal
from smartlite.domain.usage import ModelUsage

PriceOf = Callable[[ModelUsage], int]
"""What a use costs, in micro-units."""


@dataclass(frozen=True, slots=True)
class Allowances:
    """What one key may take in a minute by the settings; 0: as much as it wants."""

    requests: int = 0
    tokens: int = 0
    audio_seconds: int = 0
    characters: int = 0
    concurrent: int = 0
    """Requests that run at the same time."""
    unknown: int = 0
    """Credentials of one client address that are refused, a minute."""

    @classmethod
    def of(cls, settings: Settings) -> "Allowances":
        """As the operator set them."""
        return cls(
            settings.rate_limit_requests_per_minute,
            settings.rate_limit_tokens_per_minute,
            settings.rate_limit_audio_seconds_per_minute,
            settings.rate_limit_characters_per_minute,
            settings.rate_limit_concurrent,
            settings.rate_limit_unknown_per_minute,
        )

    def by_kind(self) -> dict[LimitKind, int]:
        """Those of a key."""
        return {
            LimitKind.REQUESTS: self.requests,
            LimitKind.TOKENS: self.tokens,
            LimitKind.AUDIO_SECONDS: self.audio_seconds,
            LimitKind.CHARACTERS: self.characters,
            LimitKind.CONCURRENT: self.concurrent,
        }


@dataclass(frozen=True, slots=True)
class Rule:
    """One limit that somebody is under."""

    subject_kind: str
    subject_id: str
    kind: LimitKind
    limit: int
    period: Period
    model: str | None
    without_redis: WithoutRedis
    name: str = field(init=False, compare=False)
    """Of its counter, but for the day or month."""

    def __post_init__(self) -> None:
        """Write the name once: a rule is asked for it by every request."""
        name = f"{{{self.subject_id}}}:{self.kind}"
        object.__setattr__(self, "name", name if self.model is None else f"{name}:{self.model}")

    def counter(self, today: date) -> str:
        """Its name, with the day or month that it counts."""
        if self.period is Period.MINUTE:
            return self.name
        return f"{self.name}:{today:%Y-%m-%d}" if self.period is Period.DAY else f"{self.name}:{today:%Y-%m}"

    def amount(self, used: Iterable[ModelUsage], price_of: PriceOf) -> float:
        """How much of it these uses take."""
        return math.fsum(
            [_amount(self.kind, each, price_of) for each in used if self.model is None or self.model == each.model]
        )


def rules_of(
    principal: Principal, quotas: Sequence[Quota], allowances: Allowances, without_redis: WithoutRedis
) -> tuple[Rule, ...]:
    """Every limit that somebody is under.

    Args:
        principal: Who asks.
        quotas: What was set for the key, the user or the organisation.
        allowances: What the settings say of every key.
        without_redis: Of the limits of the settings.
    """
    subject = principal.key_id or principal.user_id or "nobody"
    own = {
        quota.kind
        for quota in quotas
        if quota.subject_id == subject and quota.model is None and quota.period is Period.MINUTE
    }
    shipped = (
        Rule("key" if principal.key_id else "user", subject, kind, limit, Period.MINUTE, None, without_redis)
        for kind, limit in allowances.by_kind().items()
        if limit and kind not in own
    )
    made = (
        Rule(
            quota.subject_kind,
            quota.subject_id,
            quota.kind,
            quota.limit,
            quota.period,
            quota.model,
            quota.without_redis,
        )
        for quota in quotas
    )
    return (*shipped, *made)


def rule_of_address(network: str, allowances: Allowances) -> Rule | None:
    """The limit of credentials that are refused to a network of clients; None where there is none."""
    limit = allowances.unknown
    subject = f"refused-{network}"
    return Rule("address", subject, LimitKind.REQUESTS, limit, Period.MINUTE, None, "local") if limit else None


def takes_of(
    rules: Sequence[Rule], wanted: Sequence[ModelUsage], price_of: PriceOf, *, is_admitted: bool
) -> tuple[list[tuple[Rule, float]], list[Rule]]:
    """What work may need at the most of each limit, and the limits of which it needs a place.

    Args:
        rules: Every limit that somebody is under.
        wanted: Of each model.
        price_of: Tells costs.
        is_admitted: Whether the request itself is counted already.
    """
    models: set[str | None] = {used.model for used in wanted}
    if not is_admitted:
        models.add(None)
    takes: list[tuple[Rule, float]] = []
    running: list[Rule] = []
    for rule in rules:
        if rule.kind is LimitKind.CONCURRENT:
            running += [rule] if rule.model in models else []
        elif rule.kind is LimitKind.REQUESTS:
            takes += [(rule, 1.0)] if rule.model in models else []
        elif amount := rule.amount(wanted, price_of):
            takes.append((rule, min(amount, rule.limit) if rule.period is Period.MINUTE else amount))
    return takes, running


def ends_in_s(period: Period, now: datetime) -> float:
    """Seconds until a day or a month (UTC) is over."""
    if period is Period.MINUTE:
        return PERIOD_S
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    end = today + timedelta(days=1)
    if period is Period.MONTH:
        end = (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    return (end - now).total_seconds()


def ask_of(rule: Rule, amount: float, now: datetime) -> Ask:
    """Ask for so much of a limit."""
    if rule.period is Period.MINUTE:
        return Ask(rule.name, rule.kind, rule.limit, amount)
    counter = rule.counter(now.astimezone(UTC).date())
    return Ask(counter, rule.kind, rule.limit, amount, rule.period, ends_in_s(rule.period, now))


def first_day(period: Period, today: date) -> date:
    """Of the day or month that a day is in."""
    return today.replace(day=1) if period is Period.MONTH else today


def closed_of(rules: Sequence[Rule]) -> Rule | None:
    """One that nothing is given under while nobody can count for all replicas."""
    return next((rule for rule in rules if rule.without_redis == "closed"), None)


_BY_KIND: Final[dict[LimitKind, Callable[[ModelUsage], float]]] = {
    LimitKind.TOKENS: lambda used: used.tokens,
    LimitKind.AUDIO_SECONDS: lambda used: used.audio_input_s,
    LimitKind.CHARACTERS: lambda used: used.characters,
}


def _amount(kind: LimitKind, used: ModelUsage, price_of: PriceOf) -> float:
    if kind is LimitKind.COST:
        return price_of(used)
    count = _BY_KIND.get(kind)
    return 0.0 if count is None else count(used)
