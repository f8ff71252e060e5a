"""Responses through the official client and by hand: objects, events in their order, functions, errors."""

from collections.abc import Callable
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel

from smartlite.api.services import Services
from smartlite.domain.llm import ChatFinished, Message, TextDelta, Tool, ToolCall, ToolCallDelta
from smartlite.domain.logprobs import TokenLogprob
from smartlite.domain.usage import TokenUsage
from tests.api.scripted import ScriptedLLM, client_of, official

PATH = "/v1/responses"
DONE = ChatFinished("stop", TokenUsage(7, 2, 3))
CALLED = ChatFinished("tool_calls", TokenUsage(7, 9))
CALLS = (
    TextDelta("Let me see."),
    ToolCallDelta(0, "call_a", "weather", ""),
    ToolCallDelta(0, None, None, '{"city":'),
    ToolCallDelta(0, None, None, '"Lima"}'),
    ToolCallDelta(1, "call_b", "weather", '{"city":"Rome"}'),
    CALLED,
)
WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


class City(BaseModel):
    name: str
    people: int


async def test_a_text_is_what_the_official_client_expects(openai_client: AsyncOpenAI) -> None:
    answer = await openai_client.responses.create(
        model="gpt-4o-mini", input="one two three", store=True, metadata={"a": "b"}, instructions="Be brief."
    )
    assert answer.output_text == "You said: one two three."
    assert answer.id.startswith("resp_")
    assert (answer.status, answer.model, answer.store) == ("completed", "gpt-4o-mini", False)  # type: ignore[attr-defined]
    assert answer.metadata == {"a": "b"}
    assert answer.instructions == "Be brief."
    assert answer.error is None
    assert answer.incomplete_details is None
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens


async def test_usage_has_the_details_of_the_stage(services: Services) -> None:
    async with client_of(services, ScriptedLLM(TextDelta("Hi"), DONE)) as client:
        answer = await client.post(PATH, json={"model": "fake-llm", "input": "hi"})
    assert answer.json()["usage"] == {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 0},
        "output_tokens": 2,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 9,
    }


async def test_a_stream_has_every_event_in_its_order(services: Services) -> None:
    async with official(services, ScriptedLLM(TextDelta("Hi"), TextDelta(" you"), DONE)) as client:
        stream = await client.responses.create(model="fake-llm", input="hi", stream=True)
        events: list[Any] = [event async for event in stream]
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert events[0].response.status == "in_progress"
    assert events[2].item.content == []
    assert events[3].part.text == ""
    assert "".join(event.delta for event in events[4:6]) == events[6].text == events[7].part.text == "Hi you"
    assert events[8].item == events[9].response.output[0]
    assert events[9].response.status == "completed"
    assert events[9].response.usage.total_tokens == 9
    assert len({event.item_id for event in events[3:8]}) == 1


async def test_every_event_is_named_and_nothing_follows_the_last(services: Services) -> None:
    async with client_of(services, ScriptedLLM(TextDelta("Hi"), DONE)) as client:
        answer = await client.post(PATH, json={"model": "fake-llm", "input": "hi", "stream": True})
    events = answer.text.strip().split("\n\n")
    assert events[0].startswith('event: response.created\ndata: {"type":"response.created"')
    assert events[-1].startswith("event: response.completed\ndata: ")


async def test_functions_are_called_one_after_the_other(services: Services) -> None:
    llm = ScriptedLLM(*CALLS)
    async with official(services, llm) as client:
        answer = await client.responses.create(
            model="fake-llm", input="hi", tools=[WEATHER], tool_choice="required", parallel_tool_calls=True
        )
        stream = await client.responses.create(model="fake-llm", input="hi", tools=[WEATHER], stream=True)
        events: list[Any] = [event async for event in stream]
    assert [item.type for item in answer.output] == ["message", "function_call", "function_call"]
    calls: list[Any] = answer.output[1:]
    assert [(call.call_id, call.name, call.arguments) for call in calls] == [
        ("call_a", "weather", '{"city":"Lima"}'),
        ("call_b", "weather", '{"city":"Rome"}'),
    ]
    assert answer.tools[0].to_dict() == WEATHER
    assert answer.tool_choice == "required"
    told = [(event.type.removeprefix("response."), getattr(event, "output_index", None)) for event in events]
    assert told[6:] == [
        ("content_part.done", 0),
        ("output_item.done", 0),
        ("output_item.added", 1),
        ("function_call_arguments.delta", 1),
        ("function_call_arguments.delta", 1),
        ("function_call_arguments.done", 1),
        ("output_item.done", 1),
        ("output_item.added", 2),
        ("function_call_arguments.delta", 2),
        ("function_call_arguments.done", 2),
        ("output_item.done", 2),
        ("completed", None),
    ]
    assert llm.asked[0].options.tools == (Tool("weather", WEATHER["description"], WEATHER["parameters"]),)
    assert llm.asked[0].options.tool_mode == "required"


async def test_the_stream_helper_parses_calls_and_text(services: Services) -> None:
    async with official(services, ScriptedLLM(*CALLS)) as client:
        async with client.responses.stream(model="fake-llm", input="hi", tools=[WEATHER]) as stream:
            final: Any = await stream.get_final_response()
        assert final.output[1].parsed_arguments == {"city": "Lima"}
    llm = ScriptedLLM(TextDelta('{"name":"Lima",'), TextDelta('"people":10}'), DONE)
    async with official(services, llm) as client:
        async with client.responses.stream(model="fake-llm", input="hi", text_format=City) as stream:
            final = await stream.get_final_response()
        parsed = await client.responses.parse(model="fake-llm", input="hi", text_format=City)
    assert final.output_parsed == parsed.output_parsed == City(name="Lima", people=10)
    schema = llm.asked[0].options.json_schema
    assert schema is not None
    assert schema["required"] == ["name", "people"]


async def test_a_whole_conversation_reaches_the_stage(services: Services) -> None:
    llm = ScriptedLLM(DONE)
    items: Any = [
        {"role": "developer", "content": "Be kind."},
        {"role": "user", "content": [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            "type": "message",
            "id": "msg_1",
            "status": "completed",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "I look.", "annotations": []}],
        },
        {"type": "function_call", "id": "fc_1", "call_id": "call_a", "name": "weather", "arguments": '{"city":"Lima"}'},
        {"type": "function_call", "call_id": "call_b", "name": "news", "arguments": ""},
        {"type": "function_call_output", "call_id": "call_a", "output": "Sun"},
        {"type": "function_call_output", "call_id": "call_b", "output": [{"type": "input_text", "text": "None"}]},
    ]
    async with client_of(services, llm) as client:
        body = {"model": "fake-llm", "instructions": "Be brief.", "input": items, "temperature": 0, "top_p": 0.5}
        assert (await client.post(PATH, json=body | {"max_output_tokens": 5})).status_code == 200
    calls = (ToolCall("call_a", "weather", '{"city":"Lima"}'), ToolCall("call_b", "news", "{}"))
    assert llm.asked[0].messages == (
        Message("system", "Be brief."),
        Message("system", "Be kind."),
        Message("user", "a\nb"),
        Message("assistant", "I look.", tool_calls=calls),
        Message("tool", "Sun", tool_call_id="call_a", name="weather"),
        Message("tool", "None", tool_call_id="call_b", name="news"),
    )
    options = llm.asked[0].options
    assert (options.temperature, options.top_p, options.max_tokens) == (0, 0.5, 5)


async def test_an_answer_that_is_cut_is_incomplete(services: Services) -> None:
    llm = ScriptedLLM(TextDelta("Hi"), ChatFinished("length", TokenUsage(1, 1)))
    async with official(services, llm) as client:
        answer = await client.responses.create(model="fake-llm", input="hi", max_output_tokens=1)
        events = [event async for event in await client.responses.create(model="fake-llm", input="hi", stream=True)]
    assert answer.status == "incomplete"
    assert answer.incomplete_details is not None
    assert answer.incomplete_details.reason == "max_output_tokens"
    assert answer.output[0].status == "incomplete"  # type: ignore[union-attr]
    assert events[-1].type == "response.incomplete"


async def test_an_answer_without_words_is_an_empty_message(services: Services) -> None:
    async with official(services, ScriptedLLM(DONE)) as client:
        answer = await client.responses.create(model="fake-llm", input="hi")
    assert answer.output_text == ""
    assert [item.type for item in answer.output] == ["message"]


async def test_probabilities_are_there_where_they_are_asked_for(services: Services) -> None:
    token = TokenLogprob("Hi", -0.5, b"Hi", (TokenLogprob("Ho", -float("inf"), b"Ho"),))
    llm = ScriptedLLM(TextDelta("Hi", (token,)), DONE)
    async with official(services, llm) as client:
        answer: Any = await client.responses.create(
            model="fake-llm", input="hi", include=["message.output_text.logprobs"], top_logprobs=1
        )
        stream = await client.responses.create(model="fake-llm", input="hi", stream=True, top_logprobs=1)
        deltas: Any = [event async for event in stream if event.type == "response.output_text.delta"]
    told = answer.output[0].content[0].logprobs[0]
    assert (told.token, told.logprob, told.bytes) == ("Hi", -0.5, [72, 105])
    assert told.top_logprobs[0].logprob == -9999.0
    assert deltas[0].logprobs[0].token == "Hi"
    assert (llm.asked[0].options.logprobs, llm.asked[0].options.top_logprobs) == (True, 1)


@pytest.mark.parametrize(
    ("choice", "tools", "mode", "name"),
    [
        ("none", 2, "none", None),
        ({"type": "function", "name": "f"}, 2, "required", "f"),
        ({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}, 1, "auto", None),
    ],
)
async def test_the_choice_of_tools_reaches_the_stage_and_is_repeated(
    services: Services, choice: Any, tools: int, mode: str, name: str | None
) -> None:
    llm = ScriptedLLM(DONE)
    async with official(services, llm) as client:
        defined: Any = [{"type": "function", "name": "f"}, WEATHER]
        answer = await client.responses.create(model="fake-llm", input="hi", tools=defined, tool_choice=choice)
    options = llm.asked[0].options
    assert (len(options.tools), options.tool_mode, options.tool_name) == (tools, mode, name)
    assert (answer.tool_choice if isinstance(choice, str) else answer.tool_choice.to_dict()) == choice  # type: ignore[union-attr]


async def test_nothing_is_stored(openai_client: AsyncOpenAI) -> None:
    made = await openai_client.responses.create(model="gpt-4o-mini", input="hi")
    asked: list[Callable[[str], Any]] = [
        openai_client.responses.retrieve,
        openai_client.responses.delete,
        openai_client.responses.cancel,
        openai_client.responses.input_items.list,
    ]
    for ask in asked:
        with pytest.raises(openai.NotFoundError) as missing:
            await ask(made.id)
        assert "nothing is stored" in missing.value.message
