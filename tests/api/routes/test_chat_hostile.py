"""Bodies that were made to do harm: each is answered at once by a 4xx of our shape, on every JSON route of models."""

import json
from typing import Any

import httpx
import pytest

from smartlite.api.json_body import MAX_DEPTH

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
EMBEDDINGS = "/v1/embeddings"
MESSAGES: Any = [{"role": "user", "content": "hi"}]


def deep(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "object"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}}
    return schema


def chat(**fields: Any) -> str:
    return json.dumps({"model": "gpt-4o-mini", "messages": MESSAGES} | fields)


def tool(**fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f"} | fields}


HOSTILE = [
    "",
    "null",
    "[]",
    '"text"',
    "[" * 100_000,
    '{"a":' * 100_000,
    '{"model":"gpt-4o-mini","messages":' + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1) + "}",
    '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"\\ud800"}],"input":"\\ud800"}',
    '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"\\u0000"}],"input":"\\u0000"}',
    '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}],"input":"hi","temperature":1e999}',
    '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}],"input":"hi","temperature":NaN}',
    '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}],"input":"hi","seed":' + "9" * 5000 + "}",
    '{"model":"../../etc/passwd","messages":[{"role":"user","content":"hi"}],"input":"hi"}',
    '{"model":"\\ud83d\\ude00","messages":[{"role":"user","content":"hi"}],"input":"hi"}',
    '{"model":{"$ne":null},"messages":[{"role":"user","content":"hi"}],"input":{"$ne":null}}',
]


@pytest.mark.parametrize("path", [CHAT, RESPONSES, EMBEDDINGS])
@pytest.mark.parametrize("body", HOSTILE)
async def test_a_body_that_is_not_what_it_should_be_is_refused(client: httpx.AsyncClient, path: str, body: str) -> None:
    answer = await client.post(path, content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["message"]
    assert isinstance(error["code"], str)


@pytest.mark.parametrize(
    "body",
    [
        chat(tools=[tool(parameters=deep(40))]),
        chat(tools=[tool(parameters={"properties": {"a" * 200_000: {}}})]),
        chat(tools=[tool(parameters={"enum": ["x" * 1000] * 200})]),
        chat(tools=[tool(name=f"f{n}", description="x" * 6_000, parameters=deep(4)) for n in range(200)]),
        chat(tools=[tool(name="f" * 65)]),
        chat(tools=[tool(name="f\n")]),
        chat(tools=[tool(name="é")]),
        chat(tools=[tool(description="x" * 20_000)]),
        chat(tools=[tool(parameters={"$ref": "http://169.254.169.254/latest/meta-data"})]),
        chat(tools=[tool(parameters=None)] * 2),
        chat(tools=[None]),
        chat(tools=[[]]),
        chat(tools="f"),
        chat(tool_choice=["f"], tools=[tool()]),
        chat(tool_choice={"type": "function", "function": "f"}, tools=[tool()]),
        chat(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": deep(60)}}),
        chat(response_format={"type": "json_schema", "json_schema": []}),
        chat(logit_bias={"1": None}),
        chat(logit_bias={"1" * 10_000: 1}),
        chat(messages=[{"role": "user", "content": [[]]}]),
        chat(messages=[{"role": "user", "content": [{"type": "text", "text": "x"}] * 257}]),
        chat(messages=[{"role": "user", "content": "x", "name": "n" * 65}]),
        chat(messages=[{"role": "assistant", "tool_calls": [{"id": "", "function": {"name": "f", "arguments": ""}}]}]),
        chat(
            messages=[
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"a":' * 50_000}}],
                }
            ]
        ),
        chat(
            messages=[
                {
                    "role": "assistant",
                    "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": '{"a":"\ud800"}'}}],
                }
            ]
        ),
        chat(stop=["x" * 300]),
        chat(n=10**9),
        chat(max_tokens=2**70),
    ],
)
async def test_a_hostile_chat_is_refused(client: httpx.AsyncClient, body: str) -> None:
    answer = await client.post(CHAT, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 413}, answer.text
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert len(answer.content) < 20_000


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
async def test_as_many_schemas_as_are_allowed_are_taken(client: httpx.AsyncClient, path: str) -> None:
    tools: list[Any] = [tool(name=f"f{n}", description="x" * 500, parameters=deep(8)) for n in range(128)]
    if path == RESPONSES:
        tools = [{"type": "function", **each["function"]} for each in tools]
    body = {"model": "gpt-4o-mini", "messages": MESSAGES, "input": "hi", "tools": tools, "tool_choice": "none"}
    assert (await client.post(path, json=body)).status_code == 200
