"""A real edge over processes that play ingress replicas, on ports that are free when the test starts."""

import asyncio
import random
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import httpx
import pytest

from smartlite.config import Settings
from smartlite.edge.supervisor import EdgeSupervisor

INSTANCE = "test-instance.1"
REPLICA_PORTS = 3
MAX_UPLOAD_BYTES = 1024 * 1024


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@pytest.fixture
def settings(socket_enabled: None) -> Settings:
    """Settings on ports that are free now, below the range that the kernel gives to clients."""
    while True:
        first = random.randrange(20000, 29000)
        ports = range(first, first + REPLICA_PORTS + 2)
        if all(map(_is_free, ports)):
            return Settings(
                port=ports[-1],
                edge_stats_port=ports[-2],
                replica_ports=f"{ports[0]}-{ports[REPLICA_PORTS - 1]}",
                max_upload_bytes=MAX_UPLOAD_BYTES,
            )


@dataclass
class Backends:
    """The processes that listen on the replica ports."""

    ports: range
    running: dict[int, Popen[bytes]] = field(default_factory=dict)

    async def start(self, index: int, instance: str = INSTANCE) -> Popen[bytes]:
        """Start one and wait until it answers."""
        port = self.ports[index]
        process = Popen(  # noqa: ASYNC220
            [sys.executable, str(Path(__file__).with_name("backend.py")), str(port), instance], stderr=DEVNULL
        )
        self.running[index] = process
        async with asyncio.timeout(20):
            while True:
                try:
                    await self.ask(index)
                    return process
                except httpx.TransportError:
                    await asyncio.sleep(0.05)

    async def ask(self, index: int) -> dict[str, Any]:
        """What has reached one of them, past the edge."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{self.ports[index]}/seen")
            return dict(answer.json())

    async def works_on(self, request: str) -> int:
        """Wait until a request, such as ``GET /slow``, has reached one of them; its index."""
        async with asyncio.timeout(20):
            while True:
                for index in self.running:
                    if request in (await self.ask(index))["requests"]:
                        return index
                await asyncio.sleep(0.02)

    async def release(self) -> None:
        """Let all of them answer what they work on."""
        async with httpx.AsyncClient(trust_env=False) as client:
            for index in self.running:
                await client.get(f"http://127.0.0.1:{self.ports[index]}/release")

    def kill(self, index: int) -> None:
        """As ``kill -9`` does."""
        process = self.running.pop(index)
        process.kill()
        process.wait()


@pytest.fixture
def backends(settings: Settings) -> Iterator[Backends]:
    """No replica yet; those started are killed at the end."""
    started = Backends(settings.replica_port_range)
    yield started
    for index in list(started.running):
        started.kill(index)


@pytest.fixture
async def edge(settings: Settings, backends: Backends) -> AsyncIterator[EdgeSupervisor]:
    """The edge, without a replica behind it."""
    async with EdgeSupervisor(settings, INSTANCE) as supervisor:
        yield supervisor


@pytest.fixture
async def client(settings: Settings, edge: EdgeSupervisor) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the gateway's port."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{settings.port}", trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
async def two_replicas(backends: Backends, edge: EdgeSupervisor) -> Backends:
    """Two replicas that the edge has found."""
    await asyncio.gather(backends.start(0), backends.start(1))
    async with asyncio.timeout(20):
        while await edge.replicas_up() != 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return backends
