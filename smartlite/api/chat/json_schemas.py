"""Whether a client's JSON Schema is one, and not so large, deep or far-reaching that it does harm.

Must not know what the schema is for.
"""

from collections.abc import Mapping
from typing import Final

from jsonschema import Draft7Validator, SchemaError

from smartlite.errors import InvalidRequest

MAX_CHARACTERS: Final = 131_072
"""In the keys and values of all schemas of one request; checking so many takes 0.2 s."""
MAX_DEPTH: Final = 32
"""Arrays and objects inside each other: about 16 levels of nested objects, OpenAI takes 10."""
_MAX_SHOWN_CHARACTERS: Final = 200


class SchemaGate:
    """Checks the schemas of one request, which share its limit."""

    def __init__(self) -> None:
        self._left = MAX_CHARACTERS

    def check(self, schema: Mapping[str, object], param: str) -> None:
        """Check one schema, an object as JSON has it.

        Raises:
            InvalidRequest: 400, it is too large or too deep, refers to something outside itself, or is no JSON Schema.
        """
        self._measure(schema, param)
        try:
            # Draft 7 has every keyword that later drafts give a new meaning only in part, and is checked five times
            # faster than draft 2020-12.
            Draft7Validator.check_schema(schema)
        except SchemaError as error:
            place = error.json_path[:_MAX_SHOWN_CHARACTERS]
            raise InvalidRequest(
                f"'{param}' is no JSON Schema: what is at '{place}' is not allowed there.", param
            ) from None

    def _measure(self, schema: Mapping[str, object], param: str) -> None:
        # A loop and not a recursion: the client decides how deep it goes.
        pending: list[tuple[object, int]] = [(schema, 1)]
        while pending:
            value, depth = pending.pop()
            if depth > MAX_DEPTH and isinstance(value, Mapping | list):
                raise InvalidRequest(f"Invalid JSON Schema: '{param}' is nested more than {MAX_DEPTH} deep.", param)
            if isinstance(value, Mapping):
                reference = value.get("$ref")
                if isinstance(reference, str) and not reference.startswith("#"):
                    raise InvalidRequest(
                        f"Invalid JSON Schema: every '$ref' in '{param}' must begin with '#': nothing is fetched.",
                        param,
                    )
                self._spend(sum(map(len, value)), param)
                pending += ((inner, depth + 1) for inner in value.values())
            elif isinstance(value, list):
                pending += ((inner, depth + 1) for inner in value)
            else:
                self._spend(len(value) if isinstance(value, str) else 4, param)

    def _spend(self, characters: int, param: str) -> None:
        self._left -= characters
        if self._left < 0:
            raise InvalidRequest(
                f"The JSON Schemas of a request may have {MAX_CHARACTERS} characters in all; with '{param}' they have "
                "more.",
                param,
            )
