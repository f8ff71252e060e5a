"""Schemas become grammars or a 400 that says why; answers are held to them. Must not know any model."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from smartlite.engines.json_grammar import GrammarCheck, json_grammar, smallest_instance
from smartlite.errors import InvalidRequest

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2},
        "age": {"type": "integer", "minimum": 5},
        "kind": {"enum": ["cat", "dog"]},
        "code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"},
        "friends": {"type": "array", "items": {"$ref": "#/$defs/friend"}, "minItems": 2},
    },
    "required": ["name", "age", "kind", "code", "friends"],
    "additionalProperties": False,
    "$defs": {"friend": {"type": "object", "properties": {"of": {"$ref": "#/$defs/friend"}}}},
}


@pytest.mark.parametrize(
    "schema",
    [PERSON, {"type": "object"}, {}, {"type": "number", "minimum": 2.5}, {"const": {"a": [1]}}, {"enum": ["é", 7]}],
)
def test_the_smallest_instance_keeps_to_its_schema(schema: dict[str, Any]) -> None:
    text = smallest_instance(schema, "p")
    Draft202012Validator(schema).validate(json.loads(text))
    assert text == smallest_instance(schema, "p")


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "objekt"}, "objekt"),
        ({"not": {"type": "string"}}, "not"),
        ({"type": "array", "uniqueItems": True}, "uniqueItems"),
        ({"$ref": "#/$defs/nowhere"}, "nowhere"),
        ({"$ref": "http://127.0.0.1:1/schema"}, "127.0.0.1"),
        ({"$ref": "#"}, "no value"),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}, "no value"),
        ({"type": "string", "pattern": "(["}, "regex"),
        ({"type": "string", "pattern": "(?=a)b"}, "look-around"),
        ({"type": "string", "format": "no-such-format"}, "no-such-format"),
        ({"allOf": [{"type": "string"}, {"type": "integer"}]}, "incompatible"),
        ({"anyOf": []}, "empty"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "minimum"),
        ({"const": float("nan")}, "JSON"),
        ({"const": "\ud800"}, "JSON Schema"),
    ],
)
def test_a_schema_that_cannot_be_kept_is_refused_with_its_field_and_reason(schema: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason) as caught:
        json_grammar(schema, "response_format")
    assert caught.value.param == "response_format"
    assert "x-guidance" not in caught.value.message


def nested(levels: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"]}
    return schema


def test_a_schema_nested_without_end_is_refused() -> None:
    for levels in (300, 100_000):
        with pytest.raises(InvalidRequest):
            json_grammar(nested(levels), "p")


@pytest.mark.parametrize(
    "schema",
    [
        {"enum": [f"x{number}" for number in range(20_000)]},
        {"type": "string", "pattern": "((((((a{10}){10}){10}){10}){10}){10}){10}"},
        {"type": "string", "pattern": "(a|b)*a(a|b){500}"},
        {"type": "array", "items": {"type": "integer"}, "minItems": 1_000_000},
        {"anyOf": [nested(3)] * 3000},
    ],
)
def test_a_huge_schema_ends_soon_one_way_or_the_other(schema: dict[str, Any]) -> None:
    used_s = time.process_time()
    with suppress(InvalidRequest):
        GrammarCheck(json_grammar(schema, "p"), "p").take('"ab')
    # llama.cpp's own converter took 428 s for the first of these.
    assert time.process_time() - used_s < 30


def test_a_client_cannot_loosen_the_grammar_with_the_librarys_own_keyword() -> None:
    with pytest.raises(InvalidRequest):
        json_grammar({"not": {}, "x-guidance": {"lenient": True}}, "p")


def test_an_answer_is_followed_to_its_end() -> None:
    check = GrammarCheck(json_grammar({"enum": ["Zoë", "Zoé"]}, "p"), "p")
    check.take('"Zo')
    assert not check.complete
    check.take('ë"')
    assert check.complete


def test_an_answer_that_leaves_its_schema_is_told() -> None:
    check = GrammarCheck(json_grammar({"enum": ["Zoë"]}, "p"), "p")
    with pytest.raises(InvalidRequest, match="too complex"):
        check.take('"Zoe"')


def test_a_value_that_never_ends_is_not_written() -> None:
    endless = {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}
    with pytest.raises(InvalidRequest):
        smallest_instance(endless, "p")
