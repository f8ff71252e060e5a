"""The kernel's counters, read twice."""

import os
from collections.abc import Iterator

import pytest

from smartlite.metering.machine_load import MachineLoad


def load_between(before: str, after: str, own_s: float = 0.0) -> float:
    said: Iterator[str] = iter((before, after))
    own: Iterator[float] = iter((0.0, own_s))
    return MachineLoad(lambda: next(said), lambda: next(own)).look()


def test_the_share_that_was_used_since_the_last_look() -> None:
    before, after = "cpu  100 0 100 700 100 0 0\ncpu0 1\n", "cpu  130 0 130 720 120 0 0\ncpu0 1\n"
    assert load_between(before, after) == pytest.approx(0.6)


def test_what_this_process_used_itself_does_not_count() -> None:
    before, after = "cpu  100 0 100 700 100 0 0\n", "cpu  180 0 100 720 100 0 0\n"
    assert load_between(before, after, 60 / os.sysconf("SC_CLK_TCK")) == pytest.approx(0.2)


@pytest.mark.parametrize("said", ["", "cpu  1 2 x", "cpu  1 0 1 5 0"])
def test_what_tells_nothing_is_no_load(said: str) -> None:
    assert load_between(said, said) == 0


def test_a_machine_without_counters_is_never_busy() -> None:
    def read() -> str:
        raise FileNotFoundError

    assert MachineLoad(read).look() == 0
