"""The fields of steps: what a value of theirs may be. Must not know any kind of step.

One check serves twice: for what stands in a document, and for what its expressions gave when a step runs.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from smartlite.domain.language_tags import read_tag
from smartlite.domain.languages import LANGUAGE_NAMES
from smartlite.domain.models import ModelTask
from smartlite.domain.pipelines import JSON

FieldType = Literal["string", "number", "integer", "boolean", "object", "array", "media", "any"]
MEDIA_KEY: Final = "$media"
"""The one key of an object that stands for a ``MediaRef``."""

_PYTHON: Final[Mapping[FieldType, tuple[type, ...]]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a kind of step."""

    type: FieldType
    description: str = ""
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    """Characters of a string, items of an array."""
    model_of: ModelTask | None = None
    """The value names a served model of this task; absent, the platform's default one is meant."""
    voice: bool = False
    """The value names a voice of the step's model."""
    check: Callable[[JSON], str | None] | None = None
    """Says in a sentence what is wrong with a value of the right type, or None."""
    template: bool = False
    """The value is a template (``templates.render``): given whole, or by one expression, never mixed with some."""


def wrong_value(field: Field, value: JSON) -> str | None:
    """Say in a sentence what is wrong with a value without expressions; None where nothing is."""
    if not _is_a(field.type, value):
        return f"must be {_wanted(field)}."
    if field.choices and value not in field.choices:
        return f"must be one of {', '.join(field.choices)}."
    if isinstance(value, int | float) and not _within(field, value):
        return f"must be {_wanted(field)}."
    if field.max_length is not None and isinstance(value, str | list) and len(value) > field.max_length:
        return f"is longer than {field.max_length} {'characters' if isinstance(value, str) else 'items'}."
    return field.check(value) if field.check else None


def is_media(value: JSON) -> bool:
    """Whether this is the JSON of a ``MediaRef``."""
    return isinstance(value, dict) and isinstance(value.get(MEDIA_KEY), dict)


def language_of_speech(value: JSON) -> str | None:
    """A check: the language is one that speech is recognised in."""
    return None if value in LANGUAGE_NAMES else "must be an ISO-639-1 code such as 'en'."


def language_tag(value: JSON) -> str | None:
    """A check: the language is a BCP 47 tag."""
    return None if read_tag(value) else "must be a language tag such as 'en' or 'pt-BR'."


def short_schema(value: JSON) -> str | None:
    """A check: the JSON Schema fits into a prompt."""
    return None if len(json.dumps(value)) <= 32 * 1024 else "is longer than 32 KiB of JSON."


def schema_of(field: Field) -> dict[str, JSON]:
    """JSON Schema of the field's values without expressions."""
    schema: dict[str, JSON] = {"description": field.description} if field.description else {}
    if field.type == "media":
        return schema | {"type": "object", "required": [MEDIA_KEY]}
    if field.type != "any":
        schema["type"] = field.type
    limits = {"minimum": field.minimum, "maximum": field.maximum}
    schema |= {name: limit for name, limit in limits.items() if limit is not None}
    if field.choices:
        schema["enum"] = list(field.choices)
    if field.max_length is not None:
        schema["maxItems" if field.type == "array" else "maxLength"] = field.max_length
    return schema


def strings_in(value: JSON, path: str) -> Iterator[tuple[str, str]]:
    """Every string in a value, with its path; keys are no values."""
    pending = [(path, value)]
    while pending:
        here, inner = pending.pop()
        if isinstance(inner, str):
            yield here, inner
        elif isinstance(inner, dict):
            pending += [(f"{here}.{key}", item) for key, item in reversed(inner.items())]
        elif isinstance(inner, list):
            pending += [(f"{here}[{index}]", inner[index]) for index in reversed(range(len(inner)))]


def _is_a(type_: FieldType, value: JSON) -> bool:
    if type_ == "any":
        return True
    if type_ == "media":
        return is_media(value)
    if isinstance(value, bool):
        return type_ == "boolean"
    return isinstance(value, _PYTHON[type_])


def _within(field: Field, value: float) -> bool:
    low = -math.inf if field.minimum is None else field.minimum
    high = math.inf if field.maximum is None else field.maximum
    return math.isfinite(value) and low <= value <= high


def _wanted(field: Field) -> str:
    article = "an" if field.type[0] in "aeio" else "a"
    words = {
        "media": "audio or a file, by an expression such as ${{ inputs.audio }}",
        "any": "a value",
    }.get(field.type, f"{article} {field.type}")
    if field.minimum is not None and field.maximum is not None:
        return f"{words} from {field.minimum:g} to {field.maximum:g}"
    return f"{words} of at least {field.minimum:g}" if field.minimum is not None else words
