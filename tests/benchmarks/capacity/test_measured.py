"""Costs from the loads of a run."""

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.capacity.command import CapacityOptions, capacity
from benchmarks.capacity.measured import Point, fit_cost, read_points
from benchmarks.load.curve import Step
from benchmarks.load.outcome import Outcome, count
from benchmarks.results.folder import Report, write_report
from smartlite.errors import InvalidRequest
from tests.benchmarks.capacity import kernel


def point(requests: int, server_cpu_s: float) -> Point:
    return Point(requests / 9, requests / 9, requests, requests, 9.0, 1.0, 2.0, requests * 1e-4, server_cpu_s)


def test_a_cost_is_so_much_each_second_and_so_much_each_request() -> None:
    points = [point(requests, 10 * 0.2 + requests * 0.0003) for requests in (1000, 5000, 20_000)]  # 9 s and a second

    cost = fit_cost(points)

    assert cost.idle_cores == pytest.approx(0.2)
    assert cost.request_s == pytest.approx(0.0003)
    assert cost.client_s == pytest.approx(1e-4)


def test_runs_above_the_limit_of_a_server_do_not_tell_what_a_request_costs() -> None:
    below = [point(requests, 2 + requests * 0.0003) for requests in (1000, 5000, 20_000)]
    above = replace(point(40_000, 18.0), succeeded=9_000)

    assert fit_cost([*below, above]).request_s == pytest.approx(0.0003)


@pytest.mark.parametrize(
    "points",
    [
        [replace(point(requests, 18.0), succeeded=900) for requests in (1000, 5000, 20_000)],
        [point(1000, 3.0), point(1000, 3.1), point(1000, 3.2)],
        [point(1000, 9.0), point(5000, 6.0), point(20_000, 3.0)],
    ],
    ids=["all above the limit", "one rate", "the more the cheaper"],
)
def test_runs_that_do_not_tell_what_a_request_costs_are_refused(points: list[Point]) -> None:
    with pytest.raises(InvalidRequest, match="lower rates"):
        fit_cost(points)


def test_cores_for_a_rate_leave_room() -> None:
    cost = fit_cost([point(requests, requests * 0.0003) for requests in (1000, 5000, 20_000)])

    assert cost.cores(10_000, 0.6) == pytest.approx(5.0)


def test_a_server_on_another_machine_has_no_cost() -> None:
    with pytest.raises(InvalidRequest, match="not measured"):
        fit_cost([point(1000, float("nan"))])


@pytest.fixture
def loads(tmp_path: Path) -> Path:
    steps = [
        Step("ours", "GET /", "open", (count([Outcome(0, 0, 0.01, 0.01, "200")] * rate, rate, 1, 0.1, rate * 5e-4),))
        for rate in (100, 200, 300)
    ]
    write_report(tmp_path, Report("", [], steps), "t")
    return tmp_path / "loads.csv"


def test_the_runs_of_a_server_are_read_from_what_a_run_left(loads: Path) -> None:
    assert [found.offered_per_s for found in read_points(loads, "ours")] == [100, 200, 300]


def test_a_server_that_is_not_there_is_told_with_those_that_are(loads: Path) -> None:
    with pytest.raises(InvalidRequest, match="servers in it: ours"):
        read_points(loads, "theirs")


def test_the_page_holds_costs_the_check_and_larger_clusters(loads: Path) -> None:
    options = CapacityOptions(loads, "ours", 2, 0.2, 10_000, p99_ms=50, cores=2, max_requests=1500, kernel=kernel)

    text = capacity(options, lambda _: None)

    assert "0.500 s per 1,000 requests" in text
    assert "10,000 requests/s need 7.14 cores" in text
    assert "| 100 | 100 |" in text
    assert "| 8 |" in text


def test_a_simulation_that_is_far_from_what_was_measured_says_so(loads: Path) -> None:
    slow = loads.read_text(encoding="utf-8").replace(",10.0,", ",9000.0,")
    loads.write_text(slow, encoding="utf-8")
    options = CapacityOptions(loads, "ours", 2, 0.2, 10_000, p99_ms=50, cores=2, max_requests=1500, kernel=kernel)

    assert "no promise of a latency" in capacity(options, lambda _: None)
