"""Tools called through the transformers engine, on real weights. Must not know how calls are written in the text."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smartlite.domain.llm import ChatEvent, ChatFinished, ChatOptions, Message, TextDelta, Tool, ToolCall, ToolCallDelta
from smartlite.domain.models import ModelFiles
from smartlite.engines.transformers_llm import TransformersLLM
from smartlite.engines.transformers_options import TransformersOptions
from smartlite.errors import InvalidRequest

pytestmark = pytest.mark.models

WEATHER = Tool(
    "get_weather",
    "Tells the weather of a city.",
    {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}, "unit": {"enum": ["celsius", "fahrenheit"]}},
        "required": ["city", "unit"],
    },
)
TIME = Tool("get_time", "Tells the time.", {"type": "object", "properties": {}})
QUESTION = (Message("user", "What is the weather in Paris, in celsius?"),)


@pytest.fixture(scope="module")
def engine(model_files: Callable[[str], ModelFiles]) -> Iterator[TransformersLLM]:
    engine = TransformersLLM(model_files("smollm2-135m-instruct-transformers"), TransformersOptions())
    engine.start()
    yield engine
    engine.close()


async def events(engine: TransformersLLM, messages: tuple[Message, ...], **options: Any) -> list[ChatEvent]:
    return [event async for event in engine.chat(messages, ChatOptions(**{"max_tokens": 100} | options))]


def calls_of(said: list[ChatEvent]) -> list[tuple[str | None, dict[str, Any]]]:
    deltas = [event for event in said if isinstance(event, ToolCallDelta)]
    names = [delta.name for delta in deltas if delta.name is not None]
    texts = ["".join(d.arguments for d in deltas if d.index == index) for index in range(len(names))]
    return list(zip(names, map(json.loads, texts), strict=True))


def reason_of(said: list[ChatEvent]) -> str:
    assert isinstance(said[-1], ChatFinished)
    return said[-1].finish_reason


async def test_a_tool_that_must_be_called_is_called_with_arguments_of_its_schema(engine: TransformersLLM) -> None:
    options = {"tools": (WEATHER, TIME), "tool_name": "get_weather", "temperature": 1.2}
    for said in await asyncio.gather(*(events(engine, QUESTION, seed=seed, **options) for seed in range(4))):
        ((name, arguments),) = calls_of(said)
        assert name == "get_weather"
        assert set(arguments) == {"city", "unit"}
        assert arguments["unit"] in ("celsius", "fahrenheit")
        assert not any(isinstance(event, TextDelta) for event in said)
        assert reason_of(said) == "tool_calls"


async def test_one_call_at_most_where_calls_must_not_be_parallel(engine: TransformersLLM) -> None:
    said = await events(
        engine, QUESTION, tools=(WEATHER, TIME), tool_mode="required", parallel_tool_calls=False, temperature=0.0
    )
    ((name, _),) = calls_of(said)
    assert name in ("get_weather", "get_time")


async def test_an_answer_of_tools_is_read_and_no_tool_is_called_where_none_may(engine: TransformersLLM) -> None:
    call = ToolCall("call_1", "get_weather", '{"city": "Paris", "unit": "celsius"}')
    history = (*QUESTION, Message("assistant", "", (call,)), Message("tool", "21 degrees, sunny", (), "call_1"))
    said = await events(engine, history, tools=(WEATHER,), tool_mode="none", temperature=0.0, max_tokens=24)
    assert calls_of(said) == []
    assert "21" in "".join(event.text for event in said if isinstance(event, TextDelta))
    assert reason_of(said) in ("stop", "length")


async def test_a_call_that_is_cut_off_ends_for_its_length(engine: TransformersLLM) -> None:
    said = await events(engine, QUESTION, tools=(WEATHER,), tool_mode="required", max_tokens=12)
    assert reason_of(said) == "length"


async def test_a_tool_whose_schema_cannot_be_kept_is_refused(engine: TransformersLLM) -> None:
    wrong = Tool("bad", "", {"type": "object", "properties": {"a": {"type": "nonsense"}}})
    with pytest.raises(InvalidRequest) as caught:
        await events(engine, QUESTION, tools=(WEATHER, wrong), tool_mode="required")
    assert caught.value.param == "tools[1].function.parameters"
