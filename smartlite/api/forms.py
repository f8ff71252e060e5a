"""Form fields as pydantic models: checking what was sent, and telling OpenAPI what may be.

Must not know how a form is read or what its fields mean.
"""

import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from smartlite.api.field_errors import error_of_fields
from smartlite.api.multipart import FILE_FIELD
from smartlite.errors import InvalidRequest

M = TypeVar("M", bound=BaseModel)


def check_fields(fields: Mapping[str, tuple[str, ...]], model: type[M]) -> M:
    """Read a form's text fields as ``model``: ``"0.2"`` is a number here, since a form has only text.

    Unknown fields are ignored. A field whose type is a tuple may be repeated, any other may not.

    Raises:
        InvalidRequest: 400, a field is missing, repeated, of the wrong type or has a value that is not allowed.
    """
    data: dict[str, object] = {}
    for name, info in model.model_fields.items():
        values = fields.get(name, ())
        if typing.get_origin(info.annotation) is tuple:
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


def form_openapi(model: type[BaseModel], file_description: str) -> dict[str, Any]:
    """The ``openapi_extra`` of a route that reads a form with ``file`` and the fields of ``model``."""
    schema = model.model_json_schema()
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


def _field(described: dict[str, Any], is_required: bool) -> dict[str, Any]:
    """A form cannot send null, and Swagger UI would fill such a field with the text ``null``."""
    kinds = [kind for kind in described.get("anyOf", ()) if kind != {"type": "null"}]
    merged = {**described, **kinds[0]} if len(kinds) == 1 else described
    dropped = {"title"} | ({"anyOf"} if len(kinds) == 1 else set())
    field = {key: value for key, value in merged.items() if key not in dropped and (key, value) != ("default", None)}
    if is_required and "examples" in field:
        field["example"] = field["examples"][0]
    return field
