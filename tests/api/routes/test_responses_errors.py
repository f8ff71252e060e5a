"""Responses that fail: before the first word, in the middle, and when the client leaves."""

import dataclasses
from typing import Any

import httpx
import openai
import pytest

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.llm import ChatEvent, TextDelta, ToolCallDelta
from smartlite.errors import ReplicaLost, UnsupportedParameter
from tests.api.scripted import Connection, ScriptedLLM, client_of, official

PATH = "/v1/responses"


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_before_the_first_word_keeps_its_status(services: Services, stream: bool) -> None:
    llm = ScriptedLLM(error=UnsupportedParameter("This model calls no tools.", "tools"))
    async with client_of(services, llm) as client:
        answer = await client.post(PATH, json={"model": "fake-llm", "input": "hi", "stream": stream})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "tools")


async def test_an_error_in_the_middle_of_a_whole_answer_is_a_status(services: Services) -> None:
    async with client_of(services, ScriptedLLM(TextDelta("Hi"), error=ReplicaLost("It ended."))) as client:
        answer = await client.post(PATH, json={"model": "fake-llm", "input": "hi"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "replica_lost")


@pytest.mark.parametrize(
    ("events", "error", "code"),
    [
        ((TextDelta("Hi"),), ReplicaLost("It ended."), "replica_lost"),
        ((TextDelta("Hi"),), None, "engine_failed"),
        ((ToolCallDelta(0, "c", "f", "{"), ToolCallDelta(1, None, None, "}")), None, "engine_failed"),
    ],
)
async def test_an_error_in_the_middle_of_a_stream_fails_the_response(
    services: Services, events: tuple[ChatEvent, ...], error: Exception | None, code: str
) -> None:
    async with official(services, ScriptedLLM(*events, error=error)) as client:
        stream = await client.responses.create(model="fake-llm", input="hi", stream=True)
        told: list[Any] = [event async for event in stream]
    assert (told[-2].type, told[-2].code) == ("error", code)
    assert (told[-1].type, told[-1].response.status) == ("response.failed", "failed")
    assert told[-1].response.error.code == "server_error"
    assert told[-1].response.output[0].status == "incomplete"
    assert [event.sequence_number for event in told] == list(range(len(told)))


async def test_what_nobody_foresaw_is_not_told(services: Services) -> None:
    async with official(services, ScriptedLLM(TextDelta("Hi"), error=RuntimeError("secret"))) as client:
        stream = await client.responses.create(model="fake-llm", input="hi", stream=True)
        with pytest.raises(openai.APIError) as failure:
            async for _ in stream:
                pass
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_hangs_up_stops_the_work(services: Services, stream: bool) -> None:
    llm = ScriptedLLM(TextDelta("Hi"), waits=True)
    app = create_app(dataclasses.replace(services, llm=llm))
    body = {"model": "fake-llm", "input": "hi", "stream": stream}
    connection = Connection(httpx.Request("POST", f"http://gateway{PATH}", json=body), llm.working)
    await connection.run(app)
    assert llm.closed.is_set()
    assert connection.statuses == ([200] if stream else [499])
