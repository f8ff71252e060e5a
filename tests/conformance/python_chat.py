"""Cells of the official Python client, in strict response validation: chat."""

import base64
import json
from typing import Any, Final, Literal

import openai
import pytest
from pydantic import BaseModel

from tests.conformance.context import LLM, SCHEMA, WEATHER, Cell, Context
from tests.conformance.python_base import ask, client_of

WEATHER_QUESTION: Final = "How is the weather in Rome?"


class Weather(BaseModel):
    """What the structured output is parsed into."""

    city: Literal["Rome", "Paris"]
    degrees: int


def chat(context: Context) -> None:
    with client_of(context) as client:
        answer = ask(client)
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].message.content


def chat_usage(context: Context) -> None:
    with client_of(context) as client:
        usage = ask(client).usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert usage.prompt_tokens_details.cached_tokens >= 0
    assert usage.completion_tokens_details.reasoning_tokens == 0


def chat_stream(context: Context) -> None:
    with client_of(context) as client:
        chunks = list(ask(client, stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


def chat_stream_usage(context: Context) -> None:
    with client_of(context) as client:
        chunks = list(ask(client, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].choices == []
    assert chunks[-1].usage.completion_tokens > 0


def chat_roles(context: Context) -> None:
    messages: Any = [
        {"role": "developer", "content": "Answer in one word."},
        {"role": "system", "content": "You are kind."},
        {"role": "user", "content": "Hello."},
        {"role": "assistant", "content": "Hi."},
        {"role": "user", "content": "Goodbye."},
    ]
    with client_of(context) as client:
        answer = client.chat.completions.create(model=LLM, messages=messages, max_completion_tokens=16)
    assert answer.choices


def chat_parts(context: Context) -> None:
    parts: Any = [{"type": "text", "text": "Say"}, {"type": "text", "text": "hello."}]
    with client_of(context) as client:
        assert ask(client, parts).choices[0].message.content


def chat_max_tokens(context: Context) -> None:
    with client_of(context) as client:
        answer = ask(client, "Tell me a long story.", max_completion_tokens=5)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 5


def chat_n(context: Context) -> None:
    with client_of(context) as client:
        answer = ask(client, "Invent a name.", n=3, temperature=1, seed=1)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len({choice.message.content for choice in answer.choices}) > 1


def chat_n_stream(context: Context) -> None:
    with client_of(context) as client:
        chunks = list(ask(client, "Invent a name.", n=2, temperature=1, stream=True))
    ended = [choice.index for chunk in chunks for choice in chunk.choices if choice.finish_reason]
    assert sorted(ended) == [0, 1]


def chat_stop(context: Context) -> None:
    with client_of(context) as client:
        free = ask(client, "Tell me a long story about a ship.").choices[0].message.content
        stop = free.split()[5]
        stopped = ask(client, "Tell me a long story about a ship.", stop=[stop]).choices[0]
    assert stop not in stopped.message.content
    assert stopped.finish_reason == "stop"


def chat_seed(context: Context) -> None:
    with client_of(context) as client:
        first, again = (
            ask(client, "Invent a name.", temperature=1.5, seed=7).choices[0].message.content for _ in range(2)
        )
    assert first == again


def chat_penalties(context: Context) -> None:
    with client_of(context) as client:
        assert ask(client, presence_penalty=1.5, frequency_penalty=-1).choices


def chat_logit_bias(context: Context) -> None:
    with client_of(context) as client:
        assert ask(client, logit_bias={"1": -100}).choices


def _check_logprobs(tokens: list[Any], text: str) -> None:
    assert b"".join(bytes(token.bytes or []) for token in tokens).decode() == text
    assert all(token.logprob <= 0 for token in tokens)
    assert all(len(token.top_logprobs) == 2 for token in tokens)


def chat_logprobs(context: Context) -> None:
    with client_of(context) as client:
        choice = ask(client, logprobs=True, top_logprobs=2).choices[0]
    _check_logprobs(choice.logprobs.content, choice.message.content)


def chat_logprobs_stream(context: Context) -> None:
    with client_of(context) as client:
        choices = [chunk.choices[0] for chunk in ask(client, logprobs=True, top_logprobs=2, stream=True)]
    tokens = [token for choice in choices if choice.logprobs for token in choice.logprobs.content or ()]
    _check_logprobs(tokens, "".join(choice.delta.content or "" for choice in choices))


def chat_json_object(context: Context) -> None:
    with client_of(context) as client:
        answer = ask(
            client,
            "Give me a JSON object with a key 'colour'.",
            response_format={"type": "json_object"},
            max_completion_tokens=200,
            temperature=0.3,
            seed=1,
        )
    if answer.choices[0].finish_reason == "stop":
        assert isinstance(json.loads(answer.choices[0].message.content), dict)
    else:  # cut, as OpenAI's would be
        assert answer.choices[0].message.content.lstrip().startswith("{")


def chat_json_schema(context: Context) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "weather", "schema": SCHEMA, "strict": True}}
    with client_of(context) as client:
        answer = ask(client, "The weather in Rome, as JSON.", response_format=form, max_completion_tokens=100)
    Weather.model_validate_json(answer.choices[0].message.content)


def chat_parse(context: Context) -> None:
    with client_of(context) as client:
        answer = client.chat.completions.parse(
            model=LLM,
            messages=[{"role": "user", "content": "The weather in Rome, as JSON."}],
            response_format=Weather,
            max_completion_tokens=100,
        )
    assert isinstance(answer.choices[0].message.parsed, Weather)


def _call(context: Context, **options: Any) -> Any:
    with client_of(context) as client:
        choice = ask(client, WEATHER_QUESTION, tools=[WEATHER], **({"max_completion_tokens": 200} | options)).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    call = choice.message.tool_calls[0]
    assert (call.type, call.function.name) == ("function", "get_weather")
    assert json.loads(call.function.arguments)["city"] in ("Rome", "Paris")
    return choice


def chat_tools_required(context: Context) -> None:
    _call(context, tool_choice="required")


def chat_tools_named(context: Context) -> None:
    _call(context, tool_choice={"type": "function", "function": {"name": "get_weather"}})


def chat_tools_none(context: Context) -> None:
    with client_of(context) as client:
        choice = ask(client, WEATHER_QUESTION, tools=[WEATHER], tool_choice="none").choices[0]
    assert choice.message.content
    assert not choice.message.tool_calls


def chat_tools_auto(context: Context) -> None:
    with client_of(context) as client:
        choice = ask(client, "Say hello to me.", tools=[WEATHER], max_completion_tokens=200).choices[0]
    # Whether it calls is the model's to say; what it does must be whole.
    assert bool(choice.message.content) != bool(choice.message.tool_calls)


def chat_tools_parallel(context: Context) -> None:
    choice = _call(context, tool_choice="required", parallel_tool_calls=False)
    assert len(choice.message.tool_calls) == 1


def chat_tools_stream(context: Context) -> None:
    with (
        client_of(context) as client,
        client.chat.completions.stream(
            model=LLM,
            messages=[{"role": "user", "content": WEATHER_QUESTION}],
            tools=[{**WEATHER, "function": {**WEATHER["function"], "strict": True}}],  # type: ignore[list-item,dict-item]
            tool_choice="required",
            max_completion_tokens=200,
        ) as stream,
    ):
        events = [event.type for event in stream]
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.done" in events
    calls = final.choices[0].message.tool_calls
    assert calls
    assert json.loads(calls[0].function.arguments)


def chat_tools_result(context: Context) -> None:
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'}}
    messages: Any = [
        {"role": "user", "content": WEATHER_QUESTION},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny, 25 degrees."},
    ]
    with client_of(context) as client:
        answer = client.chat.completions.create(
            model=LLM,
            messages=messages,
            tools=[WEATHER],
            tool_choice="none",
            max_completion_tokens=32,  # type: ignore[list-item]
        )
    assert answer.choices[0].message.content


def chat_input_audio(context: Context) -> None:
    audio = {"data": base64.b64encode(context.question.read_bytes()).decode(), "format": "wav"}
    parts: Any = [{"type": "input_audio", "input_audio": audio}]
    with client_of(context) as client:
        assert ask(client, parts).choices[0].message.content


def chat_audio_answer(context: Context) -> None:
    with client_of(context) as client:
        message = (
            ask(client, modalities=["text", "audio"], audio={"voice": "alloy", "format": "wav"}).choices[0].message
        )
    assert base64.b64decode(message.audio.data).startswith(b"RIFF")
    assert message.audio.transcript
    assert message.audio.id


def chat_audio_stream(context: Context) -> None:
    with client_of(context) as client:
        chunks = list(
            ask(client, modalities=["text", "audio"], audio={"voice": "alloy", "format": "pcm16"}, stream=True)
        )
    pieces = [choice.delta.audio for chunk in chunks for choice in chunk.choices if choice.delta.audio]
    assert len(b"".join(base64.b64decode(piece.data or "") for piece in pieces)) > 4800
    assert "".join(piece.transcript or "" for piece in pieces)


def chat_image(context: Context) -> None:
    parts: Any = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]
    with client_of(context) as client, pytest.raises(openai.BadRequestError) as caught:
        ask(client, parts)
    assert caught.value.param
    assert caught.value.param.startswith("messages[0].content")


CELLS: Final[dict[str, Cell | str]] = {
    name: cell for name, cell in list(globals().items()) if name.startswith("chat") and callable(cell)
}
