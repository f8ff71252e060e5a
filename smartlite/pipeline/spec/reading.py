"""A document's text to the domain's ``Document``, each fault with its line. Must not know the kinds of steps."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from smartlite.domain.pipelines import MAX_STEPS, Document, Fallback, InputSpec, Retry, Step
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec.findings import Findings, shown
from smartlite.pipeline.spec.written import WrittenCache, WrittenDocument, WrittenInput, WrittenStep
from smartlite.pipeline.spec.yaml_text import YAMLText, read_yaml
from smartlite.strict import dotted, model_at, nearest

_CACHED_S: Final = 7 * 24 * 3600.0
_EXPECTED: Final[Mapping[str, str]] = {
    "model_type": "a mapping", "dict_type": "a mapping", "list_type": "a list", "string_type": "a string",
}  # fmt: skip
"""Types of pydantic's errors, in our words."""


def read_document(text: str) -> Document:
    """Read a document, YAML or JSON; ``check_document`` says whether its steps make sense.

    Raises:
        PipelineInvalid: 400; the message has a line for each fault, ``line N: path: reason``.
    """
    read = read_yaml(text)
    if not isinstance(read.data, dict):
        raise PipelineInvalid("line 1: A pipeline is a mapping with the keys name, inputs, steps and outputs.")
    steps = read.data.get("steps")
    if isinstance(steps, list) and len(steps) > MAX_STEPS:
        line = read.lines.get(f"steps[{MAX_STEPS}]", 1)
        raise PipelineInvalid(f"line {line}: steps: There are {len(steps)}, and at most {MAX_STEPS} may be.", "steps")
    try:
        written = WrittenDocument.model_validate(read.data)
    except ValidationError as error:
        _refuse(error, read)
        raise
    return _document(written, read)


def _document(written: WrittenDocument, read: YAMLText) -> Document:
    return Document(
        name=written.name,
        description=written.description,
        inputs={name: _input(spec) for name, spec in written.inputs.items()},
        steps=tuple(_step(step) for step in written.steps),
        outputs=written.outputs,
        lines=read.lines,
    )


def _input(spec: WrittenInput) -> InputSpec:
    required = spec.required if spec.required is not None else "default" not in spec.model_fields_set
    return InputSpec(spec.type, spec.description, required, spec.default)


def _step(step: WrittenStep) -> Step:
    return Step(
        id=step.id,
        uses=step.uses,
        with_=step.with_,
        when=_embedded(step.when),
        for_each=_embedded(step.for_each),
        parallel=step.parallel,
        retry=Retry(step.retry.attempts, step.retry.backoff_s, tuple(step.retry.errors)),
        timeout_s=step.timeout_s,
        fallback=tuple(Fallback(other.uses, other.with_) for other in step.fallback),
        on_error=step.on_error,
        needs=tuple(step.needs),
        cache_ttl_s=_cache_ttl_s(step.cache),
    )


def _cache_ttl_s(cache: bool | WrittenCache) -> float | None:
    if isinstance(cache, bool):
        return _CACHED_S if cache else None
    return cache.ttl_s


def _embedded(expression: str | None) -> str | None:
    """Where only an expression may stand, it may stand without ``${{ }}``."""
    if expression is None or "${{" in expression:
        return expression
    return f"${{{{ {expression} }}}}"


def _refuse(error: ValidationError, read: YAMLText) -> None:
    findings = Findings(read.lines)
    for fault in error.errors(include_url=False, include_context=False):
        if findings.is_full:
            findings.add("", "")
            break
        location = tuple(part for part in fault["loc"] if part != "[key]")
        reason = _reason(fault, location)
        findings.add(dotted(location), reason)
    findings.raise_any()


def _reason(fault: Any, location: tuple[int | str, ...]) -> str:
    if fault["type"] == "extra_forbidden":
        owner = model_at(WrittenDocument, _without_keys(location[:-1]))
        return f"There is no such key.{nearest(str(location[-1])[:64], _keys(owner)) if owner else ''}"
    if fault["type"] == "missing":
        return "It must be there."
    if (words := _EXPECTED.get(fault["type"])) is not None:
        message = f"It should be {words}"
    else:
        message = fault["msg"].removeprefix("Value error, ").replace("Input should", "It should")
        message = message.replace("String should", "It should").replace("List should", "It should")
    value = fault["input"]
    given = f", and is {shown(repr(value))}" if isinstance(value, str | int | float) or value is None else ""
    return f"{message}{given}."


def _without_keys(location: Iterable[int | str]) -> tuple[int | str, ...]:
    """A location without the names that people gave to inputs, with the field names of the models."""
    parts = [("with_" if part == "with" else part) for part in location]
    if parts[:1] == ["inputs"] and len(parts) > 1:
        del parts[1]
    return tuple(parts)


def _keys(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]
