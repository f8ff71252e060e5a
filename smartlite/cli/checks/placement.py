"""What replicas ask of GPUs and processors: whether a configuration fits, and what a running one waits for.

Ray's fractions are bookkeeping: replicas whose sum fits share a GPU, the next one waits without an error. Must not know
models.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx

from smartlite.cli.checks.finding import Finding
from smartlite.config import Settings

_AREA: Final = "placement"
_TIMEOUT_S: Final = 2.5
_LEAST: Final = 1e-4
"""Ray counts resources in ten-thousandths."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What one replica wants of GPUs."""

    deployment: str
    gpus: float


def gpu_asks(document: Mapping[str, Any]) -> tuple[Ask, ...]:
    """What every replica of a checked configuration wants, in its order; those that want none are left out."""
    asks = []
    for application in document["applications"]:
        for deployment in application.get("deployments", []):
            gpus = float((deployment.get("ray_actor_options") or {}).get("num_gpus") or 0)
            scaling = deployment.get("autoscaling_config") or {}
            replicas = scaling.get("min_replicas") or deployment.get("num_replicas") or 1
            if gpus and isinstance(replicas, int):
                asks += [Ask(deployment["name"], gpus)] * replicas
    return tuple(asks)


def check_gpu_shares(asks: Sequence[Ask], gpu_count: float) -> Iterator[Finding]:
    """Place replicas on GPUs as Ray does, each where it fits first, and tell which would wait.

    Args:
        asks: Of every replica.
        gpu_count: GPUs that Ray would find.
    """
    if not asks:
        return
    if gpu_count < 1:
        names = ", ".join(dict.fromkeys(ask.deployment for ask in asks))
        mend = "use serve_config.yaml or serve_config.torch.yaml, which need no GPU"
        yield Finding(_AREA, "gpus", "problem", f"Ray finds none here; {names} would wait for ever", mend)
        return
    free = [1.0] * int(gpu_count)
    placed: list[Ask] = []
    waiting: list[Ask] = []
    for ask in asks:
        (placed if _take(free, ask.gpus) else waiting).append(ask)
    there = _count(gpu_count)
    taken = ", ".join(f"{ask.deployment} {ask.gpus:g}" for ask in placed)
    for ask in dict.fromkeys(waiting):
        message = f"wants {ask.gpus:g} GPU; of {there} {_free(free)} once the others have theirs ({taken or 'none'})"
        yield Finding(_AREA, ask.deployment, "problem", f"{message}: it would wait for ever", _mend("num_gpus"))
    if not waiting:
        yield Finding(_AREA, "gpus", "ok", f"{taken} share {there}; {_free(free)}")


def check_waiting(settings: Settings, transport: httpx.BaseTransport | None) -> Iterator[Finding]:
    """Ask the dashboard of a cluster that runs here which replicas have no place yet, and tell why."""
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{settings.dashboard_port}",
            timeout=_TIMEOUT_S,
            trust_env=False,
            transport=transport,
        ) as dashboard:
            applications = dashboard.get("/api/serve/applications/").raise_for_status().json()["applications"]
            nodes = dashboard.get("/api/v0/nodes").raise_for_status().json()["data"]["result"]["result"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return  # no cluster, or none that tells: the other checks say whether a platform answers
    deployments = {
        name: deployment for each in applications.values() for name, deployment in each["deployments"].items()
    }
    free, users = _free_resources(nodes, deployments)
    for name, deployment in deployments.items():
        unplaced = [replica for replica in deployment["replicas"] if _is_unplaced(replica)]
        if unplaced:
            yield _why(name, len(unplaced), _wants(deployment), nodes, free, users)


def _take(free: list[float], gpus: float) -> bool:
    if gpus > 1:  # Ray takes whole ones only
        whole = [index for index, part in enumerate(free) if part == 1.0][: int(gpus)]
        if len(whole) < gpus:
            return False
        for index in whole:
            free[index] = 0.0
        return True
    for index, part in enumerate(free):
        if part - gpus > -_LEAST:
            free[index] = max(0.0, part - gpus)
            return True
    return False


def _free(free: Sequence[float]) -> str:
    parts = [f"{part:g}" for part in free if part > _LEAST]
    return f"{' and '.join(parts)} {'are' if len(parts) > 1 else 'is'} free" if parts else "none is free"


def _count(gpus: float) -> str:
    return f"{gpus:g} GPU" if gpus == 1 else f"{gpus:g} GPUs"


def _is_unplaced(replica: Mapping[str, Any]) -> bool:
    return replica["state"] in {"STARTING", "PENDING_ALLOCATION"} and not replica.get("node_id")


def _wants(deployment: Mapping[str, Any]) -> dict[str, float]:
    options = deployment["deployment_config"].get("ray_actor_options") or {}
    wants = {"CPU": options.get("num_cpus", 1), "GPU": options.get("num_gpus", 0), **(options.get("resources") or {})}
    return {name: float(amount) for name, amount in wants.items() if amount}


def _free_resources(
    nodes: Sequence[Mapping[str, Any]], deployments: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, dict[str, float]], dict[str, list[str]]]:
    """What is left on each node, and who has what of each resource."""
    free = {node["node_id"]: dict(node["resources_total"]) for node in nodes if node["state"] == "ALIVE"}
    users: dict[str, list[str]] = defaultdict(list)
    for name, deployment in sorted(deployments.items()):
        for replica in deployment["replicas"]:
            if replica.get("node_id") not in free:
                continue
            node = free[replica["node_id"]]
            for resource, amount in _wants(deployment).items():
                node[resource] = node.get(resource, 0.0) - amount
                users[resource].append(f"{name} {amount:g}")
    return free, users


def _why(
    name: str,
    count: int,
    wants: Mapping[str, float],
    nodes: Sequence[Mapping[str, Any]],
    free: Mapping[str, Mapping[str, float]],
    users: Mapping[str, Sequence[str]],
) -> Finding:
    waits = f"{count} replica{'s' if count > 1 else ''} without a place"
    lacking = {}
    for resource, amount in wants.items():
        most = max((node.get(resource, 0.0) for node in free.values()), default=0.0)
        if most - amount <= -_LEAST:
            lacking[resource] = max(0.0, most)
    if not lacking:
        return Finding(_AREA, name, "warning", f"{waits}; what it wants is free, so it will start", "wait")
    reasons = []
    for resource, most in lacking.items():
        total = sum(float(node["resources_total"].get(resource, 0.0)) for node in nodes)
        having = ", ".join(users[resource]) if users.get(resource) else "nobody"
        reasons.append(f"each wants {wants[resource]:g} {resource}, there is {total:g} and {most:g} is free ({having})")
    option = "num_gpus" if "GPU" in lacking else "num_cpus" if "CPU" in lacking else "resources"
    return Finding(_AREA, name, "problem", f"{waits}: {'; '.join(reasons)}", _mend(option))


def _mend(option: str) -> str:
    return (
        f"lower {option} of a deployment under ray_actor_options, fewer replicas, or move its models into another "
        "deployment (models[].deployment)"
    )
