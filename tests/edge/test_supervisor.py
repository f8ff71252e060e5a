"""HAProxy is started, started again, stopped, and ends with the process that started it."""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

import httpx
import pytest

from smartlite.config import Settings
from smartlite.edge.config import write_config
from smartlite.edge.supervisor import EdgeSupervisor
from smartlite.errors import ConfigurationError, Unavailable

pytestmark = pytest.mark.integration


def _runs(pid: int) -> bool:
    """Whether a process exists and is not only waiting to be collected."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def _ends(pid: int) -> None:
    async with asyncio.timeout(5):
        while _runs(pid):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_killed_edge_answers_again(two_replicas, edge: EdgeSupervisor, client: httpx.AsyncClient) -> None:
    killed = edge.pid
    os.kill(killed, signal.SIGKILL)
    async with asyncio.timeout(20):
        while True:
            try:
                if (await client.get("/hello")).status_code == 200:
                    break
            except httpx.TransportError:
                await asyncio.sleep(0.02)
    assert edge.pid not in (None, killed)


async def test_a_killed_edge_answers_again_a_second_time(two_replicas, edge: EdgeSupervisor) -> None:
    for _ in range(3):
        killed = edge.pid
        os.kill(killed, signal.SIGKILL)
        async with asyncio.timeout(20):
            while edge.pid in (None, killed):  # noqa: ASYNC110
                await asyncio.sleep(0.02)


async def test_a_stopped_edge_leaves_no_process_and_no_file(settings: Settings) -> None:
    edge = EdgeSupervisor(settings, "one")
    await edge.start()
    pid, directory = edge.pid, edge.directory
    assert directory.stat().st_mode & 0o777 == 0o700
    await edge.stop()
    assert not _runs(pid)
    assert not directory.exists()


async def test_a_stopped_edge_lets_a_request_finish(
    two_replicas, edge: EdgeSupervisor, client: httpx.AsyncClient
) -> None:
    answer = asyncio.create_task(client.get("/slow"))
    await two_replicas.works_on("GET /slow")
    stopping = asyncio.create_task(edge.stop())
    await asyncio.sleep(0)  # the edge is told to stop before the replica may answer
    await two_replicas.release()
    await stopping
    assert (await answer).status_code == 200


async def test_an_endless_stream_does_not_keep_the_edge_from_stopping(
    two_replicas, edge: EdgeSupervisor, client: httpx.AsyncClient
) -> None:
    pid = edge.pid
    async with client.stream("GET", "/endless") as answer:
        await anext(answer.aiter_bytes())
        await edge.stop(grace_s=0.2)
        assert not _runs(pid)


async def test_a_port_taken_while_the_edge_runs_is_told_in_haproxys_words(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartlite.edge.supervisor._RESTART_DELAYS_S", (0.0, 0.1))
    with socket.create_server(("127.0.0.1", settings.port)):  # noqa: SIM117
        with pytest.raises(Unavailable, match=f"127.0.0.1:{settings.port}"):
            await EdgeSupervisor(settings, "one").start()


async def test_an_edge_that_fails_for_good_is_told_to_who_waits(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smartlite.edge.supervisor._RESTART_DELAYS_S", (0.0,))
    async with EdgeSupervisor(settings, "one") as edge:
        failed = asyncio.create_task(edge.wait_failed())
        for _ in range(2):
            async with asyncio.timeout(20):
                while edge.pid is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
            os.kill(edge.pid, signal.SIGKILL)
            await asyncio.sleep(0.2)
        with pytest.raises(Unavailable, match="again and again"):
            await asyncio.wait_for(failed, 10)


async def test_a_refused_configuration_is_told_in_haproxys_words(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_wrong(directory: Path, settings: Settings, instance: str) -> Path:
        path = write_config(directory, settings, instance)
        path.write_text("no such section\n")
        return path

    monkeypatch.setattr("smartlite.edge.supervisor.write_config", write_wrong)
    with pytest.raises(ConfigurationError, match="unknown keyword 'such'"):
        await EdgeSupervisor(settings, "one").start()


async def test_the_edge_ends_with_the_process_that_started_it(settings: Settings, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import asyncio, sys\n"
        "from smartlite.config import Settings\n"
        "from smartlite.edge.supervisor import EdgeSupervisor\n"
        "async def main():\n"
        "    edge = EdgeSupervisor(Settings.model_validate_json(sys.argv[1]), 'one')\n"
        "    await edge.start()\n"
        "    print(edge.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        str(script),
        settings.model_dump_json(),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    try:
        pid = int(await asyncio.wait_for(parent.stdout.readline(), 30))
        assert _runs(pid)
    finally:
        parent.kill()
        await parent.wait()
    await _ends(pid)
