"""Chat requests that are refused: each names its field, what was wrong, and what is allowed."""

from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

MESSAGES: Any = [{"role": "user", "content": "one two three"}]
PATH = "/v1/chat/completions"

UNSUPPORTED = [
    ({"n": 2}, "n"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    ({"functions": [{"name": "f"}]}, "functions"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tool_choice": {"type": "function", "function": {"name": "f"}}}, "tool_choice"),
    ({"logprobs": True}, "logprobs"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"response_format": {"type": "json_schema", "json_schema": {"name": "x"}}}, "response_format"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"audio": {"voice": "alloy", "format": "mp3"}}, "audio"),
    ({"logit_bias": {"50256": -100}}, "logit_bias"),
    ({"presence_penalty": 0.5}, "presence_penalty"),
    ({"frequency_penalty": -1}, "frequency_penalty"),
    ({"messages": [{"role": "tool", "content": "42", "tool_call_id": "c"}]}, "messages[0].role"),
    ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}, "messages[0].tool_calls"),
    (
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}]},
        "messages[0].content[0].type",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]},
        "messages[0].content[0].type",
    ),
]


@pytest.mark.parametrize(("fields", "param"), UNSUPPORTED)
async def test_what_no_model_here_can_do_is_refused_by_name(
    client: httpx.AsyncClient, fields: dict[str, object], param: str
) -> None:
    answer = await client.post(PATH, json={"model": "gpt-4o-mini", "messages": MESSAGES} | fields)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "unsupported_parameter", param)
    assert param in error["message"]


INVALID = [
    ({"messages": None}, "invalid_type", "messages"),
    ({"messages": []}, "invalid_value", "messages"),
    ({"messages": "hi"}, "invalid_type", "messages"),
    ({"messages": ["hi"]}, "invalid_type", "messages[0]"),
    ({"messages": [{"content": "hi"}]}, "missing_required_parameter", "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "missing_required_parameter", "messages[0].content"),
    ({"messages": [{"role": "king", "content": "hi"}]}, "invalid_value", "messages[0].role"),
    ({"messages": [{"role": "user", "content": 7}]}, "invalid_type", "messages[0].content"),
    ({"messages": [{"role": "user", "content": []}]}, "invalid_value", "messages[0].content"),
    (
        {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
        "missing_required_parameter",
        "messages[0].content[0].text",
    ),
    (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
        "invalid_type",
        "messages[0].content[0].text",
    ),
    ({"messages": [{"role": "user", "content": "x"}] * 2001}, "invalid_value", "messages"),
    ({"model": 3}, "invalid_type", "model"),
    ({"model": ""}, "invalid_value", "model"),
    ({"temperature": 2.1}, "invalid_value", "temperature"),
    ({"temperature": -0.1}, "invalid_value", "temperature"),
    ({"temperature": "1"}, "invalid_type", "temperature"),
    ({"temperature": True}, "invalid_type", "temperature"),
    ({"top_p": 0}, "invalid_value", "top_p"),
    ({"top_p": 1.01}, "invalid_value", "top_p"),
    ({"max_tokens": 0}, "invalid_value", "max_tokens"),
    ({"max_tokens": 1.5}, "invalid_type", "max_tokens"),
    ({"max_tokens": "12"}, "invalid_type", "max_tokens"),
    ({"max_tokens": True}, "invalid_type", "max_tokens"),
    ({"max_tokens": 3, "max_completion_tokens": 4}, "invalid_value", "max_tokens"),
    ({"stream": "yes"}, "invalid_type", "stream"),
    ({"stream": 1}, "invalid_type", "stream"),
    ({"stream_options": {"include_usage": True}}, "invalid_value", "stream_options"),
    ({"stop": ["a", "b", "c", "d", "e"]}, "invalid_value", "stop"),
    ({"stop": ["a", 2]}, "invalid_type", "stop[1]"),
    ({"stop": ""}, "invalid_value", "stop"),
    ({"stop": 5}, "invalid_type", "stop"),
    ({"seed": 1.5}, "invalid_type", "seed"),
    ({"n": 0}, "invalid_value", "n"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("fields", "code", "param"), INVALID)
async def test_a_wrong_field_is_named(
    client: httpx.AsyncClient, fields: dict[str, object], code: str, param: str, stream: bool
) -> None:
    answer = await client.post(PATH, json={"model": "gpt-4o-mini", "messages": MESSAGES, "stream": stream} | fields)
    if stream and param == "stream_options":
        assert answer.status_code == 200
        return
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, code, param)
    assert error["type"] == "invalid_request_error"
    assert f"'{param}'" in error["message"]


async def test_a_wrong_value_is_never_repeated(client: httpx.AsyncClient) -> None:
    body = {"model": "gpt-4o-mini", "messages": [{"role": "s3cr3t", "content": "x"}]}
    answer = await client.post(PATH, json=body)
    assert "s3cr3t" not in answer.text
    assert "'developer', 'system'" in answer.json()["error"]["message"]


async def test_the_official_client_raises_its_own_errors(openai_client: AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as bad:
        await openai_client.chat.completions.create(model="gpt-4o-mini", messages=MESSAGES, temperature=9)
    assert bad.value.code == "invalid_value"
    assert bad.value.param == "temperature"
    with pytest.raises(openai.NotFoundError) as missing:
        await openai_client.chat.completions.create(model="no-such-model", messages=MESSAGES)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        await openai_client.chat.completions.create(model="whisper-1", messages=MESSAGES)
