"""Whether the fields of one step are right: its kind's fields, types, models, voices, templates.

Must not know other steps. What an expression will give is trusted until the step runs (``kinds.checked_fields``).
"""

from collections.abc import Mapping

from smartlite.domain.pipelines import JSON
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec.catalog import Catalog
from smartlite.pipeline.spec.expression_text import OPEN, only_expression
from smartlite.pipeline.spec.fields import MEDIA_KEY, Field, wrong_value
from smartlite.pipeline.spec.findings import Findings, shown
from smartlite.pipeline.spec.kinds import Kind
from smartlite.pipeline.spec.templates import check_template
from smartlite.strict import nearest

_MOST_NAMES = 12


def check_fields(
    kind: Kind, fields: Mapping[str, JSON], path: str, catalog: Catalog | None, findings: Findings
) -> None:
    """Note what is wrong with the fields of a step or of a fallback.

    Args:
        kind: Of the step.
        fields: As they were written.
        path: Of the fields, such as ``steps[2].with``.
        catalog: None leaves models and voices unchecked.
        findings: Where faults are noted.
    """
    given = {name for name, value in fields.items() if value is not None}
    has_vars = "vars" in given and "prompt_name" not in given
    for name, value in fields.items():
        if findings.is_full:
            findings.add(path, "")
            return
        if name in kind.fields:
            _check_value(kind.fields[name], value, f"{path}.{name}", has_vars, findings)
        elif not kind.open:
            near = nearest(name[:64], kind.fields)
            findings.add(
                f"{path}.{name}", f"'{kind.name}' has no such field.{near or f' It has {_list(kind.fields)}.'}"
            )
    for name, field in kind.fields.items():
        if field.required and name not in given:
            findings.add(path, f"'{kind.name}' needs the field '{name}'.")
    _check_groups(kind, given, path, findings)
    if catalog is not None and kind.broken is not None:
        findings.add(path, f"'{kind.name}' cannot be run for now: {kind.broken}")
    if catalog is not None:
        _check_models(kind, fields, path, catalog, findings)


def _check_value(field: Field, value: JSON, path: str, has_vars: bool, findings: Findings) -> None:
    if value is None:
        return
    if field.type == "media" and isinstance(value, dict) and MEDIA_KEY in value:
        findings.add(path, f"A file is given by an expression, not written as '{MEDIA_KEY}'.")
    elif not isinstance(value, str) or OPEN not in value:
        if (reason := wrong_value(field, value)) is not None:
            findings.add(path, reason[0].upper() + reason[1:])
        elif field.template and (field.required or has_vars):
            _check_template(value, path, findings)
    else:
        _check_expression_in(field, value, path, has_vars, findings)


def _check_expression_in(field: Field, value: str, path: str, has_vars: bool, findings: Findings) -> None:
    """A string that has an expression: what else is in it decides whether it can be of another type."""
    try:
        alone = only_expression(value) is not None
    except PipelineInvalid:
        return  # noted where its references are looked for
    if not alone and field.type not in {"string", "any"}:
        findings.add(path, f"Text with an expression in it is a string, and this must be {field.type}.")
    elif not alone and field.template and (field.required or has_vars):
        findings.add(path, "A template holds no ${{ }}: give it the values by 'vars', and write {{ name }}.")


def _check_template(template: str, path: str, findings: Findings) -> None:
    try:
        check_template(template)
    except PipelineInvalid as error:
        findings.add(path, error.message)


def _check_groups(kind: Kind, given: set[str], path: str, findings: Findings) -> None:
    if kind.one_of:
        there = [name for name in kind.one_of if name in given]
        if not there and not given & set(kind.instead):
            findings.add(path, f"'{kind.name}' needs one of the fields {_list(kind.one_of)}.")
        elif len(there) > 1:
            findings.add(path, f"'{kind.name}' takes one of the fields {_list(kind.one_of)}, not several.")
    for name, others in kind.only_with.items():
        if name in given and not given & set(others):
            findings.add(f"{path}.{name}", f"It is of use only with {' or '.join(others)}.")


def _check_models(kind: Kind, fields: Mapping[str, JSON], path: str, catalog: Catalog, findings: Findings) -> None:
    for name, field in kind.fields.items():
        if field.model_of is None:
            continue
        names = catalog.models(field.model_of)
        wanted = fields.get(name)
        if not names:
            findings.add(path, f"No model is served for '{kind.name}'.")
            continue
        if wanted is None:
            wanted = names[0]
        if not isinstance(wanted, str) or OPEN in wanted:
            continue
        model = catalog.resolve(wanted, field.model_of)
        if model is None:
            hint = nearest(wanted[:64], names) or f" There are {_list(names)}."
            findings.add(f"{path}.{name}", f"No model '{shown(wanted)}' is served for '{kind.name}'.{hint}")
            continue
        for voice_field in (other for other, known in kind.fields.items() if known.voice):
            voice, voices = fields.get(voice_field), catalog.voices(model)
            if isinstance(voice, str) and OPEN not in voice and voices and voice not in voices:
                hint = nearest(voice[:64], voices) or f" There are {_list(voices)}."
                findings.add(f"{path}.{voice_field}", f"The model '{model.id}' has no voice '{shown(voice)}'.{hint}")


def _list(names: Mapping[str, object] | tuple[str, ...]) -> str:
    found = list(names)
    more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    return ", ".join(found[:_MOST_NAMES]) + more
