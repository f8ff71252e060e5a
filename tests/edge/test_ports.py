"""A taken port is named, with the setting that moves it and the process that holds it."""

import os
import socket
from pathlib import Path

import pytest

from smartlite.config import Settings
from smartlite.edge.ports import check_ports_free
from smartlite.errors import ConfigurationError

pytestmark = pytest.mark.integration


def test_free_ports_pass(settings: Settings) -> None:
    check_ports_free({"SMARTLITE_PORT": settings.port, "SMARTLITE_REPLICA_PORTS": settings.replica_port_range})


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0"])
def test_a_taken_port_is_named_with_its_setting_and_its_process(settings: Settings, address: str) -> None:
    with socket.create_server((address, settings.port)), pytest.raises(ConfigurationError) as caught:
        check_ports_free({"SMARTLITE_PORT": settings.port})
    own_name = Path("/proc/self/comm").read_text().strip()
    assert str(caught.value) == (
        f"Port {settings.port} is taken by {own_name} (process {os.getpid()}); set SMARTLITE_PORT to another"
    )
    assert caught.value.param == "SMARTLITE_PORT"


def test_a_listener_on_all_ipv6_addresses_is_in_the_way(settings: Settings) -> None:
    with (
        socket.create_server(("::", settings.port), family=socket.AF_INET6, dualstack_ipv6=True),
        pytest.raises(ConfigurationError, match=f"process {os.getpid()}"),
    ):
        check_ports_free({"SMARTLITE_PORT": settings.port})


def test_a_taken_port_within_a_range_is_named(settings: Settings) -> None:
    taken = settings.replica_port_range[1]
    with (
        socket.create_server(("127.0.0.1", taken)),
        pytest.raises(ConfigurationError, match=f"Port {taken} .* set SMARTLITE_REPLICA_PORTS"),
    ):
        check_ports_free({"SMARTLITE_REPLICA_PORTS": settings.replica_port_range})


def test_a_connection_just_closed_is_not_in_the_way(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", settings.port)) as listener:  # noqa: SIM117
        with socket.create_connection(("127.0.0.1", settings.port)) as client:
            accepted, _ = listener.accept()
            accepted.close()  # the side that closes first waits
            assert client.recv(1) == b""
    check_ports_free({"SMARTLITE_PORT": settings.port})


def test_two_settings_with_the_same_port_are_named(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="SMARTLITE_PORT and SMARTLITE_REPLICA_PORTS both name port"):
        check_ports_free(
            {"SMARTLITE_REPLICA_PORTS": settings.replica_port_range, "SMARTLITE_PORT": settings.replica_port_range[2]}
        )


def test_the_ports_are_free_again_after_the_check(settings: Settings) -> None:
    check_ports_free({"SMARTLITE_PORT": settings.port})
    with socket.create_server(("127.0.0.1", settings.port)):
        pass


@pytest.mark.integration
def test_connections_of_a_server_that_has_just_ended_are_not_in_the_way(socket_enabled: None) -> None:
    # As Ray's replicas do: without SO_REUSEADDR, so that the kernel keeps the port in TIME_WAIT.
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = server.accept()
            accepted.close()  # the server's side closes first and waits
            assert client.recv(1) == b""
    with socket.socket() as again, pytest.raises(OSError, match="in use"):
        again.bind(("127.0.0.1", port))
    check_ports_free({"SMARTLITE_REPLICA_PORTS": range(port, port + 1)})
