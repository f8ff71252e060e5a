"""Keeps a replica's call port on loopback where the whole cluster is. Must not know what the replica does.

Serve binds the gRPC server through which replicas call each other to every interface (``[::]:0`` in
``ray/serve/_private/replica.py`` of 2.60, with no setting), and that server unpickles what it is sent. It is bound
after the replica's constructor has run, so a constructor can still choose the address.
"""

import logging
from collections.abc import Callable
from typing import Any

import ray.util
from ray.serve._private import replica

_logger = logging.getLogger(__name__)


def bind_to_loopback() -> None:
    """Have this process's replica listen on 127.0.0.1 if its node is known by that address; else change nothing."""
    if ray.util.get_node_ip_address() != "127.0.0.1":
        return
    original: Callable[[Any, str], int] | None = getattr(replica, "add_port_to_grpc_server", None)
    if original is None:
        _logger.error("this version of Ray binds its call port in another way: it may listen on every interface")
        return

    def bind(server: Any, address: str) -> int:
        return original(server, address.replace("[::]", "127.0.0.1"))

    replica.add_port_to_grpc_server = bind
