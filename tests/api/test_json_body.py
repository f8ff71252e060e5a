"""The JSON gate: bytes as nobody should send them, each with its answer; no 5xx."""

import json

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Message

from smartlite.api.json_body import MAX_DEPTH, MAX_NODES, parse_json
from smartlite.errors import InvalidJSON

PATH = "/v1/chat/completions"
GOOD = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hi"}]%s}'
JSON = {"content-type": "application/json"}


def extended(extra: bytes) -> bytes:
    return GOOD % (b"," + extra)


NOT_JSON = {
    "empty": b"",
    "only white space": b" \n\t ",
    "cut off": b'{"model": "gp',
    "trailing garbage": GOOD % b"" + b" x",
    "two values": b"{}{}",
    "single quotes": b"{'model': 'x'}",
    "trailing comma": b'{"model": "x",}',
    "a comment": b'{/* hi */"model": "x"}',
    "leading zero": b'{"n": 01}',
    "hexadecimal": b'{"n": 0x1}',
    "invalid UTF-8": b'{"model": "\xff\xfe"}',
    "overlong UTF-8": b'{"model": "\xc0\xaf"}',
    "a surrogate in UTF-8": b'{"model": "\xed\xa0\x80"}',
    "UTF-16": '{"model": "x"}'.encode("utf-16"),
    "UTF-32": '{"model": "x"}'.encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD % b"",
    "NaN": extended(b'"temperature": NaN'),
    "Infinity": extended(b'"temperature": Infinity'),
    "-Infinity": extended(b'"temperature": -Infinity'),
    "1e400": extended(b'"temperature": 1e400'),
    "1e400 where nobody looks": extended(b'"unknown": [{"a": 1e400}]'),
    "NaN in a wrong field": extended(b'"model": NaN'),
    "a lone surrogate in a value": extended(rb'"user": "\udc80"'),
    "a lone surrogate in a wrong field": extended(rb'"temperature": "\ud800"'),
    "a lone surrogate in a key": extended(rb'"\udc80": 1'),
    "NUL in a value": extended(rb'"user": "a\u0000b"'),
    "NUL in a key": extended(rb'"a\u0000b": 1'),
    "a raw control character": extended(b'"user": "a\x01b"'),
    "nested 100,000 deep": b"[" * 100_000,
    "nested 900 deep": extended(b'"x": ' + b"[" * 900 + b"]" * 900),
    "nested just too deep": extended(b'"x": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH),
    "objects nested too deep": extended(b'"x": ' + b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH),
    "an integer of 4,000 digits": extended(b'"seed": ' + b"9" * 4000),
    "an integer of 5,000 digits": extended(b'"seed": ' + b"9" * 5000),
    "2**63": extended(b'"seed": 9223372036854775808'),
    "-2**63 - 1": extended(b'"seed": -9223372036854775809'),
    "2**70 where nobody looks": extended(b'"unknown": 1180591620717411303424'),
    "too many values": extended(b'"x": [' + b"0," * MAX_NODES + b"0]"),
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_what_is_not_json_is_a_400_that_repeats_nothing(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post(PATH, content=body, headers=JSON)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "invalid_json", None)
    assert len(answer.content) < 400


WRONG_TYPES = {
    "null": b"null",
    "an array": b"[]",
    "a string": b'"x"',
    "a number": b"12",
    "a boolean": b"true",
}


@pytest.mark.parametrize("body", WRONG_TYPES.values(), ids=WRONG_TYPES.keys())
async def test_json_that_is_no_object_is_a_wrong_type(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post(PATH, content=body, headers=JSON)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_type"
    assert "expected an object" in answer.json()["error"]["message"]


async def test_an_empty_object_misses_its_first_field(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, content=b"{}", headers=JSON)
    assert answer.json()["error"] == {
        "message": "Missing required parameter: 'model'.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "missing_required_parameter",
    }


FINE = {
    "plain": GOOD % b"",
    "white space around": b"\n " + GOOD % b"" + b"\r\n",
    "a pair of surrogates": extended(rb'"user": "\ud83d\ude00"'),
    "duplicate keys, the last counts": extended(b'"temperature": 9, "temperature": 1'),
    "the largest integer": extended(b'"seed": 9223372036854775807'),
    "the smallest integer": extended(b'"seed": -9223372036854775808'),
    "an integer as a number": extended(b'"temperature": 1'),
    "the deepest nesting": extended(b'"x": ' + b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)),
    "unknown fields": extended(b'"is_admin": true, "owner_id": "x", "": null'),
    "null for what is optional": extended(b'"temperature": null, "stop": null, "tools": null'),
}


@pytest.mark.parametrize("body", FINE.values(), ids=FINE.keys())
async def test_what_is_json_is_answered(client: httpx.AsyncClient, body: bytes) -> None:
    assert (await client.post(PATH, content=body, headers=JSON)).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "json",
        "application/octet-stream",
    ],
)
async def test_another_content_type_is_a_415(client: httpx.AsyncClient, content_type: str) -> None:
    answer = await client.post(PATH, content=GOOD % b"", headers={"content-type": content_type})
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_media_type"


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON", 'application/json; charset="UTF-8"', "application/vnd.api+json"],
)
async def test_every_spelling_of_json_is_taken(client: httpx.AsyncClient, content_type: str) -> None:
    assert (await client.post(PATH, content=GOOD % b"", headers={"content-type": content_type})).status_code == 200


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_no_server_error(app: FastAPI) -> None:
    arriving: list[Message] = [
        {"type": "http.request", "body": b'{"model":', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return arriving.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json"), (b"content-length", b"500")]
    scope = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": headers}
    await app(scope, receive, send)
    assert sent[0]["status"] == 499


async def test_a_long_chat_passes(client: httpx.AsyncClient) -> None:
    messages = [{"role": "user", "content": "x"}] * 600
    answer = await client.post(PATH, json={"model": "gpt-4o-mini", "messages": messages})
    assert answer.status_code == 200


def test_the_place_of_a_mistake_is_told() -> None:
    with pytest.raises(InvalidJSON, match="line 2 column"):
        parse_json(b'{"a": 1,\n oops}')


def test_values_are_what_json_says() -> None:
    value = {"a": [1, -2.5, True, None, "ä"], "b": {}}
    assert parse_json(json.dumps(value).encode()) == value
