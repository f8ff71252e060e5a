"""Chat completions through the official client and by hand: the format, streams, errors, the work that stops."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.llm import ChatEvent, ChatFinished, Message, TextDelta
from smartlite.domain.usage import TokenUsage
from smartlite.errors import ReplicaLost
from tests.api.scripted import Connection, ScriptedLLM, events_of

MESSAGES: Any = [{"role": "user", "content": "one two three"}]
PATH = "/v1/chat/completions"


DONE = ChatFinished("stop", TokenUsage(7, 2, 3))


def client_of(services: Services, llm: ScriptedLLM) -> httpx.AsyncClient:
    app = create_app(dataclasses.replace(services, llm=llm))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


async def test_an_answer_is_what_the_official_client_expects(openai_client: AsyncOpenAI) -> None:
    answer = await openai_client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES)
    assert answer.choices[0].message.content == "You said: one two three."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.id.startswith("chatcmpl-")
    assert answer.model == "gpt-4o-mini"
    assert answer.system_fingerprint == "fp_fake-llm"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens == 9
    assert answer._request_id is not None
    assert answer._request_id.startswith("req_")


async def test_usage_has_the_details_of_the_stage(services: Services) -> None:
    async with client_of(services, ScriptedLLM(TextDelta("Hi"), DONE)) as client:
        answer = await client.post(PATH, json={"model": "fake-llm", "messages": MESSAGES})
    assert answer.json()["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


@pytest.mark.parametrize(
    ("path", "body"), [(PATH, {"messages": MESSAGES}), ("/v1/responses", {"input": "one two three"})]
)
@pytest.mark.parametrize("stream", [True, False])
async def test_the_stage_is_told_whether_anybody_looks_at_an_answer_before_its_end(
    services: Services, path: str, body: dict[str, Any], stream: bool
) -> None:
    llm = ScriptedLLM(TextDelta("Hi"), DONE)
    async with client_of(services, llm) as client:
        await client.post(path, json={"model": "fake-llm", **body, "stream": stream})
    assert [asked.is_whole for asked in llm.asked] == [not stream]


async def test_a_stream_joins_to_the_same_answer_and_ends_with_usage(openai_client: AsyncOpenAI) -> None:
    stream = await openai_client.chat.completions.create(
        model="gpt-4o-mini", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert all(chunk.choices[0].delta.role is None for chunk in chunks[1:-1])
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1])
    assert text == "You said: one two three."
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 2) + ["stop"]
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 9
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in chunks}) == 1


async def test_a_stream_without_usage_has_no_field_for_it_and_ends_with_done(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json={"model": "gpt-4o-mini", "messages": MESSAGES, "stream": True})
    lines = answer.text.strip().split("\n\n")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-cache"
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert all("usage" not in chunk for chunk in chunks)
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


async def test_what_the_client_asks_reaches_the_stage(services: Services) -> None:
    llm = ScriptedLLM(DONE)
    body = {
        "model": "gpt-4o-mini",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "assistant", "content": ""},
            {"role": "user", "name": "ann", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        ],
        "temperature": 0,
        "top_p": 0.5,
        "max_completion_tokens": 5,
        "stop": ["x", "y"],
        "seed": 7,
        "unknown_to_us": {"a": 1},
        "user": "u",
        "store": True,
        "tool_choice": "none",
        "tools": [],
        "response_format": {"type": "text"},
    }
    async with client_of(services, llm) as client:
        assert (await client.post(PATH, json=body)).status_code == 200
    asked = llm.asked[0]
    assert asked.model == "fake-llm"
    assert asked.messages == (
        Message("system", "Be brief."),
        Message("assistant", ""),
        Message("user", "a\nb", name="ann"),
    )
    assert asked.options.temperature == 0
    assert asked.options.top_p == 0.5
    assert asked.options.max_tokens == 5
    assert asked.options.stop == ("x", "y")
    assert asked.options.seed == 7


@pytest.mark.parametrize(("stop", "told"), [("end", ("end",)), (None, ()), ([], ())])
async def test_stop_is_a_string_or_a_list(services: Services, stop: object, told: tuple[str, ...]) -> None:
    llm = ScriptedLLM(DONE)
    async with client_of(services, llm) as client:
        await client.post(PATH, json={"model": "fake-llm", "messages": MESSAGES, "stop": stop, "max_tokens": 3})
    assert llm.asked[0].options.stop == told
    assert llm.asked[0].options.max_tokens == 3


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_before_the_first_word_keeps_its_status(services: Services, stream: bool) -> None:
    async with client_of(services, ScriptedLLM(error=ReplicaLost("The replica ended."))) as client:
        answer = await client.post(PATH, json={"model": "fake-llm", "messages": MESSAGES, "stream": stream})
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "replica_lost"
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["x-should-retry"] == "true"


async def test_too_long_a_prompt_is_a_400_in_a_stream_too(build_services: Callable[..., Services]) -> None:
    app = create_app(build_services(llm={"context_tokens": 3}))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        answer = await client.post(PATH, json={"model": "fake-llm", "messages": MESSAGES, "stream": True})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    "error", [ReplicaLost("The replica ended."), RuntimeError("secret"), ExceptionGroup("g", [ReplicaLost("x")])]
)
async def test_an_error_in_the_middle_ends_the_stream_with_an_error_event(services: Services, error: Exception) -> None:
    async with client_of(services, ScriptedLLM(TextDelta("Hi"), error=error)) as client:
        answer = await client.post(PATH, json={"model": "fake-llm", "messages": MESSAGES, "stream": True})
    expected = "internal_error" if isinstance(error, RuntimeError) else "replica_lost"
    assert events_of(answer)[-1]["error"]["code"] == expected
    assert "[DONE]" not in answer.text
    assert "secret" not in answer.text


@pytest.mark.parametrize("stream", [False, True])
async def test_a_stage_that_ends_without_its_last_event_is_an_error(services: Services, stream: bool) -> None:
    async with client_of(services, ScriptedLLM(TextDelta("Hi"))) as client:
        answer = await client.post(PATH, json={"model": "fake-llm", "messages": MESSAGES, "stream": stream})
    assert "engine_failed" in answer.text
    assert answer.status_code == (200 if stream else 500)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("events", [(), (TextDelta("Hi"),)])
async def test_a_client_that_hangs_up_stops_the_work(
    services: Services, stream: bool, events: tuple[ChatEvent, ...]
) -> None:
    llm = ScriptedLLM(*events, waits=True)
    app = create_app(dataclasses.replace(services, llm=llm))
    body = {"model": "fake-llm", "messages": MESSAGES, "stream": stream}
    connection = Connection(httpx.Request("POST", f"http://gateway{PATH}", json=body), llm.working)
    await connection.run(app)
    assert llm.closed.is_set()
    assert connection.statuses == ([200] if stream and events else [499])


async def test_server_timing_tells_the_stage(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json={"model": "gpt-4o-mini", "messages": MESSAGES})
    names = [part.split(";")[0] for part in answer.headers["server-timing"].split(", ")]
    assert names == ["llm_first", "llm", "total"]
    assert int(answer.headers["openai-processing-ms"]) >= 0
    assert answer.headers["openai-version"] == "2020-10-01"
