"""Says what is wrong with a document that a pydantic model refuses: which key, why, and the nearest right one.

Must not know what the documents are for.
"""

import difflib
import types
import typing
from collections.abc import Iterable

from pydantic import BaseModel, ValidationError


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint such as `` Did you mean 'num_replicas'?``, or an empty string where nothing is near."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def describe(error: ValidationError, model: type[BaseModel]) -> tuple[str, str]:
    """Tell the first fault of a refused document.

    Returns:
        The dotted path of the key, and a sentence that says what was wrong.
    """
    errors = error.errors(include_url=False, include_input=False)
    # A misspelt key that is required is an error twice, and its spelling is what has to be mended.
    first = next((found for found in errors if found["type"] == "extra_forbidden"), errors[0])
    path = dotted(first["loc"])
    if first["type"] == "extra_forbidden":
        owner = model_at(model, first["loc"][:-1])
        hint = nearest(str(first["loc"][-1]), owner.model_fields) if owner else ""
        return path, f"unknown key '{path}'.{hint}"
    return path, f"'{path}': {first['msg'].removeprefix('Value error, ')}"


def dotted(location: Iterable[int | str]) -> str:
    """Write a location as ``applications[0].args.asr``."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def model_at(model: type[BaseModel], location: Iterable[int | str]) -> type[BaseModel] | None:
    """Find the model that the value at ``location`` is checked against, or None where it is no model."""
    current: type[BaseModel] | None = model
    for part in location:
        if isinstance(part, int):
            continue
        if current is None or part not in current.model_fields:
            return None
        current = nested_model(current.model_fields[part].annotation)
    return current


def nested_model(annotation: object) -> type[BaseModel] | None:
    """Find the pydantic model inside an annotation such as ``list[Model] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType, list, tuple, typing.Annotated):
        for argument in typing.get_args(annotation):
            if (found := nested_model(argument)) is not None:
                return found
    return None
