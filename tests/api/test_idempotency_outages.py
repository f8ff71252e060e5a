"""Requests with an Idempotency-Key while a store is away, and after the process that ran one was killed."""

import asyncio
import contextlib
import dataclasses
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from smartlite.api.services import Services
from smartlite.auth.idempotency import Claim, IdempotencyKeeper
from smartlite.domain.llm import ChatFinished, TextDelta
from smartlite.domain.tts import SpeechChunk, SpeechFinished
from smartlite.domain.usage import TokenUsage
from smartlite.storage.idempotency_tables import IdempotencyRow
from tests.api.keyed import KEY, Keyed, a_keyed_gateway
from tests.api.scripted import ScriptedLLM, ScriptedTTS

CHAT: dict[str, Any] = {"model": "fake-llm", "messages": [{"role": "user", "content": "hello"}]}
PATH = "/v1/chat/completions"


@pytest.fixture
async def keyed(tmp_path: Path) -> AsyncIterator[Keyed]:
    async with a_keyed_gateway(tmp_path) as keyed:
        yield keyed


@pytest.fixture
def llm() -> ScriptedLLM:
    return ScriptedLLM(TextDelta("hi"), ChatFinished("stop", TokenUsage(1, 1)))


@pytest.fixture
async def client(keyed: Keyed, services: Services, llm: ScriptedLLM) -> AsyncIterator[httpx.AsyncClient]:
    async with keyed.client(dataclasses.replace(services, llm=llm)) as client:
        yield client


class Dies(IdempotencyKeeper):
    """A process that is killed: it neither keeps nor lets go."""

    async def release(self, claim: Claim) -> None:
        """Nothing is left to do it."""


async def killed(keyed: Keyed, services: Services) -> None:
    """Have a process die in the middle of a request."""
    llm = ScriptedLLM(TextDelta("hi"), waits=True)
    keeper = Dies(keyed.database, keyed.blobs, keyed.clock)
    keyed.keeper, right = keeper, keyed.keeper
    async with keyed.client(dataclasses.replace(services, llm=llm)) as client:
        running = asyncio.create_task(client.post(PATH, json=CHAT, headers=KEY))
        await llm.working.wait()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    keyed.keeper = right


async def test_what_a_killed_process_left_is_taken_over_when_its_lease_ends(
    keyed: Keyed, services: Services, client: httpx.AsyncClient, llm: ScriptedLLM
) -> None:
    await killed(keyed, services)
    keyed.clock.move(59)
    assert (await client.post(PATH, json=CHAT, headers=KEY)).status_code == 409
    keyed.clock.move(1)
    answers = await asyncio.gather(*(client.post(PATH, json=CHAT, headers=KEY) for _ in range(10)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len(llm.asked) == 1


async def test_a_request_that_takes_long_renews_its_lease(keyed: Keyed, services: Services) -> None:
    keyed.keeper = IdempotencyKeeper(keyed.database, keyed.blobs, keyed.clock, renew_every_s=0.005)
    llm = ScriptedLLM(TextDelta("hi"), waits=True)
    async with keyed.client(dataclasses.replace(services, llm=llm)) as client:
        running = asyncio.create_task(client.post(PATH, json=CHAT, headers=KEY))
        await llm.working.wait()
        for _ in range(4):
            keyed.clock.move(40)
            until = keyed.clock.now.timestamp() + 60
            async with asyncio.timeout(10):
                while await locked_until(keyed) < until:  # noqa: ASYNC110 - another task writes the database
                    await asyncio.sleep(0.005)
            assert (await client.post(PATH, json=CHAT, headers=KEY)).status_code == 409
        running.cancel()
        await asyncio.wait({running})


async def locked_until(keyed: Keyed) -> float:
    async with keyed.database.reading() as session:
        row = await session.row(select(IdempotencyRow.locked_until))
    assert row is not None
    return float(row[0].timestamp())


async def test_without_the_database_nothing_runs_since_nothing_could_be_promised(
    keyed: Keyed, client: httpx.AsyncClient, llm: ScriptedLLM
) -> None:
    keyed.database.is_away = True
    answer = await client.post(PATH, json=CHAT, headers=KEY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "database_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert llm.asked == []
    assert (await client.post(PATH, json=CHAT)).status_code == 200


async def test_an_answer_that_cannot_be_stored_is_given_and_says_that_it_is_not_kept(
    keyed: Keyed, services: Services
) -> None:
    class Breaks(ScriptedLLM):
        async def play(self, request: Any) -> Any:
            async for event in super().play(request):
                keyed.database.is_away = True
                yield event

        chat = play

    llm = Breaks(TextDelta("hi"), ChatFinished("stop", TokenUsage(1, 1)))
    async with keyed.client(dataclasses.replace(services, llm=llm)) as client:
        answer = await client.post(PATH, json=CHAT, headers=KEY)
        assert (answer.status_code, answer.headers["idempotency-kept"]) == (200, "false")
        keyed.database.is_away = False
        assert (await client.post(PATH, json=CHAT, headers=KEY)).status_code == 409
        keyed.clock.move(60)
        assert (await client.post(PATH, json=CHAT, headers=KEY)).status_code == 200
    assert len(llm.asked) == 2


async def test_a_large_answer_whose_object_is_gone_is_a_502_and_not_done_again(
    keyed: Keyed, services: Services
) -> None:
    tts = ScriptedTTS(SpeechChunk(b"x" * 100_000), SpeechFinished(1.25, 11, 22, 0.05, 0.3))
    body = {"model": "tts-1", "voice": "alloy", "input": "Hello there", "response_format": "wav"}
    async with keyed.client(dataclasses.replace(services, tts=tts)) as client:
        assert (await client.post("/v1/audio/speech", json=body, headers=KEY)).status_code == 200
        shutil.rmtree(keyed.folder / "objects")
        answer = await client.post("/v1/audio/speech", json=body, headers=KEY)
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "storage_corrupt")
    assert len(tts.asked) == 1


async def test_an_object_store_that_refuses_costs_the_keeping_and_not_the_answer(
    keyed: Keyed, services: Services
) -> None:
    (keyed.folder / "objects").write_text("a file where the folder should be")
    tts = ScriptedTTS(SpeechChunk(b"x" * 100_000), SpeechFinished(1.25, 11, 22, 0.05, 0.3))
    body = {"model": "tts-1", "voice": "alloy", "input": "Hello there", "response_format": "wav"}
    async with keyed.client(dataclasses.replace(services, tts=tts)) as client:
        for _ in range(2):
            answer = await client.post("/v1/audio/speech", json=body, headers=KEY)
            assert (answer.status_code, len(answer.content)) == (200, 100_000)
    assert len(tts.asked) == 2
