"""Chat requests that are refused: each names its field, what was wrong, and what is allowed."""

from typing import Any

import httpx
import openai
import pytest
from openai import AsyncOpenAI

MESSAGES: Any = [{"role": "user", "content": "one two three"}]
PATH = "/v1/chat/completions"

CALL: Any = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL: Any = {"type": "function", "function": {"name": "f"}}
SPOKEN: Any = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "mp3"}}


def part(**content: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [content]}]}


UNSUPPORTED = [
    ({"functions": [{"name": "f"}]}, "functions"),
    ({"function_call": "auto"}, "function_call"),
    ({"messages": [{"role": "function", "name": "f", "content": "42"}]}, "messages[0].role"),
    (
        {"messages": [{"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}}]},
        "messages[0].function_call",
    ),
    ({"messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}, "messages[0].audio"),
    (part(type="image_url", image_url={"url": "data:,"}), "messages[0].content[0].type"),
    (part(type="file", file={"file_id": "f"}), "messages[0].content[0].type"),
    (
        {
            "messages": [
                {
                    "role": "system",
                    "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}],
                }
            ]
        },
        "messages[0].content[0].type",
    ),
    ({"n": 2} | SPOKEN, "n"),
    ({"logprobs": True} | SPOKEN, "logprobs"),
    ({"response_format": {"type": "json_object"}} | SPOKEN, "response_format"),
    ({"stream": True} | SPOKEN, "audio.format"),
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
    ({"n": 9}, "invalid_value", "n"),
    ({"n": "2"}, "invalid_type", "n"),
    ({"presence_penalty": 2.5}, "invalid_value", "presence_penalty"),
    ({"frequency_penalty": "1"}, "invalid_type", "frequency_penalty"),
    ({"logit_bias": {"50256": -101}}, "invalid_value", "logit_bias"),
    ({"logit_bias": {"hello": 1}}, "invalid_value", "logit_bias"),
    ({"logit_bias": {"-1": 1}}, "invalid_value", "logit_bias"),
    ({"logit_bias": {"²": 1}}, "invalid_value", "logit_bias"),
    ({"logit_bias": {"9" * 10: 1}}, "invalid_value", "logit_bias"),
    ({"logit_bias": {str(token): 1 for token in range(301)}}, "invalid_value", "logit_bias"),
    ({"logit_bias": [1]}, "invalid_type", "logit_bias"),
    ({"logprobs": 1}, "invalid_type", "logprobs"),
    ({"top_logprobs": 2}, "invalid_value", "top_logprobs"),
    ({"logprobs": True, "top_logprobs": 21}, "invalid_value", "top_logprobs"),
    ({"modalities": []}, "invalid_value", "modalities"),
    ({"modalities": ["video"]}, "invalid_value", "modalities[0]"),
    ({"modalities": ["audio"], "audio": SPOKEN["audio"]}, "invalid_value", "modalities"),
    ({"modalities": ["text", "audio"]}, "missing_required_parameter", "audio"),
    ({"audio": SPOKEN["audio"]}, "invalid_value", "audio"),
    (SPOKEN | {"audio": {"voice": "alloy"}}, "missing_required_parameter", "audio.format"),
    (SPOKEN | {"audio": {"voice": "alloy", "format": "pcm"}}, "invalid_value", "audio.format"),
    (SPOKEN | {"audio": {"voice": 3, "format": "mp3"}}, "invalid_type", "audio.voice"),
    (SPOKEN | {"audio": {"voice": {}, "format": "mp3"}}, "missing_required_parameter", "audio.voice.id"),
    (SPOKEN | {"audio": {"voice": "nobody", "format": "pcm16"}}, "voice_not_found", "audio.voice"),
    (part(type="input_audio"), "missing_required_parameter", "messages[0].content[0].input_audio"),
    (
        part(type="input_audio", input_audio={"data": "AAAA", "format": "midi"}),
        "invalid_value",
        "messages[0].content[0].input_audio.format",
    ),
    (
        part(type="input_audio", input_audio={"data": "not base64", "format": "wav"}),
        "invalid_value",
        "messages[0].content[0].input_audio.data",
    ),
    (part(type="refusal", refusal="no"), "invalid_value", "messages[0].content[0].type"),
    ({"messages": [{"role": "tool", "content": "42"}]}, "missing_required_parameter", "messages[0].tool_call_id"),
    (
        {"messages": [{"role": "tool", "content": "42", "tool_call_id": "c"}]},
        "invalid_value",
        "messages[0].tool_call_id",
    ),
    (
        {"messages": [{"role": "user", "content": "42", "tool_call_id": "c"}]},
        "invalid_value",
        "messages[0].tool_call_id",
    ),
    (
        {"messages": [{"role": "user", "content": "42", "tool_calls": [CALL]}]},
        "invalid_value",
        "messages[0].tool_calls",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [CALL, CALL]}]},
        "invalid_value",
        "messages[0].tool_calls[1].id",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]},
        "missing_required_parameter",
        "messages[0].tool_calls[0].function",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [CALL | {"function": {"name": "f", "arguments": "[1"}}]}]},
        "invalid_value",
        "messages[0].tool_calls[0].function.arguments",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": [CALL | {"type": "custom"}]}]},
        "invalid_value",
        "messages[0].tool_calls[0].type",
    ),
    ({"response_format": "json"}, "invalid_type", "response_format"),
    ({"response_format": {"type": "xml"}}, "invalid_value", "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "missing_required_parameter", "response_format.json_schema"),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a b"}}},
        "invalid_value",
        "response_format.json_schema.name",
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": []}}},
        "invalid_type",
        "response_format.json_schema.schema",
    ),
    (
        {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "objekt"}}}},
        "invalid_value",
        "response_format.json_schema.schema",
    ),
    ({"tools": {}}, "invalid_type", "tools"),
    ({"tools": [{"type": "retrieval"}]}, "invalid_value", "tools[0].type"),
    ({"tools": [{"type": "function"}]}, "missing_required_parameter", "tools[0].function"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "invalid_value", "tools[0].function.name"),
    ({"tools": [TOOL, TOOL]}, "invalid_value", "tools[1].function.name"),
    (
        {"tools": [{"type": "function", "function": {"name": f"f{n}"}} for n in range(129)]},
        "invalid_value",
        "tools",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "array"}}}]},
        "invalid_value",
        "tools[0].function.parameters",
    ),
    (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": "{}"}}]},
        "invalid_type",
        "tools[0].function.parameters",
    ),
    ({"tool_choice": "required"}, "invalid_value", "tool_choice"),
    ({"tool_choice": "sometimes", "tools": [TOOL]}, "invalid_value", "tool_choice"),
    ({"tool_choice": {"type": "function"}, "tools": [TOOL]}, "missing_required_parameter", "tool_choice.function"),
    (
        {"tool_choice": {"type": "function", "function": {"name": "g"}}, "tools": [TOOL]},
        "invalid_value",
        "tool_choice.function.name",
    ),
    (
        {"tool_choice": {"type": "allowed_tools"}, "tools": [TOOL]},
        "missing_required_parameter",
        "tool_choice.allowed_tools",
    ),
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
