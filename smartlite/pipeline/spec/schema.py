"""The JSON Schema of a document, for editors and other programs. Must not know where it is published."""

from collections.abc import Mapping
from typing import Any, Final

from smartlite.pipeline.spec.fields import Field, schema_of
from smartlite.pipeline.spec.kinds import KINDS, Kind
from smartlite.pipeline.spec.written import WrittenDocument

_EXPRESSION: Final = {"type": "string", "pattern": r"\$\{\{"}


def json_schema(kinds: Mapping[str, Kind] = KINDS) -> dict[str, Any]:
    """The schema (draft 2020-12). A document that it refuses is refused; one that it takes may still be wrong."""
    usable = [kind for kind in kinds.values() if kind.broken is None]
    schema: dict[str, Any] = WrittenDocument.model_json_schema(by_alias=True)
    steps = schema["$defs"]["WrittenStep"]
    steps["properties"]["uses"]["enum"] = [kind.name for kind in usable]
    steps["allOf"] = [
        {
            "if": {"properties": {"uses": {"const": kind.name}}, "required": ["uses"]},
            "then": {
                "properties": {"with": {"$ref": f"#/$defs/{kind.name}"}},
                **({"required": ["with"]} if any(field.required for field in kind.fields.values()) else {}),
            },
        }
        for kind in usable
    ]
    schema["$defs"] |= {kind.name: _fields(kind) for kind in usable}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "SmartLite pipeline"}


def _fields(kind: Kind) -> dict[str, Any]:
    return {
        "type": "object",
        "description": kind.description,
        "properties": {name: _field(field) for name, field in kind.fields.items()},
        "required": [name for name, field in kind.fields.items() if field.required],
        "additionalProperties": kind.open,
    }


def _field(field: Field) -> dict[str, Any]:
    own = schema_of(field)
    if field.type == "any":
        return own
    description = {"description": own.pop("description")} if "description" in own else {}
    return {**description, "anyOf": [own, _EXPRESSION, *([] if field.required else [{"type": "null"}])]}
