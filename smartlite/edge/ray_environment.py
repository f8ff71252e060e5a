"""What Ray has to find in its environment before it is imported, for each kind of edge. Must not import Ray."""

import os
from pathlib import Path

from smartlite.config import Settings
from smartlite.edge.supervisor import find_program


def ray_environment(settings: Settings, instance: str) -> dict[str, str]:
    """What Ray has to find in its environment, for the edge that is chosen."""
    ports = settings.replica_port_range
    common = {
        "RAY_AUTH_MODE": settings.ray_auth_mode,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_SERVE_PROXY_HEALTH_CHECK_PERIOD_S": "1",
        "RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S": "2",
        "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "smartlite.api.middleware.request_id:around_serve",
        "SMARTLITE_INSTANCE": instance,
        # Ray then calls this machine 127.0.0.1 (the variable is meant for other systems), and every service of its own
        # listens on loopback. `_node_ip_address` does not do it: Ray turns a loopback address back into another.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        # Fewer heaps for the threads of each process: SmartLite's processes together are smaller by it.
        "MALLOC_ARENA_MAX": "2",
    }
    if settings.edge == "ray-proxy":
        return common
    direct = {
        "RAY_SERVE_THROUGHPUT_OPTIMIZED": "1",
        "RAY_SERVE_DIRECT_INGRESS_MIN_HTTP_PORT": str(ports.start),
        "RAY_SERVE_DIRECT_INGRESS_MAX_HTTP_PORT": str(ports.stop),  # Ray takes the ports below it
        # A replica that is told to stop goes on answering until the edge has noticed.
        "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "3",
        # Longer than Linux keeps a closed connection in TIME_WAIT (60 s): a replica that is given the port earlier
        # cannot take it, and Ray then never hands that port out again. With 5 s, the sixth replica that was killed
        # was not replaced.
        "RAY_SERVE_PORT_QUARANTINE_S": "65",
    }
    if settings.edge == "own":
        return common | direct
    return (
        common
        | direct
        | {
            "RAY_SERVE_ENABLE_HA_PROXY": "1",
            "RAY_SERVE_HAPROXY_BINARY_PATH": str(Path(__file__).with_name("haproxy-on-loopback")),
            "HAPROXY_PROGRAM": find_program(),
            "RAY_SERVE_HAPROXY_STATS_PORT": str(settings.edge_stats_port),
            "RAY_SERVE_HAPROXY_METRICS_ENABLED": "0",
            "RAY_SERVE_HAPROXY_METRICS_PORT": str(settings.edge_metrics_port),
            "RAY_SERVE_HAPROXY_NBTHREAD": str(max(1, (os.cpu_count() or 1) // 4)),
            "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(settings.ray_http_port),
        }
    )
