"""What pydantic found wrong in a request, said as OpenAI says it: one field, what was wrong, what is allowed.

Must not know any route. The client's own value is never repeated.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from smartlite.errors import InvalidRequest, InvalidType, MissingParameter, SmartLiteError, UnsupportedParameter

_EXPECTED: Final[dict[str, str]] = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "a boolean",
    "bool_parsing": "a boolean",
    "list_type": "an array",
    "tuple_type": "an array",
    "set_type": "an array",
    "dict_type": "an object",
    "mapping_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "dataclass_type": "an object",
    "none_required": "null",
}
"""pydantic's error types that mean a wrong JSON type, and the type they wanted."""

_JSON_NAMES: Final = (
    (bool, "a boolean"),  # before int, which it is a subclass of
    (int, "an integer"),
    (float, "a number"),
    (str, "a string"),
    (list, "an array"),
    (dict, "an object"),
)

_SHOWN_CHARACTERS: Final = 64
"""Of a name, which may be the client's; none of ours is as long."""


def error_of_fields(errors: Sequence[Any], data: object) -> SmartLiteError:
    """Make one error of pydantic's list.

    Of several, the first field in the order of the schema is told; of several ways to read that field (a union), the
    one that got furthest.

    Args:
        errors: ``ValidationError.errors()``, or the same of FastAPI for parameters of the URL.
        data: The parsed body, to tell names of fields from names of union branches. Not repeated in the message.
    """
    paths = [_path(error, data) for error in errors]
    first = paths[0][:1]
    alike = [(path, error) for path, error in zip(paths, errors, strict=True) if path[:1] == first]
    depth = max(len(path) for path, _ in alike)
    path = next(path for path, _ in alike if len(path) == depth)
    same = [error for found, error in alike if found == path]
    param = _render(path)
    where = f"'{param}'" if param else "the request body"
    kinds = [error["type"] for error in same]
    if kinds[0] == "missing":
        return MissingParameter(f"Missing required parameter: {where}.", param)
    if kinds[0] == "extra_forbidden":
        return UnsupportedParameter(f"Unknown parameter: {where}.", param)
    if all(kind in _EXPECTED for kind in kinds):
        expected = " or ".join(dict.fromkeys(_EXPECTED[kind] for kind in kinds))
        return InvalidType(f"Invalid type for {where}: expected {expected}, but got {_name(data, path)}.", param)
    worst = next(error for error in same if error["type"] not in _EXPECTED)
    return InvalidRequest(f"Invalid value for {where}: {_reason(worst)}.", param)


def _reason(error: Mapping[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ").removesuffix(".")
    return message[:1].lower() + message[1:]


def _path(error: Mapping[str, Any], data: object) -> tuple[int | str, ...]:
    """Keep the parts of an error's ``loc`` that are places in the data; the others are names of union branches."""
    loc: tuple[int | str, ...] = error["loc"]
    path: list[int | str] = []
    here = data
    for index, part in enumerate(loc):
        is_absent = error["type"] == "missing" and index == len(loc) - 1
        if isinstance(part, int):
            path.append(part)
            here = here[part] if isinstance(here, list) and part < len(here) else None
        elif isinstance(here, Mapping) and (part in here or is_absent):
            path.append(part)
            here = here.get(part)
        elif data is None:
            path.append(part)
    # FastAPI puts the place of a URL parameter first: ("query", "limit").
    return tuple(path[1:] if data is None and len(path) > 1 else path)


def _render(path: Sequence[int | str]) -> str | None:
    text = ""
    for part in path:
        name = f"[{part}]" if isinstance(part, int) else part[:_SHOWN_CHARACTERS]
        text += name if isinstance(part, int) or not text else f".{name}"
    return text or None


def _name(data: object, path: Sequence[int | str]) -> str:
    for part in path:
        if isinstance(data, Mapping):
            data = data.get(part)
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return "something else"
    return next((name for kind, name in _JSON_NAMES if isinstance(data, kind)), "null")
