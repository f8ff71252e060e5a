"""The check that every port the platform will take is free, before anything is started.

Must not know what will listen there.
"""

import errno
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from smartlite.errors import ConfigurationError

_CONNECT_TIMEOUT_S: Final = 0.5


def check_ports_free(named: Mapping[str, int | range], host: str = "127.0.0.1") -> None:
    """Take every port for a moment.

    Args:
        named: The setting that an operator changes to move the port (such as ``SMARTLITE_PORT``) and its port or ports.
        host: The loopback address to take them on; a listener on all addresses is in the way as well.

    Raises:
        ConfigurationError: Two settings name the same port, or a port is taken or not allowed. The message names the
            port, the setting, and the process that holds the port where ``/proc`` tells; the param is the setting.
    """
    owners: dict[int, str] = {}
    for setting, ports in named.items():
        for port in [ports] if isinstance(ports, int) else ports:
            if (other := owners.setdefault(port, setting)) != setting:
                raise ConfigurationError(
                    f"{setting} and {other} both name port {port}; give one of them another", setting
                )
            _check_free(setting, host, port)


def _check_free(setting: str, host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        # As servers do: connections that have just been closed are not in the way, listeners are.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                if not _has_listener(family, host, port):
                    # Connections of a server that has just ended: Ray's replicas set no SO_REUSEADDR, so the kernel
                    # keeps their port for a minute. A replica then takes the next one of its range.
                    return
                reason = f"is taken{_by_whom(port)}"
            else:
                reason = f"cannot be used: {error.strerror}"
            raise ConfigurationError(f"Port {port} {reason}; set {setting} to another", setting) from error


def _has_listener(family: socket.AddressFamily, host: str, port: int) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(_CONNECT_TIMEOUT_S)
        try:
            client.connect((host, port))
        except ConnectionRefusedError:
            return False
        except OSError:
            return True
        return True


def _by_whom(port: int) -> str:
    """Name the process that holds a port, as far as ``/proc`` shows it to this user."""
    inodes = _socket_inodes(port)
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(link.readlink()) in inodes for link in (process / "fd").iterdir()):
                return f" by {(process / 'comm').read_text().strip()} (process {process.name})"
        except OSError:
            continue  # it has ended, or belongs to another user
    return ""


def _socket_inodes(port: int) -> set[str]:
    """Find the sockets bound to a local port, as the links in ``/proc/PID/fd`` spell them."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            rows = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            columns = row.split()
            if int(columns[1].rpartition(":")[2], 16) == port and columns[9] != "0":
                inodes.add(f"socket:[{columns[9]}]")
    return inodes
