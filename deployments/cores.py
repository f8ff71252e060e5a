"""How many cores a replica has to itself. Must not know engines.

The rule: the cores of its node that processes may use, divided by the replicas of its own deployment that share the
node, which Serve spreads evenly; at least one. Other deployments are not counted: they mostly work at other times (a
voice turn is recognised, then answered, then spoken), and threads that never wait for each other share cores well.
Replicas that autoscaling adds later take their share; those that run keep what they took.
"""

import logging
import math

import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from deployments.presence import read_stages
from smartlite.engines.cores import usable_cores

_logger = logging.getLogger(__name__)


def own_cores() -> int:
    """Of the replica that this process is; every usable core in a process that is none. Blocks."""
    return share(usable_cores(), _replicas_here())


def share(cores: int, replicas: int) -> int:
    """What one of so many replicas takes, at least one."""
    return max(1, cores // max(1, replicas))


def _replicas_here() -> int:
    try:
        context = serve.get_replica_context()
    except RayServeException:
        return 1
    try:
        stages = read_stages(context.app_name)
        nodes = sum(1 for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU"))
    except (RayError, RayServeException) as error:
        _logger.warning("the controller did not answer", extra={"reason": type(error).__name__})
        return 1
    wanted = next((stage.replicas_wanted for stage in stages if stage.name == context.deployment), 1)
    return math.ceil(wanted / max(1, nodes))
