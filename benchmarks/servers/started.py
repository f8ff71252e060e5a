"""Starts servers beside each other, each on ports and in a folder of its own. Must not know what they are asked."""

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import psutil  # type: ignore[import-untyped]  # it has no annotations
import yaml

from benchmarks.processes import PlatformProcesses
from benchmarks.startup import RunningPlatform
from benchmarks.target import wait_until_ready
from smartlite.errors import Unavailable

INGRESS_REPLICAS: Final = 2
_MAX_ONGOING: Final = 256
"""As in every configuration that ships, for ours and for the no-op alike."""
_KEY: Final = re.compile(r"shown this once: (sl_\w+)")
_NEVER_REACHED: Final = "1000000000"
_PORTS_EACH: Final = 20
_START_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 10.0


def start_platform(
    config: Path, data: Path, auth: str, first_port: int, more: Mapping[str, str] = MappingProxyType({})
) -> RunningPlatform:
    """A platform that is not started yet; its limits are out of the way.

    Args:
        config: Its configuration.
        data: A folder of its own.
        auth: ``off`` or ``required``.
        first_port: Ports are looked for from here on.
        more: Variables of its environment, such as larger limits.
    """
    first = free_ports(first_port)
    settings = {
        "SMARTLITE_AUTH": auth,
        "SMARTLITE_DATA_DIR": str(data),
        "SMARTLITE_REPLICA_PORTS": f"{first}-{first + 7}",
        "SMARTLITE_PORT": str(first + 8),
        "SMARTLITE_EDGE_STATS_PORT": str(first + 9),
        "SMARTLITE_RAY_HTTP_PORT": str(first + 10),
        "SMARTLITE_DASHBOARD_PORT": str(first + 11),
        "SMARTLITE_RATE_LIMIT_REQUESTS_PER_MINUTE": _NEVER_REACHED,
        "SMARTLITE_RATE_LIMIT_TOKENS_PER_MINUTE": _NEVER_REACHED,
    }
    return RunningPlatform(config, f"http://127.0.0.1:{first + 8}", {**os.environ, **settings, **more})


def first_key(platform: RunningPlatform) -> str:
    """The administrator's key, which a platform that asks for keys shows at its first start.

    Raises:
        Unavailable: It showed none.
    """
    found = _KEY.search(platform.said())
    if found is None:
        raise Unavailable("The platform showed no key at its start.")
    return found[1]


@contextmanager
def started_uvicorn(first_port: int) -> Iterator[tuple[str, PlatformProcesses]]:
    """The no-op app on a uvicorn without Ray, without an edge and without an access log; its address and process."""
    port = free_ports(first_port)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            (sys.executable, "-m", "uvicorn", "benchmarks.servers.noop:app", "--port", str(port), "--no-access-log"),
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until_ready(url, _START_TIMEOUT_S)
            yield url, PlatformProcesses(psutil.Process(process.pid))
        finally:
            process.terminate()
            try:
                process.wait(_STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def free_ports(first_port: int) -> int:
    """The first of a run of ports that nobody listens on.

    Raises:
        Unavailable: There is none within 5,000 ports.
    """
    for first in range(first_port, first_port + 5000, _PORTS_EACH):
        if all(_is_free(port) for port in range(first, first + _PORTS_EACH)):
            return first
    raise Unavailable(f"No {_PORTS_EACH} free ports from {first_port} on.")


def with_embeddings(document: dict[str, Any]) -> dict[str, Any]:
    """The same platform with vectors, made in the replica of the language model as in what ships."""
    served = {"model": "fake-embedding", "engine": "fake", "deployment": "llm"}
    document["applications"][0]["args"]["embedding"] = {"models": [served]}
    return document


def fake_configuration() -> dict[str, Any]:
    """A platform whose engines compute nothing, so that what is measured is the gateway."""
    replicas = {"ingress": INGRESS_REPLICAS, "pipeline": 1, "asr": 1, "llm": 1, "tts": 1}
    application = {
        "name": "smartlite",
        "route_prefix": "/",
        "import_path": "graphs.platform:build_app",
        "args": {stage: {"models": [{"model": f"fake-{stage}", "engine": "fake"}]} for stage in ("asr", "llm", "tts")},
        "deployments": [
            {
                "name": name,
                "num_replicas": count,
                "max_ongoing_requests": _MAX_ONGOING,
                "ray_actor_options": {"num_cpus": 0.1},
            }
            for name, count in replicas.items()
        ],
    }
    # As in every configuration that ships: the gateway writes its own access log.
    logging = {"encoding": "JSON", "enable_access_log": False}
    return {"proxy_location": "HeadOnly", "logging_config": logging, "applications": [application]}


def one_hop_configuration() -> dict[str, Any]:
    """The no-op app with one plain call, of whose callee there is one replica as of each of our stages."""
    document = noop_configuration()
    application = document["applications"][0]
    application["import_path"] = "benchmarks.servers.one_hop:build_app"
    application["deployments"].append(
        {
            "name": "callee",
            "num_replicas": 1,
            "max_ongoing_requests": _MAX_ONGOING,
            "ray_actor_options": {"num_cpus": 0.1},
        }
    )
    return document


def noop_configuration() -> dict[str, Any]:
    """The no-op app with the same number of replicas and with Serve's own logging, which includes its access log."""
    # Without the middleware that `smartlite serve` has Serve put before every app.
    plain = {"RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": ""}
    ingress = {
        "name": "ingress",
        "num_replicas": INGRESS_REPLICAS,
        "max_ongoing_requests": _MAX_ONGOING,
        "ray_actor_options": {"num_cpus": 0.1, "runtime_env": {"env_vars": plain}},
    }
    application = {
        "name": "noop",
        "route_prefix": "/",
        "import_path": "benchmarks.servers.noop:build_app",
        "args": {},
        "deployments": [ingress],
    }
    return {"proxy_location": "HeadOnly", "applications": [application]}


def write_configuration(path: Path, document: Mapping[str, Any]) -> Path:
    """Write a configuration where a platform can read it."""
    path.write_text(yaml.safe_dump(dict(document)), encoding="utf-8")
    return path


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
