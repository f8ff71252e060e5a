"""What a replica takes of its node's cores."""

import pytest

from deployments.cores import own_cores, share
from smartlite.engines.cores import usable_cores


@pytest.mark.parametrize(
    ("cores", "replicas", "expected"), [(8, 1, 8), (8, 2, 4), (8, 3, 2), (2, 2, 1), (1, 4, 1), (4, 0, 4)]
)
def test_replicas_of_one_deployment_divide_their_node(cores: int, replicas: int, expected: int) -> None:
    assert share(cores, replicas) == expected


def test_a_process_that_is_no_replica_has_all() -> None:
    assert own_cores() == usable_cores()
