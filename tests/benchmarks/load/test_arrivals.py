"""When requests are due."""

import pytest

from benchmarks.load.arrivals import due_times_s
from smartlite.errors import InvalidRequest


def test_even_arrivals_keep_one_distance() -> None:
    assert due_times_s(4, 1) == [0, 0.25, 0.5, 0.75]


def test_poisson_arrivals_come_as_often_as_asked_for() -> None:
    times = due_times_s(1000, 10, "poisson")

    assert len(times) == pytest.approx(10_000, rel=0.05)
    assert times == sorted(times)


def test_the_same_seed_gives_the_same_arrivals() -> None:
    assert due_times_s(50, 1, "poisson", 7) == due_times_s(50, 1, "poisson", 7)


@pytest.mark.parametrize(("rate", "duration"), [(0, 1), (-1, 1), (float("nan"), 1), (1, 0), (1e6, 60)])
def test_what_cannot_be_sent_is_refused(rate: float, duration: float) -> None:
    with pytest.raises(InvalidRequest):
        due_times_s(rate, duration)
