"""Which replica of a deployment a call goes to: as Serve chooses, but never to the one that asks. Must not know calls.

A replica gives its peers what it cannot do at once itself. Serve's own choice is by how many requests it knows of at
each replica, and of those that a replica got from elsewhere its own router does not know: so most came back.
"""

from collections.abc import Iterable
from typing import Any, Final

from ray import serve
from ray.serve._private.request_router.pow_2_router import PowerOfTwoChoicesRequestRouter
from ray.serve.config import RequestRouterConfig
from ray.serve.exceptions import RayServeException


class PeerRouter(PowerOfTwoChoicesRequestRouter):  # type: ignore[misc] # Ray is not typed
    """Serve's default router, of which the replica that it runs in is no candidate."""

    def update_replicas(self, replicas: list[Any]) -> None:
        """Replace what can be chosen from."""
        super().update_replicas(list(others(replicas)))


def others(replicas: Iterable[Any]) -> Iterable[Any]:
    """All but the replica that this process is."""
    try:
        own = serve.get_replica_context().replica_id
    except RayServeException:
        return replicas
    return [replica for replica in replicas if replica.replica_id != own]


PEERS_ASK_OTHERS: Final = RequestRouterConfig(request_router_class=PeerRouter)
