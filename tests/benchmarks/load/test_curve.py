"""Steps of load, told by their medians."""

from benchmarks.gateway_compared import NOOP, OFF, ON, UVICORN, judge
from benchmarks.load.curve import Step
from benchmarks.load.outcome import Load, Outcome, count


def load(rate: int, cpu_s: float = 1.0) -> Load:
    return count([Outcome(0, 0, 0.5, 0.5, "200")] * rate, 0, 1, 0, cpu_s)


def closed(server: str, *rates: int) -> Step:
    return Step(server, "GET /v1/models", "closed", tuple(load(rate) for rate in rates))


def test_the_rate_of_a_closed_loop_is_what_it_got() -> None:
    assert closed("a", 10, 30, 20).rate_per_s == 20


def test_ours_is_judged_by_the_no_op_app_and_told_beside_uvicorn() -> None:
    rows = judge([closed(ON, 99), closed(OFF, 111), closed(NOOP, 100), closed(UVICORN, 200)])

    goals = {row.what: row.is_met for row in rows}
    assert goals[f"GET /v1/models, {ON}, held against {NOOP}"] is False
    assert goals[f"GET /v1/models, {OFF}, held against {NOOP}"] is True
    assert goals[f"GET /v1/models, {OFF}, held against {UVICORN}"] is None


def test_processor_time_is_compared_where_it_is_known() -> None:
    rows = judge([closed(ON, 100), closed(OFF, 100), closed(NOOP, 100), closed("against", 100)])

    assert [row.what for row in rows if row.what.startswith("Processor") and "against against" in row.what] == []
    assert next(row.judged for row in rows if row.what.startswith("Processor")).startswith("1.00x")
