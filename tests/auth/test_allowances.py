"""Limits that an administrator set: of keys, users and models, of a minute, a day and a month."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from smartlite.auth.allowances import Allowances, Rule, ends_in_s
from smartlite.auth.local_limiter import LocalLimiter
from smartlite.auth.rate_limit import Limits
from smartlite.domain.limits import LimitKind, Period, Quota
from smartlite.domain.principal import Principal
from smartlite.domain.usage import ModelUsage
from smartlite.errors import Unavailable


def local_limits(**allowances: int) -> Limits:
    return Limits(Allowances(**allowances), None, LocalLimiter(lambda: 1000.0, replicas=1))


def used(*, tokens: float = 0, audio_s: float = 0, model: str = "m") -> ModelUsage:
    return ModelUsage(model, prompt_tokens=tokens, audio_input_s=audio_s)


def quota(kind: LimitKind, limit: int, period: Period = Period.MINUTE, **more: Any) -> Quota:
    more = {"subject_kind": "user", "subject_id": "user_1", **more}
    return Quota("quota_1", kind=kind, limit=limit, period=period, **more)


def under(limits: Limits, *quotas: Quota, key_id: str = "key_1") -> Principal:
    """Somebody for whom these limits were set."""

    async def of(_principal: Principal) -> tuple[Quota, ...]:
        return quotas

    limits.quotas = of
    return Principal("user_1", key_id, (), frozenset(), "Ada")


async def test_a_user_is_limited_over_all_keys_and_each_key_by_itself() -> None:
    limits = local_limits(requests=2)
    both = quota(LimitKind.REQUESTS, 3)
    given = [(await limits.admit(under(limits, both, key_id=key))).answer.is_given for key in ("a", "a", "a", "b", "b")]
    assert given == [True, True, False, True, False]


async def test_a_limit_of_a_keys_own_takes_the_place_of_the_settings() -> None:
    limits = local_limits(requests=5)
    own = quota(LimitKind.REQUESTS, 1, subject_kind="key", subject_id="key_1")
    assert [(await limits.admit(under(limits, own))).answer.is_given for _ in range(2)] == [True, False]


async def test_a_limit_of_one_model_counts_that_model_alone() -> None:
    limits = local_limits()
    who = under(limits, quota(LimitKind.TOKENS, 100, model="big"), quota(LimitKind.CONCURRENT, 1, model="big"))
    big = await limits.reserve(who, [used(tokens=100, model="big"), used(audio_s=9, model="ears")])
    assert big.answer.is_given
    assert (await limits.reserve(who, [used(tokens=1000, model="small")])).answer.is_given
    assert not (await limits.reserve(who, [used(tokens=1, model="big")])).answer.is_given
    limits.settle(who, [big], [used(tokens=40, model="big")], is_over=False)
    assert (await limits.reserve(who, [used(tokens=60, model="big")])).answer.is_given


async def test_a_budget_of_money_begins_where_the_database_says_and_ends_with_one_request_beyond() -> None:
    asked: list[date] = []

    async def spent(_rule: Rule, first: date) -> float:
        asked.append(first)
        return 70.0

    noon = datetime(2026, 11, 26, 12, tzinfo=UTC)
    limits = Limits(Allowances(), None, price_of=lambda one: round(one.tokens), spent=spent, clock=lambda: noon)
    who = under(limits, quota(LimitKind.COST, 100, Period.MONTH), quota(LimitKind.COST, 1000, Period.DAY))
    first = await limits.reserve(who, [used(tokens=20)])
    second = await limits.reserve(who, [used(tokens=20)])
    third = await limits.reserve(who, [used(tokens=20)])
    assert [each.answer.is_given for each in (first, second, third)] == [True, True, False]
    assert asked == [date(2026, 11, 1), date(2026, 11, 26)]
    month, day = third.answer.standings
    assert (month.remaining, month.retry_after_s, day.retry_after_s) == (0, 4.5 * 86_400, 0)
    limits.settle(who, [second], [used(tokens=5)], is_over=False)
    assert (await limits.reserve(who, [used(tokens=1)])).answer.is_given


async def test_a_quota_that_is_closed_gives_nothing_without_redis_whatever_the_settings_say() -> None:
    limits = local_limits(requests=10)
    assert (await limits.admit(under(limits))).answer.is_given
    with pytest.raises(Unavailable):
        await limits.admit(under(limits, quota(LimitKind.REQUESTS, 5, without_redis="closed")))


@pytest.mark.parametrize(
    ("period", "now", "seconds"),
    [
        (Period.DAY, datetime(2026, 11, 26, 23, 59, tzinfo=UTC), 60),
        (Period.MONTH, datetime(2026, 12, 31, 23, 0, tzinfo=UTC), 3600),
        (Period.MONTH, datetime(2028, 2, 29, 0, 0, tzinfo=UTC), 86_400),
        (Period.MINUTE, datetime(2028, 2, 29, 0, 0, tzinfo=UTC), 60),
    ],
)
def test_days_and_months_end_by_the_calendar(period: Period, now: datetime, seconds: float) -> None:
    assert ends_in_s(period, now) == seconds
