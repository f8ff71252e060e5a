"""What Ray is told before it is imported."""

from smartlite.config import Settings
from smartlite.edge.ray_environment import ray_environment

TIME_WAIT_S = 60


def test_a_port_rests_until_it_can_be_taken_again() -> None:
    """Ray never hands out again a port that a replica could not take."""
    assert float(ray_environment(Settings(), "inst_1")["RAY_SERVE_PORT_QUARANTINE_S"]) > TIME_WAIT_S


def test_every_replica_port_is_used() -> None:
    environment = ray_environment(Settings(replica_ports="30000-30003"), "inst_1")
    first = int(environment["RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT"])
    end = int(environment["RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT"])
    assert list(range(first, end)) == [30000, 30001, 30002, 30003]  # as Ray's PortAllocator makes its range
