"""Schemas of clients: what is a schema, and what is too large, too deep or reaches out."""

from typing import Any

import pytest

from smartlite.api.chat.json_schemas import MAX_CHARACTERS, MAX_DEPTH, SchemaGate
from smartlite.errors import InvalidRequest


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"items": schema}
    return schema


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object"},
        {"$schema": "https://example.org/of-my-own", "type": "object"},
        {"type": ["string", "null"], "enum": ["a", None]},
        {"$defs": {"a": {"type": "string"}}, "properties": {"b": {"$ref": "#/$defs/a"}}},
        {"type": "array", "prefixItems": [{"type": "string"}], "items": False},
        {"properties": {"$ref": {"type": "string"}}},
        nested(MAX_DEPTH - 1),
    ],
)
def test_a_schema_is_taken(schema: dict[str, Any]) -> None:
    SchemaGate().check(schema, "schema")


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        ({"type": "objekt"}, "no JSON Schema"),
        ({"properties": []}, "no JSON Schema"),
        ({"required": "a"}, "no JSON Schema"),
        ({"minLength": -1}, "no JSON Schema"),
        ({"properties": {"a": {"properties": {"b": {"type": 3}}}}}, "$.properties.a.properties.b.type"),
        ({"$ref": "https://example.org/schema.json"}, "nothing is fetched"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "nothing is fetched"),
        (nested(MAX_DEPTH), "deep"),
        ({"description": "x" * MAX_CHARACTERS}, "characters"),
        ({"enum": list(range(MAX_CHARACTERS // 4))}, "characters"),
    ],
)
def test_what_is_no_schema_is_refused(schema: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        SchemaGate().check(schema, "tools[0].function.parameters")
    assert says in refusal.value.message
    assert refusal.value.param == "tools[0].function.parameters"
    assert "passwd" not in refusal.value.message


def test_the_schemas_of_a_request_share_one_limit() -> None:
    gate = SchemaGate()
    half = {"description": "x" * (MAX_CHARACTERS // 2)}
    gate.check(half, "a")
    with pytest.raises(InvalidRequest):
        gate.check(half, "b")
