"""What became of requests, in figures."""

from benchmarks.load.outcome import Outcome, count


def good(due_s: float, ended_s: float, sent_s: float | None = None) -> Outcome:
    return Outcome(due_s, due_s if sent_s is None else sent_s, ended_s, ended_s, "200")


def test_a_latency_counts_from_the_time_the_request_was_due() -> None:
    load = count([good(0.0, 1.5, sent_s=1.0)], 1, 1, 0, 0)

    assert load.p50_ms == 1500
    assert load.late_p99_ms == 1000


def test_goodput_counts_until_the_last_answer() -> None:
    assert count([good(0.0, 1.0), good(1.0, 4.0)], 1, 2, 0, 0).goodput_per_s == 0.5


def test_failures_have_no_latency_and_are_counted_by_status() -> None:
    load = count([good(0, 0.1), Outcome(0, 0, 9, 9, "timeout"), Outcome(0, 0, 0, 0, "unsent")], 3, 1, 0, 0)

    assert load.max_ms == 100
    assert load.statuses == {"200": 1, "timeout": 1, "unsent": 1}
    assert load.failed == 2


def test_only_a_quick_refusal_that_says_when_to_come_back_is_a_good_one() -> None:
    refusals = [
        Outcome(0, 0, 0.1, 0.1, "429", has_retry_after=True),
        Outcome(0, 0, 0.1, 0.1, "503", has_retry_after=False),
        Outcome(0, 0, 2.0, 2.0, "503", has_retry_after=True),
        Outcome(0, 0, 0.1, 0.1, "500", has_retry_after=True),
        Outcome(0, 0, 0, 0, "unsent"),
    ]

    assert count(refusals, 5, 1, 0, 0).refused_well == 0.25


def test_processor_time_is_that_of_a_thousand_successes() -> None:
    assert count([good(0, 0.1)] * 500, 500, 1, 0, server_cpu_s=0.25).cpu_per_thousand_s == 0.5
