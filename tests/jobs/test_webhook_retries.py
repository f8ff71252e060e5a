"""When a webhook is sent again: growing delays with jitter, a bound, and what the receiver asks for."""

from datetime import timedelta

import pytest

from smartlite.jobs.webhook_retries import DELAYS_S, MOST_ATTEMPTS, next_attempt
from tests.storage.rows import NOON


def delay_s(attempts: int, retry_after: str = "") -> float:
    at = next_attempt(attempts, {"retry-after": retry_after}, NOON)
    assert at is not None
    return (at - NOON).total_seconds()


def test_each_delay_is_about_the_one_that_is_told_and_after_the_last_attempt_there_is_none() -> None:
    for attempts, wanted_s in enumerate(DELAYS_S, 1):
        assert 0.8 * wanted_s <= delay_s(attempts) <= 1.2 * wanted_s
    assert next_attempt(MOST_ATTEMPTS, {}, NOON) is None
    assert 2.5 < sum(DELAYS_S) / 86400 < 3


@pytest.mark.parametrize(
    ("retry_after", "wanted_s"),
    [
        ("600", 600),
        (" 600 ", 600),
        ("99999999999999999999", 86400),
        ("Wed, 01 Jul 2026 13:00:00 GMT", 3599.876544),
        ("Wed, 01 Jul 2026 13:00:00 -0000", 3599.876544),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
    ],
)
def test_a_longer_time_that_is_asked_for_is_kept_to_up_to_a_day(retry_after: str, wanted_s: float) -> None:
    assert delay_s(1, retry_after) == pytest.approx(wanted_s)


@pytest.mark.parametrize(
    "retry_after",
    [
        "",
        "0",
        "-5",
        "1e9",
        "soon",
        "٣٠٠",
        "Wed, 21 Oct 2015 07:28:00 GMT",
        "Wed, 21 Oct 99999 07:28:00 GMT",
        "x" * 9999,
    ],
)
def test_what_is_shorter_or_makes_no_sense_changes_nothing(retry_after: str) -> None:
    assert delay_s(1, retry_after) <= timedelta(seconds=12).total_seconds()
