"""The rendered configuration, read as text; what it does is in test_edge.py."""

import json
import re
from pathlib import Path

import pytest

from smartlite import errors
from smartlite.config import Settings
from smartlite.edge.config import replica_connections, write_config
from smartlite.errors import ConfigurationError, SmartLiteError

STATUSES = (400, 404, 405, 408, 413, 500, 502, 503, 504)


def _tree(cls: type[SmartLiteError] = errors.SmartLiteError) -> list[type[SmartLiteError]]:
    return [cls, *(found for child in cls.__subclasses__() for found in _tree(child))]


def _answer(directory: Path, status: int) -> tuple[int, dict[str, str], bytes]:
    head, _, body = (directory / f"{status}.http").read_bytes().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


@pytest.mark.parametrize("status", STATUSES)
def test_an_error_answer_is_json_in_openais_shape_and_of_its_declared_length(tmp_path: Path, status: int) -> None:
    write_config(tmp_path, Settings(), "one")
    _, headers, body = _answer(tmp_path, status)
    assert set(json.loads(body)) == {"error"}
    assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}
    assert headers["Content-Type"] == "application/json"
    assert int(headers["Content-Length"]) == len(body)


@pytest.mark.parametrize("status", [status for status in STATUSES if status != 408])
def test_an_error_answer_is_what_the_platforms_error_of_that_code_renders(tmp_path: Path, status: int) -> None:
    write_config(tmp_path, Settings(), "one")
    sent, headers, body = _answer(tmp_path, status)
    error = json.loads(body)["error"]
    (known,) = [cls for cls in _tree() if cls.code == error["code"]]
    retry_after = headers.get("Retry-After")
    assert (sent, error["type"], retry_after and int(retry_after)) == (
        known.status_code,
        known.type,
        known.retry_after_s,
    )


def test_every_possible_replica_port_is_a_server_and_starts_as_down(tmp_path: Path) -> None:
    text = write_config(tmp_path, Settings(replica_ports="30000-30003"), "one").read_text()
    ports = [str(port) for port in range(30000, 30004)]
    assert re.findall(r"^    server \S+ 127\.0\.0\.1:(\d+)", text, re.MULTILINE) == ports
    rows = [line.split() for line in (tmp_path / "servers.state").read_text().splitlines()[2:]]
    assert [(row[18], row[5]) for row in rows] == [(port, "0") for port in ports]


def test_an_ipv6_address_is_bound_as_one(tmp_path: Path) -> None:
    assert "    bind ipv6@[::1]:8000\n" in write_config(tmp_path, Settings(host="::1"), "one").read_text()


@pytest.mark.parametrize("instance", ["", "a b", 'x"y', "x\nserver evil 127.0.0.1:1", "x" * 65, "%[env(HOME)]"])
def test_an_instance_that_could_end_its_quotes_is_refused(tmp_path: Path, instance: str) -> None:
    with pytest.raises(ConfigurationError, match="instance"):
        write_config(tmp_path, Settings(), instance)


@pytest.mark.parametrize(("allowed", "given"), [(1, 1), (2, 1), (10, 8), (200, 190)])
def test_a_replica_keeps_room_for_health_checks(allowed: int, given: int) -> None:
    assert replica_connections(allowed) == given
