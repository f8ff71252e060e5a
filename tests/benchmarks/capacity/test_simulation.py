"""The simulation against queues whose answer is known."""

import math
from dataclasses import replace

import pytest

from benchmarks.capacity.simulation import Cluster, simulate
from tests.benchmarks.capacity import kernel

ONE = Cluster(machines=1, cores=1, replicas=1, edge_s=0.0, gateway_s=0.001)


@pytest.mark.parametrize("rate", [200, 500, 700])
def test_one_replica_on_one_core_is_the_queue_m_m_1(rate: float) -> None:
    found = simulate(ONE, rate, 30, kernel=kernel)

    # The time in such a queue is exponential with the rate 1 / service - arrivals.
    assert found.p50_ms == pytest.approx(1e3 * math.log(2) / (1000 - rate), rel=0.15)
    assert found.goodput_per_s == pytest.approx(rate, rel=0.05)


def test_replicas_without_cores_of_their_own_serve_no_more() -> None:
    more = simulate(replace(ONE, replicas=4), 1500, 3, kernel=kernel)

    assert more.goodput_per_s < 1100


def test_replicas_with_cores_serve_more() -> None:
    more = simulate(replace(ONE, replicas=4, cores=4), 3000, 3, kernel=kernel)

    assert more.goodput_per_s == pytest.approx(3000, rel=0.05)


def test_machines_share_the_load() -> None:
    more = simulate(replace(ONE, machines=4), 2000, 3, kernel=kernel)

    assert more.goodput_per_s == pytest.approx(2000, rel=0.05)


def test_overload_is_refused_once_the_wait_for_a_replica_is_too_long() -> None:
    found = simulate(replace(ONE, queue_timeout_s=0.1), 3000, 3, kernel=kernel)

    assert found.refused > 0.5
    assert 800 < found.goodput_per_s < 1100


def test_a_client_on_the_same_machine_takes_its_share() -> None:
    found = simulate(replace(ONE, client_s=0.001), 800, 5, kernel=kernel)

    assert found.goodput_per_s < 600


def test_what_ray_takes_is_not_there_for_requests() -> None:
    found = simulate(replace(ONE, idle_cores=0.5), 800, 5, kernel=kernel)

    assert found.goodput_per_s < 600


def test_the_same_seed_gives_the_same_figures() -> None:
    assert simulate(ONE, 500, 2, kernel=kernel) == simulate(ONE, 500, 2, kernel=kernel)
