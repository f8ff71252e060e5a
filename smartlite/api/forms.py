"""Form fields as pydantic models: checking what was sent, and telling OpenAPI what may be.

Must not know how a form is read or what its fields mean.
"""

import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from smartlite.api.field_errors import error_of_fields
from smartlite.api.form_reader import FILE_FIELD
from smartlite.errors import InvalidRequest
from smartlite.strict import nested_model

M = TypeVar("M", bound=BaseModel)


def check_fields(fields: Mapping[str, tuple[str, ...]], model: type[M]) -> M:
    """Read a form's text fields as ``model``: ``"0.2"`` is a number here, since a form has only text.

    Unknown fields are ignored. A field whose type is a tuple may be repeated, any other may not. A field whose type is
    a model is sent as JSON or as fields of its own: ``name[key]``, as the official clients do.

    Raises:
        InvalidRequest: 400, a field is missing, repeated, of the wrong type or has a value that is not allowed.
    """
    data: dict[str, object] = {}
    for name, info in model.model_fields.items():
        values = fields.get(name, ())
        nested = nested_model(info.annotation)
        if nested is not None and (inner := _inner(fields, name, nested)):
            if values:
                raise InvalidRequest(f"'{name}' was sent both whole and as '{name}[...]'; send one of the two.", name)
            data[name] = inner
        elif nested is not None and len(values) == 1 and values[0].lstrip()[:1] == "{":
            data[name] = _object(values[0], name)
        elif typing.get_origin(info.annotation) is tuple:
            if values:
                data[name] = values
        elif len(values) > 1:
            raise InvalidRequest(f"'{name}' was sent {len(values)} times; it takes one value.", name)
        elif values:
            data[name] = values[0]
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise error_of_fields(error.errors(include_url=False), data) from None


def _inner(fields: Mapping[str, tuple[str, ...]], name: str, model: type[BaseModel]) -> dict[str, str]:
    """The fields ``name[key]`` of a field that is an object; keys that it does not have are ignored."""
    found: dict[str, str] = {}
    for key in model.model_fields:
        values = fields.get(f"{name}[{key}]", ())
        if len(values) > 1:
            raise InvalidRequest(f"'{name}[{key}]' was sent {len(values)} times; it takes one value.", f"{name}.{key}")
        if values:
            found[key] = values[0]
    return found


def _object(text: str, name: str) -> dict[str, object]:
    try:
        data: dict[str, object] = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidRequest(f"Invalid value for '{name}': it is not JSON that we can read: {error}.", name) from None
    return data


def form_openapi(model: type[BaseModel], file_description: str) -> dict[str, Any]:
    """The ``openapi_extra`` of a route that reads a form with ``file`` and the fields of ``model``."""
    schema = _without_references(model.model_json_schema())
    file = {"type": "string", "format": "binary", "description": file_description}
    properties = {FILE_FIELD: file, **schema["properties"]}
    required = [FILE_FIELD, *schema.get("required", ())]
    properties = {name: _field(described, name in required) for name, described in properties.items()}
    form = {
        "type": "object",
        "title": model.__name__,
        "required": required,
        "properties": properties,
    }
    # Without it some clients, Swagger UI among them, would join the values of a list with commas.
    repeated = {name: {"style": "form", "explode": True} for name in properties if "items" in properties[name]}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": form, "encoding": repeated}}}
    }


def _without_references(schema: dict[str, Any]) -> dict[str, Any]:
    """Put each model in its place: a form's schema stands alone in the document, so no reference would lead there."""
    definitions = schema.pop("$defs", {})

    def put(node: Any) -> Any:
        if isinstance(node, list):
            return [put(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return put(definitions[node["$ref"].rpartition("/")[2]])
        return {key: put(value) for key, value in node.items()}

    placed: dict[str, Any] = put(schema)
    return placed


def _field(described: dict[str, Any], is_required: bool) -> dict[str, Any]:
    """A form cannot send null, and Swagger UI would fill such a field with the text ``null``."""
    kinds = [kind for kind in described.get("anyOf", ()) if kind != {"type": "null"}]
    merged = {**described, **kinds[0]} if len(kinds) == 1 else {**described, "anyOf": kinds} if kinds else described
    dropped = {"title"} | ({"anyOf"} if len(kinds) == 1 else set())
    field = {key: value for key, value in merged.items() if key not in dropped and (key, value) != ("default", None)}
    if is_required and "examples" in field:
        field["example"] = field["examples"][0]
    return field
