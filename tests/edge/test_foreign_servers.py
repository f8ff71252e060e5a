"""Servers of other kinds on the replicas' ports: they get no request, and cost the edge nothing."""

import asyncio

import psutil
import pytest

from smartlite.config import Settings
from smartlite.edge.supervisor import EdgeSupervisor

pytestmark = pytest.mark.integration

_SETTINGS_FRAME = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""How a server of HTTP/2, such as one of gRPC, begins (RFC 9113, section 6.5)."""
_GO_AWAY_FRAME = bytes([0, 0, 8, 7, 0, 0, 0, 0, 0]) + bytes(8)
_SPINNING_CORES = 0.5
"""It took 0.9 with HAProxy's own HTTP checks, and takes less than 0.01."""


async def _play_grpc(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(_SETTINGS_FRAME)
    await reader.read(1024)
    writer.write(_GO_AWAY_FRAME)
    writer.close()


async def test_a_grpc_server_on_a_replicas_port_keeps_the_edge_not_busy(
    settings: Settings, edge: EdgeSupervisor
) -> None:
    assert edge.pid is not None
    tree = psutil.Process(edge.pid)
    server = await asyncio.start_server(_play_grpc, "127.0.0.1", settings.replica_port_range.start)
    async with server:
        await asyncio.sleep(0.5)  # it is asked every 250 ms
        before = _cpu_s(tree)
        await asyncio.sleep(2)
        cores = (_cpu_s(tree) - before) / 2
        assert await edge.replicas_up() == 0
    assert cores < _SPINNING_CORES


def _cpu_s(process: psutil.Process) -> float:
    together = (process, *process.children(recursive=True))
    return float(sum(each.cpu_times().user + each.cpu_times().system for each in together))
