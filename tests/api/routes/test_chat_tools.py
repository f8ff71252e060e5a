"""Tools, schemas and probabilities in chats: what reaches the stage, what the official client reads."""

from typing import Any

import pytest
from pydantic import BaseModel

from smartlite.api.services import Services
from smartlite.domain.llm import ChatFinished, Message, TextDelta, Tool, ToolCall, ToolCallDelta
from smartlite.domain.logprobs import TokenLogprob
from smartlite.domain.usage import TokenUsage
from smartlite.errors import UnsupportedParameter
from tests.api.scripted import ScriptedLLM, client_of, events_of, official

PATH = "/v1/chat/completions"
MESSAGES: Any = [{"role": "user", "content": "one two three"}]
DONE = ChatFinished("stop", TokenUsage(7, 2))
PARAMETERS: Any = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "description": "Of a city.", "parameters": PARAMETERS, "strict": True},
}
NEWS: Any = {"type": "function", "function": {"name": "news"}}
CALLS = (
    ToolCallDelta(0, "call_a", "weather", ""),
    ToolCallDelta(0, None, None, '{"city":'),
    ToolCallDelta(0, None, None, '"Lima"}'),
    ToolCallDelta(1, "call_b", "news", "{}"),
    ChatFinished("tool_calls", TokenUsage(7, 9)),
)


class City(BaseModel):
    name: str
    people: int


async def test_calls_are_joined_and_there_is_no_content(services: Services) -> None:
    async with official(services, ScriptedLLM(*CALLS)) as client:
        answer = await client.chat.completions.create(model="fake-llm", messages=MESSAGES, tools=[WEATHER, NEWS])
    choice = answer.choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert choice.message.tool_calls is not None
    calls: list[Any] = choice.message.tool_calls
    assert [(call.id, call.type, call.function.name, call.function.arguments) for call in calls] == [
        ("call_a", "function", "weather", '{"city":"Lima"}'),
        ("call_b", "function", "news", "{}"),
    ]


async def test_the_stream_helper_joins_calls(services: Services) -> None:
    async with (
        official(services, ScriptedLLM(*CALLS)) as client,
        client.chat.completions.stream(model="fake-llm", messages=MESSAGES, tools=[WEATHER]) as stream,
    ):
        kinds = [event.type async for event in stream]
        final = await stream.get_final_completion()
    assert kinds.count("tool_calls.function.arguments.done") == 2
    message: Any = final.choices[0].message
    assert message.tool_calls[0].function.parsed_arguments == {"city": "Lima"}
    assert message.tool_calls[1].id == "call_b"


async def test_the_first_piece_of_a_call_has_its_name_and_the_others_only_arguments(services: Services) -> None:
    async with client_of(services, ScriptedLLM(*CALLS)) as client:
        answer = await client.post(PATH, json={"model": "fake-llm", "messages": MESSAGES, "stream": True})
    deltas = [event["choices"][0]["delta"] for event in events_of(answer)]
    assert deltas == [
        {"role": "assistant", "content": None, "refusal": None},
        {
            "tool_calls": [
                {"index": 0, "id": "call_a", "type": "function", "function": {"name": "weather", "arguments": ""}}
            ]
        },
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"city":'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '"Lima"}'}}]},
        {
            "tool_calls": [
                {"index": 1, "id": "call_b", "type": "function", "function": {"name": "news", "arguments": "{}"}}
            ]
        },
        {},
    ]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_without_a_beginning_is_an_error(services: Services, stream: bool) -> None:
    async with client_of(services, ScriptedLLM(ToolCallDelta(0, None, None, "{}"), DONE)) as client:
        answer = await client.post(PATH, json={"model": "fake-llm", "messages": MESSAGES, "stream": stream})
    assert "engine_failed" in answer.text


async def test_tools_reach_the_stage(services: Services) -> None:
    llm = ScriptedLLM(DONE)
    body = {"model": "fake-llm", "messages": MESSAGES, "tools": [WEATHER, NEWS], "parallel_tool_calls": False}
    async with client_of(services, llm) as client:
        assert (await client.post(PATH, json=body)).status_code == 200
    options = llm.asked[0].options
    assert options.tools == (Tool("weather", "Of a city.", PARAMETERS), Tool("news", "", {}))
    assert (options.tool_mode, options.tool_name, options.parallel_tool_calls) == ("auto", None, False)


@pytest.mark.parametrize(
    ("choice", "names", "mode", "name"),
    [
        (None, ["weather", "news"], "auto", None),
        ("none", ["weather", "news"], "none", None),
        ("required", ["weather", "news"], "required", None),
        ({"type": "function", "function": {"name": "news"}}, ["weather", "news"], "required", "news"),
        (
            {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "news"}}]},
            },
            ["news"],
            "required",
            None,
        ),
    ],
)
async def test_the_choice_of_tools_reaches_the_stage(
    services: Services, choice: Any, names: list[str], mode: str, name: str | None
) -> None:
    llm = ScriptedLLM(DONE)
    body = {"model": "fake-llm", "messages": MESSAGES, "tools": [WEATHER, NEWS], "tool_choice": choice}
    async with client_of(services, llm) as client:
        assert (await client.post(PATH, json=body)).status_code == 200
    options = llm.asked[0].options
    assert [tool.name for tool in options.tools] == names
    assert (options.tool_mode, options.tool_name) == (mode, name)


async def test_calls_and_their_answers_reach_the_stage(services: Services) -> None:
    llm = ScriptedLLM(DONE)
    called = {"id": "call_a", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Lima"}'}}
    empty = {"id": "call_b", "type": "function", "function": {"name": "news", "arguments": ""}}
    messages: Any = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": None, "tool_calls": [called, empty]},
        {"role": "tool", "tool_call_id": "call_a", "content": [{"type": "text", "text": "Sun"}]},
        {"role": "tool", "tool_call_id": "call_b", "content": ""},
        {"role": "assistant", "refusal": "I would rather not.", "content": None},
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    ]
    async with official(services, llm) as client:
        await client.chat.completions.create(model="fake-llm", messages=messages)
    calls = (ToolCall("call_a", "weather", '{"city":"Lima"}'), ToolCall("call_b", "news", "{}"))
    assert llm.asked[0].messages == (
        Message("user", "Weather?"),
        Message("assistant", "", tool_calls=calls),
        Message("tool", "Sun", tool_call_id="call_a", name="weather"),
        Message("tool", "", tool_call_id="call_b", name="news"),
        Message("assistant", "I would rather not."),
        Message("assistant", "No."),
    )


async def test_an_answer_is_parsed_into_a_model_of_the_client(services: Services) -> None:
    llm = ScriptedLLM(TextDelta('{"name":"Lima",'), TextDelta('"people":10}'), DONE)
    async with official(services, llm) as client:
        answer = await client.chat.completions.parse(model="fake-llm", messages=MESSAGES, response_format=City)
        async with client.chat.completions.stream(model="fake-llm", messages=MESSAGES, response_format=City) as stream:
            final = await stream.get_final_completion()
    assert answer.choices[0].message.parsed == City(name="Lima", people=10)
    assert final.choices[0].message.parsed == City(name="Lima", people=10)
    assert llm.asked[0].options.json_schema is not None
    assert llm.asked[0].options.json_schema["required"] == ["name", "people"]


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"type": "object"}),
        ({"type": "json_schema", "json_schema": {"name": "a"}}, {"type": "object"}),
        ({"type": "json_schema", "json_schema": {"name": "a", "schema": PARAMETERS, "strict": True}}, PARAMETERS),
    ],
)
async def test_the_form_of_the_answer_reaches_the_stage(services: Services, form: Any, schema: Any) -> None:
    llm = ScriptedLLM(DONE)
    async with client_of(services, llm) as client:
        body = {"model": "fake-llm", "messages": MESSAGES, "response_format": form}
        assert (await client.post(PATH, json=body)).status_code == 200
    assert llm.asked[0].options.json_schema == schema


TOKENS = (
    TokenLogprob(
        "Hé", -0.25, "Hé".encode(), (TokenLogprob("Hé", -0.25, b"H\xc3\xa9"), TokenLogprob("�", -3.0, b"\xc3"))
    ),
    TokenLogprob("!", -float("inf"), b"!"),
)


async def test_probabilities_are_told_whole_and_streamed(services: Services) -> None:
    llm = ScriptedLLM(TextDelta("Hé", TOKENS[:1]), TextDelta("!", TOKENS[1:]), DONE)
    async with official(services, llm) as client:
        answer = await client.chat.completions.create(
            model="fake-llm", messages=MESSAGES, logprobs=True, top_logprobs=2
        )
        stream = await client.chat.completions.create(
            model="fake-llm", messages=MESSAGES, logprobs=True, top_logprobs=2, stream=True
        )
        chunks = [chunk async for chunk in stream]
    assert (llm.asked[0].options.logprobs, llm.asked[0].options.top_logprobs) == (True, 2)
    assert answer.choices[0].logprobs is not None
    told = answer.choices[0].logprobs.content
    assert told is not None
    assert [(token.token, token.logprob, token.bytes) for token in told] == [
        ("Hé", -0.25, [72, 195, 169]),
        ("!", -9999.0, [33]),
    ]
    assert [other.bytes for other in told[0].top_logprobs] == [[72, 195, 169], [195]]
    streamed = [chunk.choices[0].logprobs for chunk in chunks]
    assert streamed[0] is streamed[-1] is None
    assert [token for logprobs in streamed if logprobs for token in logprobs.content or []] == told


async def test_probabilities_are_not_told_where_they_are_not_asked_for(services: Services) -> None:
    async with client_of(services, ScriptedLLM(TextDelta("Hé", TOKENS[:1]), DONE)) as client:
        answer = await client.post(PATH, json={"model": "fake-llm", "messages": MESSAGES})
    assert answer.json()["choices"][0]["logprobs"] is None


async def test_every_way_to_sample_reaches_the_stage(services: Services) -> None:
    llm = ScriptedLLM(DONE)
    body = {
        "model": "fake-llm",
        "messages": MESSAGES,
        "presence_penalty": 0.5,
        "frequency_penalty": -2,
        "logit_bias": {"50256": -100, "7": 1.5},
    }
    async with client_of(services, llm) as client:
        assert (await client.post(PATH, json=body)).status_code == 200
    options = llm.asked[0].options
    assert (options.presence_penalty, options.frequency_penalty) == (0.5, -2)
    assert options.logit_bias == ((50256, -100), (7, 1.5))


@pytest.mark.parametrize("stream", [False, True])
async def test_what_an_engine_cannot_do_is_a_400(services: Services, stream: bool) -> None:
    llm = ScriptedLLM(error=UnsupportedParameter("This model knows no 'logit_bias'.", "logit_bias"))
    async with client_of(services, llm) as client:
        body = {"model": "fake-llm", "messages": MESSAGES, "logit_bias": {"1": 1}, "stream": stream}
        answer = await client.post(PATH, json=body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "logit_bias")
