"""What a run is given: whether it fits the inputs that a document names. Must not know steps."""

from collections.abc import Mapping

from smartlite.domain.pipelines import JSON, InputSpec
from smartlite.errors import InvalidRequest, InvalidType, MissingParameter
from smartlite.pipeline.spec.fields import Field, FieldType, wrong_value
from smartlite.strict import nearest

_MEDIA: FieldType = "media"


def wrong_input(spec: InputSpec, value: JSON) -> str | None:
    """Say what is wrong with the value of an input; None where nothing is."""
    type_: FieldType = _MEDIA if spec.type in {"audio", "file"} else spec.type  # type: ignore[assignment]  # narrowed
    return wrong_value(Field(type_), value)


def bound_inputs(specs: Mapping[str, InputSpec], given: Mapping[str, JSON]) -> dict[str, JSON]:
    """The inputs of a run: what was given, else defaults, else null.

    Args:
        specs: Of the document.
        given: Files as the JSON of their ``MediaRef``; null counts as absent.

    Returns:
        A value for every input of the document.

    Raises:
        InvalidRequest: 400, there is no such input.
        InvalidType: 400, a value is of another type.
        MissingParameter: 400, a required one is absent.
    """
    for name in given:
        if name not in specs:
            raise InvalidRequest(f"The pipeline has no such input.{nearest(name[:64], specs)}", f"inputs.{name[:64]}")
    bound: dict[str, JSON] = {}
    for name, spec in specs.items():
        value = given.get(name)
        if value is None:
            if spec.required:
                raise MissingParameter(f"The pipeline needs the input '{name}'.", f"inputs.{name}")
            value = spec.default
        elif (reason := wrong_input(spec, value)) is not None:
            raise InvalidType(f"The input '{name}' {reason}", f"inputs.{name}")
        bound[name] = value
    return bound
