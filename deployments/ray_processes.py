"""Starts fewer of Ray's own processes than ``ray.init`` does. Must not know what runs on the cluster.

Ray has the parameters (``no_monitor``, ``include_log_monitor``, the dashboard's ``--modules-to-load``), ``ray.init`` of
2.60 passes none of them. Left out: the node autoscaler, the forwarder of logs to this terminal, and the dashboard's
pages for Ray Data and Ray Train. That saves 340 MB in the sum of resident sizes, in which shared pages count each time.
"""

from functools import partial
from typing import Any, Final

from ray._private import parameter, ray_constants, services

DASHBOARD_MODULES: Final = (
    "EventHead",
    "JobHead",
    "MetricsHead",
    "NodeHead",
    "PlatformEventsHead",
    "ReportHead",
    "ServeHead",
    "StateHead",
    "UsageStatsHead",
)
LEFT_OUT: Final = ("DataHead", "TrainHead")


def start_fewer() -> None:
    """Have the next ``ray.init`` of this process start fewer; safe to call again."""
    if isinstance(parameter.RayParams, partial):
        return
    parameter.RayParams = partial(parameter.RayParams, no_monitor=True, include_log_monitor=False)
    start = services.start_ray_process

    def start_ray_process(command: list[str], process_type: str, *args: Any, **kwargs: Any) -> Any:
        if process_type == ray_constants.PROCESS_TYPE_DASHBOARD:
            command = [*command, f"--modules-to-load={','.join(DASHBOARD_MODULES)}"]
        return start(command, process_type, *args, **kwargs)

    services.start_ray_process = start_ray_process
