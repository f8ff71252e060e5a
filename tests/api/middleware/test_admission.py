"""How many requests a replica takes at once."""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Callable

import httpx

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.config import Settings
from smartlite.domain.llm import ChatEvent, ChatFinished, ChatRequest
from smartlite.domain.usage import TokenUsage


class HeldLLM:
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.running = asyncio.Semaphore(0)
        self.go = asyncio.Event()

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        self.running.release()
        await self.go.wait()
        yield ChatFinished("stop", TokenUsage(1, 1))


async def test_what_is_over_the_limit_is_refused_at_once_and_health_is_not(
    build_services: Callable[..., Services], settings: Settings
) -> None:
    llm = HeldLLM()
    services = dataclasses.replace(build_services(settings.model_copy(update={"max_concurrent_requests": 2})), llm=llm)
    body = {"model": "fake-llm", "messages": [{"role": "user", "content": "x"}]}
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        held = [asyncio.create_task(client.post("/v1/chat/completions", json=body)) for _ in range(2)]
        for _ in held:
            await llm.running.acquire()
        refused = await client.post("/v1/chat/completions", json=body)
        health = await client.get("/healthz")
        ready = await client.get("/readyz")
        llm.go.set()
        answers = await asyncio.gather(*held)
        after = await client.post("/v1/chat/completions", json=body)
    assert refused.status_code == 429
    assert refused.json()["error"]["code"] == "server_overloaded"
    assert refused.headers["retry-after"] == "1"
    assert (health.status_code, ready.status_code) == (200, 200)
    assert [answer.status_code for answer in answers] == [200, 200]
    assert after.status_code == 200


async def test_a_request_that_fails_gives_its_place_back(
    build_services: Callable[..., Services], settings: Settings
) -> None:
    services = build_services(settings.model_copy(update={"max_concurrent_requests": 1}))
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        for _ in range(3):
            assert (await client.post("/v1/chat/completions", content=b"{")).status_code == 415
        assert (await client.get("/v1/models")).status_code == 200


async def test_uploads_beyond_what_the_replica_may_hold_are_refused_and_small_requests_are_not(
    build_services: Callable[..., Services], settings: Settings
) -> None:
    llm = HeldLLM()
    services = dataclasses.replace(build_services(settings.model_copy(update={"max_held_bytes": 100_000})), llm=llm)
    large = {"model": "fake-llm", "messages": [{"role": "user", "content": "x" * 60_000}]}
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        held = asyncio.create_task(client.post("/v1/chat/completions", json=large))
        await llm.running.acquire()
        refused = await client.post("/v1/chat/completions", json=large)
        small = await client.get("/v1/models")
        llm.go.set()
        assert (await held).status_code == 200
        after = await client.post("/v1/chat/completions", json=large)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "server_overloaded")
    assert (small.status_code, after.status_code) == (200, 200)
