"""Several answers to one chat: indices, seeds, usage, failures, the work that stops."""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator

import httpx
import pytest
from openai import AsyncOpenAI

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.llm import ChatEvent, ChatFinished, ChatRequest, TextDelta
from smartlite.domain.usage import TokenUsage
from smartlite.errors import ReplicaLost
from tests.api.scripted import Connection, ScriptedLLM, events_of

PATH = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "one two three"}]


class SeededLLM:
    """Answers with its seed; the second answer may fail."""

    def __init__(self, fails: bool = False, waits: bool = False) -> None:
        self._fails = fails
        self._waits = waits
        self.working = asyncio.Event()
        self.running = 0

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        self.running += 1
        try:
            yield TextDelta(f"seed {request.options.seed}")
            if self._waits and self.running == 3:
                self.working.set()
            if self._waits:
                await asyncio.Event().wait()
            if self._fails and request.options.seed == 8:
                raise ReplicaLost("It ended.")
            yield ChatFinished("stop", TokenUsage(7, 2, 3))
        finally:
            self.running -= 1


def client_of(services: Services, llm: SeededLLM) -> httpx.AsyncClient:
    app = create_app(dataclasses.replace(services, llm=llm))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


async def test_every_answer_has_its_index_and_seed_and_the_prompt_is_counted_once(services: Services) -> None:
    async with client_of(services, SeededLLM()) as client:
        body = {"model": "fake-llm", "messages": MESSAGES, "n": 8, "seed": 7}
        answer = (await client.post(PATH, json=body)).json()
    assert [choice["index"] for choice in answer["choices"]] == list(range(8))
    assert [choice["message"]["content"] for choice in answer["choices"]] == [f"seed {7 + n}" for n in range(8)]
    assert answer["usage"]["prompt_tokens"] == 7
    assert answer["usage"]["completion_tokens"] == 16
    assert answer["usage"]["total_tokens"] == 23
    assert answer["usage"]["prompt_tokens_details"]["cached_tokens"] == 3


async def test_streams_of_several_answers_are_told_apart(services: Services) -> None:
    body = {
        "model": "fake-llm",
        "messages": MESSAGES,
        "n": 3,
        "seed": 1,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    async with client_of(services, SeededLLM()) as client:
        chunks = events_of(await client.post(PATH, json=body))
    for index in range(3):
        mine = [chunk["choices"][0] for chunk in chunks[:-1] if chunk["choices"][0]["index"] == index]
        assert mine[0]["delta"]["role"] == "assistant"
        assert "".join(choice["delta"].get("content", "") for choice in mine) == f"seed {1 + index}"
        assert [choice["finish_reason"] for choice in mine] == [None, None, "stop"]
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"]["completion_tokens"] == 6


async def test_the_official_client_reads_several_answers(openai_client: AsyncOpenAI) -> None:
    asked = {"model": "gpt-4o-mini", "messages": MESSAGES, "n": 3, "seed": 0}
    answer = await openai_client.chat.completions.create(**asked)  # type: ignore[call-overload]
    async with openai_client.chat.completions.stream(**asked) as stream:
        final = await stream.get_final_completion()
    texts = [choice.message.content for choice in answer.choices]
    assert len(set(texts)) == 3
    assert [choice.message.content for choice in final.choices] == texts


@pytest.mark.parametrize("stream", [False, True])
async def test_one_failure_fails_the_request(services: Services, stream: bool) -> None:
    llm = SeededLLM(fails=True)
    async with client_of(services, llm) as client:
        body = {"model": "fake-llm", "messages": MESSAGES, "n": 3, "seed": 7, "stream": stream}
        answer = await client.post(PATH, json=body)
    assert "replica_lost" in answer.text
    assert answer.status_code == (200 if stream else 503)
    assert llm.running == 0


async def test_a_failure_before_the_first_word_keeps_its_status(services: Services) -> None:
    llm = ScriptedLLM(error=ReplicaLost("It ended."))
    app = create_app(dataclasses.replace(services, llm=llm))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        body = {"model": "fake-llm", "messages": MESSAGES, "n": 3, "stream": True}
        answer = await client.post(PATH, json=body)
    assert answer.status_code == 503


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_hangs_up_stops_all_answers(services: Services, stream: bool) -> None:
    llm = SeededLLM(waits=True)
    app = create_app(dataclasses.replace(services, llm=llm))
    body = {"model": "fake-llm", "messages": MESSAGES, "n": 3, "stream": stream}
    connection = Connection(httpx.Request("POST", f"http://gateway{PATH}", json=body), llm.working)
    await connection.run(app)
    assert llm.running == 0
    assert connection.statuses == ([200] if stream else [499])
