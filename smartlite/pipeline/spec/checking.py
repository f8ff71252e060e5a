"""Whether a document makes sense, and which of its steps wait for which. Must not know how steps run."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from smartlite.domain.pipelines import Document, InputSpec, Step
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec.catalog import Catalog
from smartlite.pipeline.spec.expression_text import OPEN, only_expression
from smartlite.pipeline.spec.expressions import ALL_STEPS, steps_of
from smartlite.pipeline.spec.findings import Findings, shown
from smartlite.pipeline.spec.graph import cycle
from smartlite.pipeline.spec.inputs import wrong_input
from smartlite.pipeline.spec.kinds import KINDS, Kind
from smartlite.pipeline.spec.reference_checks import References
from smartlite.pipeline.spec.step_checks import check_fields
from smartlite.pipeline.spec.streams import streams_of
from smartlite.strict import nearest

_MEDIA: Final = frozenset({"audio", "file"})
_NOT_CACHED: Final = frozenset({"pipeline.run"})
"""Nobody knows whether what it does is still the same; nor of steps of packages."""


def check_document(document: Document, catalog: Catalog | None, kinds: Mapping[str, Kind] = KINDS) -> Document:
    """Check a document and derive its graph.

    Args:
        document: From ``read_document``.
        catalog: The models that are served; None leaves models and voices unchecked, as for a version that was checked
            when it was saved.
        kinds: What steps may use.

    Returns:
        The same document with ``depends`` and ``streams``.

    Raises:
        PipelineInvalid: 400; the message has a line for each fault, ``line N: path: reason``.
    """
    findings = Findings(document.lines)
    for name, spec in document.inputs.items():
        _check_input(spec, f"inputs.{name}", findings)
    references = References(document, findings, kinds)
    depends: dict[str, frozenset[str]] = {}
    for index, step in enumerate(document.steps):
        _check_step(document, step, f"steps[{index}]", catalog, kinds, findings)
        depends[step.id] = _waits_for(document, index, references, findings)
    for name, value in document.outputs.items():
        if not references.of(value, f"outputs.{name}"):
            findings.add(f"outputs.{name}", "It refers to nothing, so it is the same in every run.")
    if not findings.any and (circle := cycle(depends)):
        position = next(index for index, step in enumerate(document.steps) if step.id == circle[0])
        findings.add(f"steps[{position}]", f"These steps wait for each other: {' -> '.join(circle)}.")
    findings.raise_any()
    return replace(document, depends=depends, streams=streams_of(document))


def _check_input(spec: InputSpec, path: str, findings: Findings) -> None:
    if spec.default is None:
        return
    if spec.required:
        findings.add(f"{path}.required", "An input with a default is not required.")
    if spec.type in _MEDIA:
        findings.add(f"{path}.default", "Audio and files have no default.")
    elif (reason := wrong_input(spec, spec.default)) is not None:
        findings.add(f"{path}.default", reason[0].upper() + reason[1:])


def _check_step(
    document: Document,
    step: Step,
    path: str,
    catalog: Catalog | None,
    kinds: Mapping[str, Kind],
    findings: Findings,
) -> None:
    if any(other.id == step.id for other in document.steps if other is not step):
        findings.add(f"{path}.id", f"Another step has the id '{step.id}' too.")
    for field, expression in (("when", step.when), ("for_each", step.for_each)):
        if expression is not None and not _is_one_expression(expression):
            findings.add(f"{path}.{field}", "It must be one expression and nothing beside it.")
    if step.cache_ttl_s is not None and (step.uses in _NOT_CACHED or step.uses not in KINDS):
        findings.add(f"{path}.cache", f"What '{step.uses}' gives cannot be taken again.")
    if _is_known(step.uses, f"{path}.uses", kinds, findings):
        check_fields(kinds[step.uses], step.with_, f"{path}.with", catalog, findings)
    for number, other in enumerate(step.fallback):
        here = f"{path}.fallback[{number}]"
        uses = other.uses or step.uses
        if (other.uses is None and uses in kinds) or (other.uses and _is_known(uses, f"{here}.uses", kinds, findings)):
            # Fields of the step that another kind has not are left out there.
            kept = {key: value for key, value in step.with_.items() if key in kinds[uses].fields or kinds[uses].open}
            check_fields(kinds[uses], {**kept, **other.with_}, f"{here}.with", catalog, findings)


def _is_one_expression(text: str) -> bool:
    try:
        return only_expression(text) is not None
    except PipelineInvalid:
        return True  # noted where its references are looked for


def _is_known(uses: str, path: str, kinds: Mapping[str, Kind], findings: Findings) -> bool:
    if uses in kinds:
        return True
    hint = nearest(uses, kinds) or f" There are {', '.join(kinds)}."
    findings.add(path, f"There is no kind of step '{shown(uses)}'.{hint}")
    return False


def _waits_for(document: Document, index: int, references: References, findings: Findings) -> frozenset[str]:
    step = document.steps[index]
    path = f"steps[{index}]"
    found: set[str] = set()
    for value, here, items in _expressions_of(step, path):
        found |= steps_of(references.of(value, here, items, step.id))
    if ALL_STEPS in found:
        found |= {other.id for other in document.steps[:index]}
    known = {other.id for other in document.steps}
    for number, other in enumerate(step.needs):
        if other not in known:
            findings.add(f"{path}.needs[{number}]", f"There is no step '{shown(other)}'.{nearest(other, known)}")
        elif other == step.id:
            findings.add(f"{path}.needs[{number}]", "A step cannot wait for itself.")
        found.add(other)
    return frozenset(found & (known - {step.id}))


def _expressions_of(step: Step, path: str) -> Iterator[tuple[Any, str, bool]]:
    """Where a step may hold expressions: the value, its path, and whether ``item`` is there."""
    items = step.for_each is not None
    yield step.with_, f"{path}.with", items
    for field, expression in (("when", step.when), ("for_each", step.for_each)):
        if expression is not None and OPEN in expression:
            yield expression, f"{path}.{field}", False
    for number, other in enumerate(step.fallback):
        yield other.with_, f"{path}.fallback[{number}].with", items
