"""What is recommended, given what trials found."""

from collections.abc import Mapping

import pytest

from benchmarks.tune.knobs import Knob, Setting, Value
from benchmarks.tune.search import Trial, tune
from smartlite.errors import InvalidRequest

THREADS = Knob("threads", (1, 2, 4))
BATCH = Knob("batch", (8, 16))


class Machine:
    """Gives each configuration a throughput by its values."""

    def __init__(self, gains: Mapping[tuple[str, Value], float], served: float = 1.0, problem: str = "") -> None:
        self._gains = gains
        self._served = served
        self._problem = problem
        self.asked: list[Setting] = []

    def measure(self, setting: Setting) -> Trial:
        self.asked.append(setting)
        rate = 100.0
        for chosen in setting:
            rate *= self._gains.get(chosen, 1.0)
        problem = self._problem if setting else ""
        return Trial(setting, rate, 1000 / rate, self._served if setting else 1.0, 1 / rate, problem)


def current(_: str) -> Value:
    return 1


def test_each_number_is_kept_where_it_helps() -> None:
    machine = Machine({("threads", 2): 1.5, ("threads", 4): 1.2, ("batch", 16): 1.1})

    tuned = tune([THREADS, BATCH], "throughput", current, machine.measure, 20)

    assert tuned.best.setting == (("threads", 2), ("batch", 16))
    assert tuned.gain == pytest.approx(1.65)


def test_the_value_that_is_there_already_is_not_tried_again() -> None:
    machine = Machine({})

    tune([THREADS], "throughput", current, machine.measure, 20)

    assert machine.asked == [(), (("threads", 2),), (("threads", 4),)]


def test_a_gain_within_noise_changes_nothing() -> None:
    tuned = tune([THREADS], "throughput", current, Machine({("threads", 2): 1.03}).measure, 20)

    assert tuned.best is tuned.trials[0]


def test_no_more_trials_than_allowed_are_run() -> None:
    assert len(tune([THREADS, BATCH], "cost", current, Machine({}).measure, 2).trials) == 2


def test_a_latency_counts_only_where_requests_are_served() -> None:
    tuned = tune([THREADS], "latency", current, Machine({("threads", 2): 9.0}, served=0.5).measure, 20)

    assert tuned.best is tuned.trials[0]


def test_a_configuration_that_does_not_start_is_never_recommended() -> None:
    tuned = tune([THREADS], "throughput", current, Machine({("threads", 2): 9.0}, problem="no").measure, 20)

    assert tuned.best is tuned.trials[0]


def test_a_machine_that_was_slow_for_the_first_trial_alone_is_found_out() -> None:
    rates = iter([50.0, 100.0, 100.0])

    def measure(setting: Setting) -> Trial:
        return Trial(setting, next(rates), 1.0, 1.0, 1.0)

    tuned = tune([Knob("threads", (2,))], "throughput", current, measure, 20)

    assert tuned.best is tuned.trials[0]
    assert [trial.setting for trial in tuned.trials] == [(), (("threads", 2),), ()]


def test_an_unknown_goal_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="throughput, latency, cost"):
        tune([], "speed", current, Machine({}).measure, 1)  # type: ignore[arg-type]
