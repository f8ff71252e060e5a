"""Requests that are counted after their body was read: whoever goes no further pays all the same."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from smartlite.api.services import Services
from smartlite.auth.put_off import MAX_PUT_OFF
from smartlite.domain.limits import LimitKind
from tests.api.limited import Harness


@pytest.fixture
def harness(services: Services) -> Harness:
    return Harness(services, concurrent=2 * MAX_PUT_OFF)


async def test_whoever_hangs_up_before_the_body_is_read_pays_for_the_request(harness: Harness) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'{"model": "'
        await asyncio.Event().wait()

    headers = {"content-type": "application/json", "content-length": "100"}
    async with harness.client() as client:
        asked = asyncio.create_task(client.post("/v1/chat/completions", content=body(), headers=headers))
        await asyncio.sleep(0.1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    assert await harness.left(LimitKind.REQUESTS) == 999


async def test_an_error_tells_where_the_limits_stand_and_costs_one_request(harness: Harness) -> None:
    async with harness.client() as client:
        answer = await client.post("/v1/embeddings", json={"model": "nobody", "input": "x"})
    assert answer.status_code == 404
    assert answer.headers["x-ratelimit-remaining-requests"] == "999"


async def test_after_many_that_went_no_further_others_begin_still(harness: Harness) -> None:
    async with harness.client() as client:
        for _ in range(MAX_PUT_OFF + 1):
            await client.post("/v1/embeddings", json={"model": "nobody", "input": "x"})
        answer = await client.post("/v1/audio/speech", json={"model": "tts-1", "voice": "alloy", "input": "Hello."})
    assert answer.status_code == 200
    assert answer.headers["x-ratelimit-remaining-requests"] == str(1000 - MAX_PUT_OFF - 2)


async def test_what_was_settled_is_told_before_the_gateway_ends(harness: Harness) -> None:
    ended: list[str] = []

    class Shared:
        async def close(self) -> None:
            ended.append("limits")

    harness.limits.shared = cast("Any", Shared())
    async with harness.app.router.lifespan_context(harness.app):
        assert not ended
    assert ended == ["limits"]
