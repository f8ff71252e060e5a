"""Whether the numbers of replicas in ``serve_config.yaml`` can be: what may sleep, and what has ports for all of it.

Must not know models, nor import Ray.
"""

from collections.abc import Mapping
from typing import Any, Final

from graphs.plan import FIXED
from smartlite.config import Settings
from smartlite.errors import ConfigurationError

_AUTO: Final = 100
"""Most replicas where ``num_replicas`` is ``auto``, as Serve has it."""


def check_scaling(document: Mapping[str, Any], settings: Settings) -> None:
    """Check a configuration that was read already.

    Raises:
        ConfigurationError: A deployment that is to sleep could not be woken, or there are fewer ports than ingress
            replicas there may be.
    """
    for index, application in enumerate(document["applications"]):
        for number, deployment in enumerate(application.get("deployments", [])):
            where = f"applications[{index}].deployments[{number}]"
            if deployment["name"] in FIXED:
                _check_never_sleeps(deployment, where)
            if deployment["name"] == "ingress" and settings.edge != "ray-proxy":
                _check_ports(deployment, where, settings)


def most_replicas(deployment: Mapping[str, Any]) -> int:
    """How many replicas a deployment may have."""
    scaling = deployment.get("autoscaling_config") or {}
    if deployment.get("num_replicas") == "auto":
        return int(scaling.get("max_replicas") or _AUTO)
    return int(scaling.get("max_replicas") or deployment.get("num_replicas") or 1)


def _check_never_sleeps(deployment: Mapping[str, Any], where: str) -> None:
    if (deployment.get("autoscaling_config") or {}).get("min_replicas") == 0:
        name = deployment["name"]
        raise ConfigurationError(
            f"'{where}.autoscaling_config.min_replicas': '{name}' must keep at least 1 replica, since no request could "
            "wake it. Deployments that run models may have 0.",
            f"{where}.autoscaling_config.min_replicas",
        )


def _check_ports(deployment: Mapping[str, Any], where: str, settings: Settings) -> None:
    most, ports = most_replicas(deployment), len(settings.replica_port_range)
    if most > ports:
        raise ConfigurationError(
            f"'{where}': there may be {most} ingress replicas, each with a port of its own, and "
            f"SMARTLITE_REPLICA_PORTS ({settings.replica_ports}) has {ports}. Allow fewer replicas, or name twice as "
            "many ports as replicas, so that all of them can be replaced at once.",
            f"{where}.autoscaling_config.max_replicas",
        )
