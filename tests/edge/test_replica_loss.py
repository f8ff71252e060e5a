"""What a client sees of a replica that is killed: nothing, or an error that says so at once."""

import asyncio

import httpx
import pytest

from smartlite.edge.config import BUFFER_BYTES

pytestmark = pytest.mark.integration


async def test_no_request_fails_while_a_replica_is_killed(two_replicas, client: httpx.AsyncClient) -> None:
    ended = asyncio.Event()
    outcomes: list[int | str] = []

    async def ask_again_and_again(method: str, path: str) -> None:
        while not ended.is_set():
            try:
                answer = await client.request(method, path)
                outcomes.append(answer.status_code)
            except httpx.TransportError as error:
                outcomes.append(repr(error))

    async with asyncio.TaskGroup() as clients:
        for _ in range(6):
            clients.create_task(ask_again_and_again("GET", "/hello"))
        for _ in range(2):
            clients.create_task(ask_again_and_again("POST", "/v1/audio/speech"))
        await asyncio.sleep(0.5)
        two_replicas.kill(0)
        await asyncio.sleep(2.5)
        ended.set()
    assert set(outcomes) == {200}
    assert len(outcomes) > 100


async def test_a_get_that_was_running_is_run_again(two_replicas, client: httpx.AsyncClient) -> None:
    answer = asyncio.create_task(client.get("/slow"))
    two_replicas.kill(await two_replicas.works_on("GET /slow"))
    await two_replicas.release()
    assert (await answer).status_code == 200


async def test_a_pure_post_that_was_running_is_run_again(two_replicas, client: httpx.AsyncClient) -> None:
    body = b"x" * (BUFFER_BYTES // 2)
    answer = asyncio.create_task(client.post("/v1/chat/completions", content=body))
    two_replicas.kill(await two_replicas.works_on("POST /v1/chat/completions"))
    await two_replicas.release()
    assert ((await answer).status_code, (await answer).content) == (200, body)


@pytest.mark.parametrize(
    ("path", "size_bytes"), [("/other", 10), ("/v1/chat/completions", BUFFER_BYTES * 3)], ids=["not pure", "too large"]
)
async def test_another_post_that_was_running_gets_replica_lost_at_once(
    two_replicas, client: httpx.AsyncClient, path: str, size_bytes: int
) -> None:
    answer = asyncio.create_task(client.post(path, content=b"x" * size_bytes))
    two_replicas.kill(await two_replicas.works_on(f"POST {path}"))
    lost = await answer
    assert (lost.status_code, lost.json()["error"]["code"], lost.headers["retry-after"]) == (503, "replica_lost", "1")
    (left,) = two_replicas.running
    assert (await two_replicas.ask(left))["requests"] == []


async def test_a_stream_that_has_begun_breaks_and_is_not_begun_again(two_replicas, client: httpx.AsyncClient) -> None:
    async with client.stream("GET", "/endless") as answer:
        chunks = answer.aiter_raw()
        await anext(chunks)
        two_replicas.kill(await two_replicas.works_on("GET /endless"))
        with pytest.raises(httpx.RemoteProtocolError):
            async for _ in chunks:
                pass
    (left,) = two_replicas.running
    assert (await two_replicas.ask(left))["requests"] == []


async def test_a_replica_that_comes_back_is_found(two_replicas, edge, client: httpx.AsyncClient) -> None:
    two_replicas.kill(0)
    await two_replicas.start(0)
    async with asyncio.timeout(20):
        while (await two_replicas.ask(0))["requests"] == []:
            assert (await client.get("/hello")).status_code == 200
            await asyncio.sleep(0.02)
