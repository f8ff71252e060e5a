"""How many replicas a deployment that runs models needs: named as the policy of ``autoscaling_config``. Must not know
models.

Serve's own policy counts calls. A call may carry several requests, or only ask a replica for the state of its models;
this one counts what replicas work on, and what waits for one. Serve pickles this module by value: it imports nothing of
ours.
"""

from typing import Any, Final, Protocol

AT_WORK: Final = "at_work"
"""What a replica calls the number of its requests, in ``record_autoscaling_stats``."""


class _Config(Protocol):
    def get_target_ongoing_requests(self) -> float: ...


class Load(Protocol):
    """What is used of Serve's ``AutoscalingContext``; numbers are means over ``look_back_period_s``."""

    config: _Config
    current_num_replicas: int
    target_num_replicas: int
    total_num_requests: float
    """Calls under way and waiting, as their callers count them."""
    total_queued_requests: float
    """Those that wait for a replica."""
    aggregated_metrics: dict[str, dict[Any, float]] | None
    """What replicas report, by name and replica."""


def follow_requests(load: Load) -> tuple[float, dict[str, Any]]:
    """Replicas for ``target_ongoing_requests`` each; Serve applies limits, delays and the start of a first one."""
    if load.current_num_replicas == 0:
        return load.target_num_replicas, {}
    at_work = (load.aggregated_metrics or {}).get(AT_WORK, {})
    if len(at_work) < load.current_num_replicas:
        requests = load.total_num_requests  # a replica that has not reported yet may be the busiest
    else:
        requests = sum(at_work.values()) + load.total_queued_requests
    return requests / load.config.get_target_ongoing_requests(), {}
