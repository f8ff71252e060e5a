"""What chat asks of llama.cpp beyond text, on SmolLM2-135M-Instruct: forms, calls, probabilities, penalties."""

import asyncio
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from smartlite.domain.llm import ChatEvent, ChatFinished, ChatOptions, Message, TextDelta, Tool, ToolCall, ToolCallDelta
from smartlite.domain.logprobs import TokenLogprob
from smartlite.domain.models import ModelFiles
from smartlite.engines.llama_cpp import LlamaCpp
from smartlite.engines.llama_cpp_server import LlamaCppOptions
from smartlite.errors import InvalidRequest

pytestmark = pytest.mark.models


def takes(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


TOOLS = (
    Tool("get_weather", "Tells the weather of a city now.", takes(city={"type": "string"})),
    Tool("set_timer", "Starts a timer that rings.", takes(minutes={"type": "integer", "minimum": 1, "maximum": 600})),
    Tool("play_music", "Plays music of an artist.", takes(artist={"type": "string"})),
)
ASKED = [
    ("What is the weather in Paris?", "get_weather"),
    ("Set a timer for 5 minutes.", "set_timer"),
    ("Play music by Mozart.", "play_music"),
    ("How is the weather in London today?", "get_weather"),
    ("Start a timer of 20 minutes, please.", "set_timer"),
    ("Play some songs by The Beatles.", "play_music"),
    ("Tell me the weather in Berlin.", "get_weather"),
    ("Set the timer to 45 minutes.", "set_timer"),
    ("I want to hear music of Bach.", "play_music"),
    ("Is it raining in Rome? Look at the weather.", "get_weather"),
]
CAPITAL = (
    Message("system", "You are a helpful assistant."),
    Message("user", "What is the capital of France?"),
)
THE = 504
"""The number of ``The`` in SmolLM2's vocabulary."""
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "kind": {"enum": ["cat", "dog"]},
        "code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"},
    },
    "required": ["name", "age", "kind", "code"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def engine(model_files: Callable[[str], ModelFiles]) -> Iterator[LlamaCpp]:
    engine = LlamaCpp(model_files("smollm2-135m-instruct"), LlamaCppOptions(parallel=2, context_tokens=4096))
    engine.start()
    yield engine
    engine.close()


async def chat(engine: LlamaCpp, asked: str | tuple[Message, ...], **options: Any) -> list[ChatEvent]:
    messages = (Message("user", asked),) if isinstance(asked, str) else asked
    return [event async for event in engine.chat(messages, ChatOptions(**options))]


def text_of(events: list[ChatEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def tokens_of(events: list[ChatEvent]) -> list[TokenLogprob]:
    return [token for event in events if isinstance(event, TextDelta) for token in event.logprobs]


def calls_of(events: list[ChatEvent]) -> list[tuple[str | None, Any]]:
    pieces: dict[int, list[ToolCallDelta]] = {}
    for event in events:
        if isinstance(event, ToolCallDelta):
            pieces.setdefault(event.index, []).append(event)
    return [(call[0].name, json.loads("".join(delta.arguments for delta in call))) for call in pieces.values()]


def reason_of(events: list[ChatEvent]) -> str:
    finished = events[-1]
    assert isinstance(finished, ChatFinished)
    return finished.finish_reason


async def test_ten_of_ten_calls_are_of_the_right_tool_with_valid_arguments(engine: LlamaCpp) -> None:
    schemas = {tool.name: tool.parameters for tool in TOOLS}
    right = 0
    for text, name in ASKED:
        events = await chat(engine, text, tools=TOOLS, tool_mode="required", temperature=0.8, max_tokens=100, seed=1)
        ((called, arguments),) = calls_of(events)
        Draft202012Validator(schemas[str(called)]).validate(arguments)
        assert text_of(events) == ""
        assert reason_of(events) == "tool_calls"
        right += called == name
    assert right == 10


async def test_a_named_tool_is_called_whatever_was_said(engine: LlamaCpp) -> None:
    events = await chat(engine, "Hello!", tools=TOOLS, tool_mode="required", tool_name="set_timer", max_tokens=60)
    ((name, arguments),) = calls_of(events)
    assert name == "set_timer"
    assert 1 <= arguments["minutes"] <= 600


async def test_a_plain_question_is_answered_in_text_beside_tools(engine: LlamaCpp) -> None:
    events = await chat(engine, "What is the capital of France?", tools=TOOLS, temperature=0.0, max_tokens=20)
    assert "Paris" in text_of(events)
    assert calls_of(events) == []


async def test_an_engine_that_may_makes_several_calls(model_files: Callable[[str], ModelFiles]) -> None:
    options = LlamaCppOptions(parallel=1, context_tokens=1024, max_calls=2)
    several = LlamaCpp(model_files("smollm2-135m-instruct"), options)
    several.start()
    try:
        asked = "What is the weather in Paris and in London?"
        events = await chat(several, asked, tools=TOOLS, tool_mode="required", temperature=0.0)
        one = await chat(several, asked, tools=TOOLS, tool_mode="required", temperature=0.0, parallel_tool_calls=False)
    finally:
        several.close()
    assert calls_of(events) == [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "London"})]
    assert len(calls_of(one)) == 1


async def test_results_of_tools_are_read(engine: LlamaCpp) -> None:
    messages = (
        Message("user", "What is the weather in Paris?"),
        Message("assistant", "", (ToolCall("c1", "get_weather", '{"city": "Paris"}'),)),
        Message("tool", "It rains, 11 degrees", tool_call_id="c1"),
        Message("user", "Repeat what the function told, word for word."),
    )
    text = text_of(await chat(engine, messages, temperature=0.0, max_tokens=40))
    assert "11 degrees" in text


async def test_ten_of_ten_answers_keep_to_a_schema(engine: LlamaCpp) -> None:
    validator = Draft202012Validator(PERSON)
    for seed in range(10):
        events = await chat(
            engine, "Tell me about Tom in JSON.", json_schema=PERSON, temperature=1.2, seed=seed, max_tokens=200
        )
        validator.validate(json.loads(text_of(events)))
        assert reason_of(events) == "stop"


async def test_any_json_object_can_be_asked_for(engine: LlamaCpp) -> None:
    events = await chat(
        engine, "Give the colours of the rainbow in JSON.", json_schema={"type": "object"}, seed=2, max_tokens=400
    )
    if reason_of(events) == "stop":
        assert isinstance(json.loads(text_of(events)), dict)
    else:
        assert text_of(events).startswith("{")


async def test_json_that_is_cut_off_says_so(engine: LlamaCpp) -> None:
    events = await chat(engine, "Tell me about Tom in JSON.", json_schema=PERSON, max_tokens=5)
    assert reason_of(events) == "length"
    assert text_of(events).startswith("{")


async def test_a_schema_that_cannot_be_kept_is_refused_and_harms_nobody(engine: LlamaCpp) -> None:
    for schema in ({"type": "objekt"}, {"$ref": "#"}, {"type": "string", "pattern": "(["}, {"not": {}}):
        with pytest.raises(InvalidRequest) as caught:
            await chat(engine, "Hello", json_schema=schema, max_tokens=4)
        assert caught.value.param == "response_format"
    assert text_of(await chat(engine, "Hello", max_tokens=4))


async def test_a_schema_that_is_too_complex_to_follow_ends_the_answer(engine: LlamaCpp) -> None:
    endless = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    with pytest.raises(InvalidRequest, match="too complex"):
        await chat(engine, "Hello", json_schema=endless, max_tokens=400)
    assert text_of(await chat(engine, "Hello", max_tokens=4))


async def test_control_tokens_in_a_schema_are_refused(engine: LlamaCpp) -> None:
    with pytest.raises(InvalidRequest, match="control token"):
        await chat(engine, "Hello", json_schema={"const": "a<|im_end|>b"}, max_tokens=40)


async def test_a_constrained_answer_that_is_closed_leaves_the_engine_ready(engine: LlamaCpp) -> None:
    story = {"type": "object", "properties": {"story": {"type": "string", "minLength": 5000}}, "required": ["story"]}
    events = engine.chat((Message("user", "Tell a story."),), ChatOptions(json_schema=story))
    await anext(events)
    await events.aclose()
    async with asyncio.timeout(10):
        assert text_of(await chat(engine, "Hello", max_tokens=4))


async def test_probabilities_are_of_the_text_and_make_sense(engine: LlamaCpp) -> None:
    options: dict[str, Any] = {"temperature": 0.0, "seed": 1, "max_tokens": 6, "logprobs": True, "top_logprobs": 3}
    events = await chat(engine, CAPITAL, **options)
    tokens = tokens_of(events)
    assert b"".join(token.data for token in tokens).decode() == text_of(events)
    assert len(tokens) == 6
    for token in tokens:
        assert token.logprob <= 0
        assert len(token.alternatives) == 3
        # Greedy: the token itself is the likeliest.
        assert token.alternatives[0].data == token.data
        assert token.logprob == pytest.approx(token.alternatives[0].logprob, abs=1e-4)
        likely = [other.logprob for other in token.alternatives]
        assert likely == sorted(likely, reverse=True)
        assert sum(map(math.exp, likely)) < 1.0001


async def test_probabilities_of_characters_of_several_tokens_join_to_the_text(engine: LlamaCpp) -> None:
    events = await chat(engine, "Repeat: 🎉🚀 ñ 日本", temperature=0.0, seed=1, max_tokens=20, logprobs=True)
    assert "".join(token.token for token in tokens_of(events)) == text_of(events)
    assert "\ufffd" not in text_of(events)


async def test_probabilities_come_without_alternatives_and_only_when_asked(engine: LlamaCpp) -> None:
    events = await chat(engine, "Hello", max_tokens=4, logprobs=True)
    deltas = [event for event in events if isinstance(event, TextDelta)]
    assert all(delta.logprobs and not delta.logprobs[0].alternatives for delta in deltas)
    silent = await chat(engine, "Hello", max_tokens=4)
    assert not [event for event in silent if isinstance(event, TextDelta) and event.logprobs]


@pytest.mark.parametrize("penalty", [{"presence_penalty": 2.0}, {"frequency_penalty": 2.0}])
async def test_a_penalty_changes_an_answer_that_repeats_itself(engine: LlamaCpp, penalty: dict[str, float]) -> None:
    asked = "Write the word apple again and again: apple apple apple apple"
    plain = text_of(await chat(engine, asked, temperature=0.0, seed=1, max_tokens=40))
    varied = text_of(await chat(engine, asked, temperature=0.0, seed=1, max_tokens=40, **penalty))
    assert varied != plain
    assert len(set(varied.split())) / len(varied.split()) > len(set(plain.split())) / len(plain.split())


async def test_a_bias_takes_a_token_out_and_forces_another(engine: LlamaCpp) -> None:
    first = await chat(engine, CAPITAL, temperature=0.0, seed=1, max_tokens=1)
    assert text_of(first) == "The"
    without = await chat(engine, CAPITAL, temperature=0.0, seed=1, max_tokens=1, logit_bias=((THE, -100.0),))
    assert text_of(without) != "The"
    only = await chat(engine, CAPITAL, temperature=1.0, max_tokens=3, logit_bias=((THE, 100.0),))
    assert text_of(only) == "TheTheThe"


@pytest.mark.parametrize("token", [-1, 49_152])
async def test_a_bias_of_a_token_that_is_not_there_is_refused(engine: LlamaCpp, token: int) -> None:
    with pytest.raises(InvalidRequest, match="0 to 49151") as caught:
        await chat(engine, "Hello", logit_bias=((token, 1.0),))
    assert caught.value.param == "logit_bias"
