"""Samples, ratios and the table."""

import pytest

from benchmarks.measure import (
    Goal,
    Sample,
    alternate,
    figure,
    markdown_table,
    percentile,
    ratio_row,
    rounds_of,
    value_row,
)


def test_a_ratio_is_that_of_the_medians() -> None:
    row = ratio_row("x", Sample((1.0, 2.0, 9.0), "s"), Sample((2.0, 3.0, 9.0), "s"), Goal("at most", 1.5))

    assert row.judged == "1.50x (rounds 1.00 to 2.00)"
    assert row.is_met is True
    assert row.goal == "at most 1.50x"


@pytest.mark.parametrize(
    ("goal", "is_met"),
    [(Goal("at most", 1.4), False), (Goal("at least", 1.6), False), (Goal("at least", 1.5), True)],
)
def test_a_goal_holds_at_its_limit_and_not_beyond(goal: Goal, is_met: bool) -> None:
    assert ratio_row("x", Sample((2.0,), "s"), Sample((3.0,), "s"), goal).is_met is is_met


def test_rounds_of_different_number_are_refused() -> None:
    with pytest.raises(ValueError, match="longer"):
        ratio_row("x", Sample((1.0, 2.0), "s"), Sample((1.0,), "s"))


def test_the_worst_value_is_the_one_farthest_from_the_goal() -> None:
    sample = Sample((1.0, 2.0, 9.0), "s")

    assert value_row("x", sample, Goal("at most", 5, "s")).is_met is True
    assert value_row("x", sample, Goal("at most", 5, "s"), worst=True).is_met is False
    assert value_row("x", sample, Goal("at least", 2, "s"), worst=True).judged == "1.00 s"


def test_what_never_ended_meets_no_goal() -> None:
    assert value_row("x", Sample((float("inf"),), "s"), Goal("at most", 15, "s")).is_met is False


def test_turns_alternate_after_one_unrecorded_run_each() -> None:
    order: list[str] = []

    def run(name: str) -> int:
        order.append(name)
        return len(order)

    firsts, seconds = alternate(3, lambda: run("a"), lambda: run("b"))

    assert order == ["a", "b", "a", "b", "b", "a", "a", "b"]
    assert (firsts, seconds) == ([3, 6, 7], [4, 5, 8])


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (0, 1)])
def test_a_percentile_is_the_value_of_the_nearest_rank(percent: float, expected: float) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], percent) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.12345, "0.123"), (1.2345, "1.23"), (12.345, "12.3"), (6782.4, "6,782"), (float("inf"), "inf")],
)
def test_figures_have_three_digits_that_count(value: float, text: str) -> None:
    assert figure(value) == text


def test_a_goal_that_is_missed_stands_out_in_the_table() -> None:
    table = markdown_table([value_row("slow", Sample((3.0,), "s"), Goal("at most", 2, "s"))])

    assert table.splitlines()[-1] == "| slow |  | 3.00 s | 3.00 s | at most 2.00 s | **no** |"


def test_several_things_are_measured_round_by_round_after_one_unrecorded_run() -> None:
    order: list[str] = []

    def measured(name: str) -> int:
        order.append(name)
        return order.count(name)

    found = rounds_of(2, {name: lambda name=name: measured(name) for name in "abc"})  # type: ignore[misc]  # bound now
    assert "".join(order) == "abc" + "abc" + "bca"
    assert found == {name: [2, 3] for name in "abc"}
