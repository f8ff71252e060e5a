"""Calls to peers go to the others: the replica that asks is no candidate of its own router."""

from dataclasses import dataclass, field

import pytest
from ray import serve
from ray.serve._private.common import DeploymentHandleSource, DeploymentID, ReplicaID
from ray.serve.config import RequestRouterConfig

from deployments.peer_router import PEERS_ASK_OTHERS

STAGE = DeploymentID("asr", "smartlite")
IDS = [ReplicaID(name, STAGE) for name in ("one", "two", "three")]


@dataclass(eq=False)
class Replica:
    """What a router uses of Serve's RunningReplica, and we of a replica's context."""

    replica_id: ReplicaID
    node_id: str = "node"
    availability_zone: str | None = None
    multiplexed_model_ids: set[str] = field(default_factory=set)

    async def get_queue_len(self, *, deadline_s: float) -> int:
        return 0


async def candidates() -> set[ReplicaID]:
    """Whom the router of this process may choose."""
    router = PEERS_ASK_OTHERS.get_request_router_class()(
        deployment_id=STAGE,
        handle_source=DeploymentHandleSource.REPLICA,
        self_node_id="node",
        use_replica_queue_len_cache=True,
        create_replica_wrapper_func=lambda replica: replica,
    )
    router.update_replicas([Replica(identifier) for identifier in IDS])
    chosen = [await router.choose_replicas(list(router.curr_replicas.values())) for _ in range(50)]
    return {replica.replica_id for ranks in chosen for rank in ranks for replica in rank}


async def test_a_replica_never_chooses_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "get_replica_context", lambda: Replica(IDS[1]))
    assert await candidates() == {IDS[0], IDS[2]}


async def test_a_replica_of_another_deployment_may_choose_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "get_replica_context", lambda: Replica(ReplicaID("one", DeploymentID("ingress"))))
    assert await candidates() == set(IDS)


async def test_a_process_that_is_no_replica_may_choose_each() -> None:
    assert await candidates() == set(IDS)


def test_it_is_serve_s_default_router_in_all_else() -> None:
    router = PEERS_ASK_OTHERS.get_request_router_class()
    assert issubclass(router, RequestRouterConfig().get_request_router_class())
