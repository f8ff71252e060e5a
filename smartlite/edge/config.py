"""The edge's configuration: HAProxy's file, its error answers and its start state, rendered from the settings.

Must not know who starts the program, nor what the replicas serve.
"""

import os
import re
import resource
from importlib.resources import files
from pathlib import Path
from string import Template

from smartlite.config import Settings
from smartlite.errors import ConfigurationError

PURE_POST_ROUTES = (
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/voice/turns",
)
"""POST routes that compute and store nothing: one that was running on a replica that died may be run again."""

BUFFER_BYTES = 32 * 1024
"""HAProxy's buffer: the largest request, headers included, that can be sent again; two to three a busy request."""

REPLICA_HOST = "127.0.0.1"
"""Where replicas listen; what reaches a replica directly has passed none of the edge's rules."""

_MAX_CONNECTIONS = 4096
_STATUSES = (400, 404, 405, 408, 413, 500, 502, 503, 504)
_INSTANCE = re.compile(r"[A-Za-z0-9._-]{1,64}")
_FORM_BYTES = 64 * 1024
"""What a form has beside its file."""
# Columns of `show servers state` of HAProxy 2.8; operational state 0 is "stopped", check state 6 "enabled".
_STATE_HEADER = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight \
srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state \
bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr \
srv_agent_port
"""


def write_config(directory: Path, settings: Settings, instance: str) -> Path:
    """Write everything HAProxy reads into a directory of its own.

    Args:
        directory: An existing private directory; files in it are replaced.
        settings: Addresses, ports and limits.
        instance: The value of ``X-SmartLite-Instance`` with which this platform's replicas answer ``GET /healthz``.

    Returns:
        The path of HAProxy's configuration file.

    Raises:
        ConfigurationError: The instance is not 1 to 64 characters of ``A-Z a-z 0-9 . _ -``, or the machine allows too
            few open files.
    """
    if not _INSTANCE.fullmatch(instance):
        raise ConfigurationError(f"The instance {instance!r} must be 1 to 64 characters of A-Z a-z 0-9 . _ -")
    error_files = []
    for status in _STATUSES:
        path = directory / f"{status}.http"
        path.write_bytes(_error_answer(status))
        error_files.append(f"    errorfile {status} {path}")
    servers = {f"replica-{port}": port for port in settings.replica_port_range}
    state_file = directory / "servers.state"
    state_file.write_text(_STATE_HEADER + "".join(_stopped(number, *server) for number, server in _numbered(servers)))
    lua_file = directory / "refuse_upload.lua"
    lua_file.write_text(_source("refuse_upload.lua"))
    text = Template(_source("haproxy.cfg.tmpl")).substitute(
        bind_address=_address(settings.host, settings.port),
        buffer_bytes=BUFFER_BYTES,
        directory=directory,
        error_files="\n".join(error_files),
        instance=instance,
        lua_file=lua_file,
        max_connections=_max_connections(),
        max_file_bytes=settings.file_max_bytes + _FORM_BYTES,
        max_upload_bytes=settings.max_upload_bytes,
        max_waiting=settings.edge_max_waiting,
        pure_post_routes=" ".join(PURE_POST_ROUTES),
        replica_connections=replica_connections(settings.max_concurrent_requests),
        servers="\n".join(f"    server {name} {REPLICA_HOST}:{port}" for name, port in servers.items()),
        state_file=state_file,
        stats_port=settings.edge_stats_port,
        threads=_threads(),
    )
    path = directory / "haproxy.cfg"
    path.write_text(text, encoding="utf-8")
    return path


def replica_connections(max_concurrent_requests: int) -> int:
    """Requests that the edge gives to one replica at once.

    A twentieth (at least 2) stays free for health checks and for requests whose client has hung up and whose end the
    replica has not noticed yet, so that waiting happens in the edge's queue and not in the replica's refusals.
    """
    return max(1, max_concurrent_requests - max(2, max_concurrent_requests // 20))


def _source(*path: str) -> str:
    return files("smartlite.edge").joinpath(*path).read_text(encoding="utf-8")


def _numbered(servers: dict[str, int]) -> "enumerate[tuple[str, int]]":
    return enumerate(servers.items(), start=1)


def _stopped(number: int, name: str, port: int) -> str:
    return f"3 replicas {number} {name} {REPLICA_HOST} 0 0 1 1 0 1 0 0 6 0 0 0 - {port} - 0 0 - - 0\n"


def _error_answer(status: int) -> bytes:
    """Give a file of ``errors/`` the line ends and the length that HTTP wants."""
    head, _, body = _source("errors", f"{status}.http").partition("\n\n")
    content = body.strip().encode()
    lines = [*head.splitlines(), f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(lines).encode() + content


def _address(host: str, port: int) -> str:
    return f"ipv6@[{host}]:{port}" if ":" in host else f"ipv4@{host}:{port}"


def _threads() -> int:
    """One thread to four cores: one carried 6,782 requests a second on two cores beside the replicas."""
    return max(1, min(4, len(os.sched_getaffinity(0)) // 4))


def _max_connections() -> int:
    """Client connections, each of which may need a second one to a replica, below the limit of open files."""
    _, limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return _MAX_CONNECTIONS
    connections = min(_MAX_CONNECTIONS, (limit - 256) // 2)
    if connections < 64:
        raise ConfigurationError(f"This machine allows {limit} open files a process; the edge needs 512 (ulimit -Hn)")
    return connections
