"""How many replicas a load needs: counted in requests, where replicas tell of them."""

from dataclasses import dataclass, field
from typing import Any

import cloudpickle
import pytest
from ray.serve.config import AutoscalingConfig

from deployments.scaling import follow_requests


@dataclass
class Load:
    """Two replicas, and what is known of them."""

    config: Any = field(default_factory=lambda: AutoscalingConfig(target_ongoing_requests=4, max_replicas=10))
    current_num_replicas: int = 2
    target_num_replicas: int = 2
    total_num_requests: float = 1.0
    total_queued_requests: float = 0.0
    aggregated_metrics: dict[str, dict[Any, float]] | None = None


@pytest.mark.parametrize(
    ("load", "replicas"),
    [
        (Load(aggregated_metrics={"at_work": {"a": 8, "b": 4}}), 3),
        (Load(aggregated_metrics={"at_work": {"a": 8, "b": 4}}, total_queued_requests=4), 4),
        (Load(aggregated_metrics={"at_work": {"a": 0, "b": 0}}), 0),
        (Load(aggregated_metrics={"at_work": {"a": 0}}, total_num_requests=12), 3),
        (Load(total_num_requests=8), 2),
        (Load(current_num_replicas=0, target_num_replicas=1, total_num_requests=8), 1),
    ],
    ids=["at work", "waiting too", "idle though asked", "one has not told", "none has told", "none is there"],
)
def test_replicas_follow_requests(load: Load, replicas: float) -> None:
    assert follow_requests(load)[0] == pytest.approx(replicas)


def test_serves_controller_can_read_the_policy() -> None:
    config = AutoscalingConfig(policy={"policy_function": "deployments.scaling:follow_requests"})  # type: ignore[arg-type]
    assert cloudpickle.loads(config.policy.get_serialized_policy_def())(Load(total_num_requests=8))[0] == 2
