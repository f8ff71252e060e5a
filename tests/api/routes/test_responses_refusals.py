"""Responses that are refused: each names its field, what was wrong, and what is allowed."""

from typing import Any

import httpx
import pytest

PATH = "/v1/responses"
TOOL: Any = {"type": "function", "name": "f"}


def item(**fields: Any) -> dict[str, Any]:
    return {"input": [fields]}


def schema(**fields: Any) -> dict[str, Any]:
    return {"text": {"format": {"type": "json_schema", **fields}}}


UNSUPPORTED = [
    ({"previous_response_id": "resp_1"}, "previous_response_id"),
    ({"conversation": "conv_1"}, "conversation"),
    ({"conversation": {"id": "conv_1"}}, "conversation"),
    ({"prompt": {"id": "pmpt_1"}}, "prompt"),
    ({"background": True}, "background"),
    ({"truncation": "auto"}, "truncation"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"tools": [TOOL, {"type": "custom", "name": "g"}]}, "tools[1].type"),
    (item(type="item_reference", id="msg_1"), "input[0].type"),
    (item(type="computer_call_output", call_id="c"), "input[0].type"),
    (item(role="user", content=[{"type": "input_image", "image_url": "data:,"}]), "input[0].content[0].type"),
    (item(role="user", content=[{"type": "input_file", "file_id": "f"}]), "input[0].content[0].type"),
    (
        item(role="system", content=[{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]),
        "input[0].content[0].type",
    ),
]

INVALID = [
    ({"input": None}, "invalid_type", "input"),
    ({"input": 3}, "invalid_type", "input"),
    ({"input": []}, "invalid_value", "input"),
    ({"input": ["hi"]}, "invalid_type", "input[0]"),
    ({"input": [{"type": "reasoning"}]}, "invalid_value", "input"),
    ({"input": [{"role": "user", "content": "x"}] * 2001}, "invalid_value", "input"),
    (item(content="hi"), "missing_required_parameter", "input[0].role"),
    (item(role="user"), "missing_required_parameter", "input[0].content"),
    (item(role="king", content="hi"), "invalid_value", "input[0].role"),
    (item(role="user", content=3), "invalid_type", "input[0].content"),
    (item(role="user", content=[{"type": "input_text"}]), "missing_required_parameter", "input[0].content[0].text"),
    (
        item(role="user", content=[{"type": "input_audio"}]),
        "missing_required_parameter",
        "input[0].content[0].input_audio",
    ),
    (
        item(role="user", content=[{"type": "input_audio", "input_audio": {"data": "???", "format": "wav"}}]),
        "invalid_value",
        "input[0].content[0].input_audio.data",
    ),
    (item(type="function_call", name="f", arguments="{}"), "missing_required_parameter", "input[0].call_id"),
    (item(type="function_call", call_id="c", arguments="{}"), "missing_required_parameter", "input[0].name"),
    (item(type="function_call", call_id="c", name="f"), "missing_required_parameter", "input[0].arguments"),
    (item(type="function_call", call_id="c", name="f", arguments="[]"), "invalid_value", "input[0].arguments"),
    (item(type="function_call_output", call_id="c", output="x"), "invalid_value", "input[0].call_id"),
    ({"max_output_tokens": 0}, "invalid_value", "max_output_tokens"),
    ({"temperature": 3}, "invalid_value", "temperature"),
    ({"top_logprobs": 21}, "invalid_value", "top_logprobs"),
    ({"stream": "yes"}, "invalid_type", "stream"),
    ({"metadata": {"a": 1}}, "invalid_type", "metadata.a"),
    ({"metadata": {str(n): "x" for n in range(17)}}, "invalid_value", "metadata"),
    ({"metadata": {"a": "x" * 513}}, "invalid_value", "metadata"),
    ({"text": {"format": {"type": "xml"}}}, "invalid_value", "text.format.type"),
    (schema(schema={}), "missing_required_parameter", "text.format.name"),
    (schema(name="a"), "missing_required_parameter", "text.format.schema"),
    (schema(name="a", schema={"type": 3}), "invalid_value", "text.format.schema"),
    ({"tools": [{"type": "function"}]}, "missing_required_parameter", "tools[0].name"),
    ({"tools": [TOOL, TOOL]}, "invalid_value", "tools[1].name"),
    ({"tool_choice": "required"}, "invalid_value", "tool_choice"),
    ({"tool_choice": {"type": "function"}, "tools": [TOOL]}, "missing_required_parameter", "tool_choice.name"),
    ({"tool_choice": {"type": "function", "name": "g"}, "tools": [TOOL]}, "invalid_value", "tool_choice.name"),
    ({"tool_choice": {"type": "allowed_tools"}, "tools": [TOOL]}, "missing_required_parameter", "tool_choice.tools"),
]


async def refused(client: httpx.AsyncClient, fields: dict[str, object]) -> dict[str, Any]:
    answer = await client.post(PATH, json={"model": "gpt-4o-mini", "input": "hi"} | fields)
    assert answer.status_code == 400
    error: dict[str, Any] = answer.json()["error"]
    return error


@pytest.mark.parametrize(("fields", "param"), UNSUPPORTED)
async def test_what_cannot_be_done_is_refused_by_name(
    client: httpx.AsyncClient, fields: dict[str, object], param: str
) -> None:
    error = await refused(client, fields)
    assert (error["code"], error["param"]) == ("unsupported_parameter", param)
    assert param in error["message"]


@pytest.mark.parametrize(("fields", "code", "param"), INVALID)
async def test_a_wrong_field_is_named(
    client: httpx.AsyncClient, fields: dict[str, object], code: str, param: str
) -> None:
    error = await refused(client, fields)
    assert (error["code"], error["param"]) == (code, param)
    assert f"'{param}'" in error["message"]


async def test_a_model_that_is_not_served_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, json={"model": "whisper-1", "input": "hi"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
