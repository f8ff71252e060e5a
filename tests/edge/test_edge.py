"""What the edge lets through, refuses and answers itself: a real HAProxy over processes that play replicas."""

import asyncio
import contextlib
import json
import socket

import httpx
import pytest

from smartlite.config import Settings
from smartlite.edge.supervisor import EdgeSupervisor
from tests.edge.conftest import INSTANCE, Backends

pytestmark = pytest.mark.integration


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def _exchange(port: int, request: bytes, timeout_s: float = 15) -> bytes:
    """Send raw bytes and read until the edge closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await asyncio.wait_for(reader.read(), timeout_s)
    finally:
        await _close(writer)


def _is_error(answer: httpx.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/json"


async def test_without_a_replica_the_answer_is_503_with_retry_after(client: httpx.AsyncClient) -> None:
    answer = await client.get("/hello", headers={"X-Request-ID": "req_1"})
    _is_error(answer, 503, "service_unavailable")
    assert answer.headers["retry-after"] == "2"
    assert answer.headers["x-request-id"] == "req_1"


async def test_a_request_id_that_is_not_one_is_not_echoed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/hello", headers={"X-Request-ID": "a b\tc"})
    assert "x-request-id" not in answer.headers


async def test_a_foreign_server_on_a_replica_port_gets_no_request(
    edge: EdgeSupervisor, backends, client: httpx.AsyncClient
) -> None:
    await backends.start(0, instance="")
    await backends.start(1, instance="another-instance")
    await backends.start(2)
    async with asyncio.timeout(20):
        while await edge.replicas_up() == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert {(await client.get("/hello")).status_code for _ in range(30)} == {200}
    assert await edge.replicas_up() == 1
    assert [len((await backends.ask(index))["requests"]) for index in range(3)] == [0, 0, 30]


async def test_a_foreign_server_gets_no_request_while_the_edge_is_new(settings: Settings, backends) -> None:
    await backends.start(0, instance="")
    for _ in range(3):
        async with EdgeSupervisor(settings, "one"), httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"http://127.0.0.1:{settings.port}/hello")
            assert answer.status_code == 503
    assert (await backends.ask(0))["requests"] == []


async def test_the_mark_of_the_platform_does_not_leave_it(two_replicas, client: httpx.AsyncClient) -> None:
    answer = await client.get("/hello")
    assert "x-backend" in answer.headers
    assert "x-smartlite-instance" not in answer.headers


async def test_headers_that_steer_or_pose_are_removed_and_others_pass(two_replicas, client: httpx.AsyncClient) -> None:
    removed = [
        "X-Request-Timeout-Seconds",
        "X-Request-Disconnect-Disabled",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "Forwarded",
        "X-SmartLite-Instance",
        "X-SmartLite-Principal",
        "X-SmartLite-Client-Address",
        "serve_multiplexed_model_id",
        "Serve-Multiplexed-Model-Id",
        "serve_multiplexed-model_id",
        "X-Session-Id",
    ]
    kept = {"X-Request-ID": "req_1", "Authorization": "Bearer abc", "traceparent": "00-1-1-00"}
    answer = await client.get("/headers", headers=dict.fromkeys(removed, "?1") | kept)
    arrived = {name.lower(): value for name, value in answer.json()}
    assert arrived.pop("x-smartlite-client-address") == "127.0.0.1"  # the edge's own word
    assert not {name.lower() for name in removed} & set(arrived)
    assert {name: arrived[name.lower()] for name in kept} == kept


@pytest.mark.parametrize(
    "target",
    ["/-/healthz", "/-/routes", "/%2d/routes", "/%2D%2Froutes", "//-/routes", "/./-/routes", "/-", "/-/routes?x=1"],
)
async def test_the_routes_of_ray_serve_are_closed_however_they_are_spelled(
    settings: Settings, two_replicas, target: str
) -> None:
    raw = await _exchange(settings.port, f"GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    assert raw.startswith(b"HTTP/1.1 404 ")
    assert b'"not_found"' in raw


async def test_the_routes_of_ray_serve_are_closed_in_absolute_form(settings: Settings, two_replicas) -> None:
    request = b"GET http://a/-/routes HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    assert (await _exchange(settings.port, request)).startswith(b"HTTP/1.1 404 ")


async def test_a_dash_elsewhere_in_the_path_is_open(two_replicas, client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/models/a/-/b")).status_code == 200
    assert (await client.get("/-a")).status_code == 200


async def test_an_upload_over_the_limit_is_refused_before_it_is_sent(
    settings: Settings, two_replicas, client: httpx.AsyncClient
) -> None:
    head = f"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {settings.max_upload_bytes + 1}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.port)
    writer.write(head.encode())
    raw = await asyncio.wait_for(reader.readuntil(b"}}"), 10)
    await _close(writer)
    assert raw.startswith(b"HTTP/1.1 413 ")
    assert b'"request_too_large"' in raw
    assert [(await two_replicas.ask(index))["requests"] for index in range(2)] == [[], []]


async def test_a_client_that_sends_all_of_an_oversized_upload_reads_the_refusal(
    settings: Settings, two_replicas, client: httpx.AsyncClient
) -> None:
    for _ in range(5):
        answer = await client.post("/upload", content=bytes(settings.max_upload_bytes * 8))
        _is_error(answer, 413, "request_too_large")


async def test_an_upload_of_exactly_the_limit_passes_whole(
    settings: Settings, two_replicas, client: httpx.AsyncClient
) -> None:
    answer = await client.post("/upload", content=bytes(settings.max_upload_bytes))
    assert (answer.status_code, int(answer.text)) == (200, settings.max_upload_bytes)


async def test_a_file_that_is_to_be_kept_may_be_larger(
    settings: Settings, two_replicas, client: httpx.AsyncClient
) -> None:
    size = settings.max_upload_bytes * 2
    answer = await client.post("/v1/files", content=bytes(size))
    assert (answer.status_code, int(answer.text)) == (200, size)
    head = f"POST /v1/files HTTP/1.1\r\nHost: a\r\nContent-Length: {settings.file_max_bytes * 2}\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.port)
    writer.write(head.encode())
    raw = await asyncio.wait_for(reader.readuntil(b"}}"), 10)
    await _close(writer)
    assert raw.startswith(b"HTTP/1.1 413 ")


async def test_a_header_that_drips_is_cut_off(settings: Settings, two_replicas) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.port)

    async def drip() -> None:
        writer.write(b"GET /hello HTTP/1.1\r\nHost: a\r\n")
        while True:
            writer.write(b"X-A: b\r\n")
            await asyncio.sleep(0.2)

    dripping = asyncio.create_task(drip())
    try:
        raw = await asyncio.wait_for(reader.read(), 20)
    finally:
        dripping.cancel()
        await _close(writer)
    assert raw.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b",
        "GET / HTTP/1.1\r\nHost : a",
        "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c",
        "GET / HTTP/1.1\r\nHost: a\r\nX\x01: b",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked",
        "BOGUS",
    ],
)
async def test_framing_that_can_be_read_in_two_ways_reaches_no_replica(
    settings: Settings, two_replicas, head: str
) -> None:
    raw = await _exchange(settings.port, f"{head}\r\nConnection: close\r\n\r\nhello0\r\n\r\n".encode())
    assert raw.split(b" ")[1] in (b"400", b"422", b"501")
    assert raw.count(b"HTTP/1.1 ") == 1
    assert [(await two_replicas.ask(index))["requests"] for index in range(2)] == [[], []]


async def test_a_folded_header_arrives_as_one_line(settings: Settings, two_replicas) -> None:
    raw = await _exchange(
        settings.port, b"GET /headers HTTP/1.1\r\nHost: a\r\nX-A: b\r\n  c: d\r\nConnection: close\r\n\r\n"
    )
    arrived = dict(json.loads(raw.partition(b"\r\n\r\n")[2]))
    assert arrived["x-a"].split() == ["b", "c:", "d"]


async def test_events_of_a_stream_arrive_as_they_are_sent(two_replicas, client: httpx.AsyncClient) -> None:
    events = []
    async with client.stream("GET", "/events") as answer:
        async for chunk in answer.aiter_raw():
            events.append(chunk)
    assert events == [f"data: {number}\n\n".encode() for number in range(5)]


async def test_a_websocket_passes_in_both_directions(settings: Settings, two_replicas) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", settings.port)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    assert head.startswith(b"HTTP/1.1 101 ")
    for message in (b"\x82\x03abc", bytes(4800)):
        writer.write(message)
        assert await asyncio.wait_for(reader.readexactly(len(message)), 10) == message
    await _close(writer)


async def test_a_client_that_hangs_up_frees_its_replica(settings: Settings, two_replicas) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", settings.port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
    working = await two_replicas.works_on("GET /slow")
    await _close(writer)
    async with asyncio.timeout(20):
        while (await two_replicas.ask(working))["hung_up"] != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_statistics_and_metrics_are_on_loopback_only(settings: Settings, edge: EdgeSupervisor) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        base = f"http://127.0.0.1:{settings.edge_stats_port}"
        assert "haproxy_process_uptime_seconds" in (await client.get(base + "/metrics")).text
        assert "Statistics Report" in (await client.get(base + "/stats")).text
        _is_error(await client.get(base + "/"), 404, "not_found")
    # Every address of this machine other than the one that was bound refuses, 127.0.0.2 among them.
    for port in (settings.edge_stats_port, settings.port):
        with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.2", port), timeout=2):
            pass


async def test_the_gateways_port_shows_no_statistics(two_replicas, client: httpx.AsyncClient) -> None:
    for path in ("/stats", "/metrics", "/replicas"):
        assert "x-backend" in (await client.get(path)).headers


async def test_a_body_that_never_arrives_is_answered_408(settings: Settings, two_replicas) -> None:
    request = b"POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf"
    raw = await _exchange(settings.port, request, timeout_s=25)
    assert raw.startswith(b"HTTP/1.1 408 ")
    assert json.loads(raw.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_timeout"


async def test_who_comes_while_too_many_wait_is_refused_at_once(settings: Settings, backends: Backends) -> None:
    tight = settings.model_copy(update={"max_concurrent_requests": 1, "edge_max_waiting": 2})
    async with EdgeSupervisor(tight, INSTANCE) as edge:
        await backends.start(0)
        async with asyncio.timeout(20):
            while await edge.replicas_up() != 1:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        url = f"http://127.0.0.1:{settings.port}"
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30) as client:
            held = [asyncio.create_task(client.get("/slow")) for _ in range(6)]
            done, waiting = await asyncio.wait(held, timeout=1.5)
            refused = [task.result() for task in done]
            await client.get(f"http://127.0.0.1:{settings.replica_port_range[0]}/release")
            answered = [task.result().status_code for task in (await asyncio.wait(waiting))[0]]
    assert [answer.status_code for answer in refused] == [503] * 3
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert sorted(answered) == [200] * 3
