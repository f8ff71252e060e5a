"""The graph of a document as Mermaid text. Must not know how anybody draws it."""

from typing import Final

from smartlite.domain.pipelines import Document
from smartlite.pipeline.spec.expressions import paths_in_text
from smartlite.pipeline.spec.fields import strings_in

INPUTS: Final = "inputs"
OUTPUTS: Final = "outputs"


def mermaid(document: Document) -> str:
    """Draw a checked document.

    Returns:
        A flowchart: the inputs, a box for each step, the outputs; a dotted arrow is an order without a value.
    """
    lines = ["flowchart TD"]
    if document.inputs:
        names = ", ".join(document.inputs)
        lines.append(f"    in_([{_label(f'inputs: {names}')}])")
    for step in document.steps:
        more = [step.uses, *(["for each"] if step.for_each else []), *(["when"] if step.when else [])]
        lines.append(f"    s_{step.id}[{_label(step.id, *more)}]")
    ends = steps_of_outputs(document)
    if ends:
        lines.append(f"    out_([{_label('outputs: ' + ', '.join(document.outputs or ends))}])")
    taking = steps_with_inputs(document)
    for step in document.steps:
        if step.id in taking:
            lines.append(f"    in_ --> s_{step.id}")
        for other in sorted(document.depends.get(step.id, ())):
            lines.append(f"    s_{other} {'-.->' if other in step.needs else '-->'} s_{step.id}")
    lines += [f"    s_{step} --> out_" for step in ends]
    return "\n".join(lines) + "\n"


def steps_with_inputs(document: Document) -> frozenset[str]:
    """The steps whose expressions look at inputs."""
    return frozenset(
        step.id
        for step in document.steps
        if document.inputs
        and any(
            path[:1] in {("inputs",), ()}
            for _, text in strings_in([dict(step.with_), step.when, step.for_each], "")
            for path in paths_in_text(text)
        )
    )


def steps_of_outputs(document: Document) -> tuple[str, ...]:
    """The steps whose outputs are the pipeline's, in their order."""
    if not document.outputs:
        waited_for = frozenset[str]().union(*document.depends.values())
        return tuple(step.id for step in document.steps if step.id not in waited_for)
    used = {path for _, text in strings_in(dict(document.outputs), "") for path in paths_in_text(text)}
    named = {path[1] for path in used if path[:1] == ("steps",) and len(path) > 1}
    everything = bool(used & {(), ("steps",)})
    return tuple(step.id for step in document.steps if everything or step.id in named)


def _label(*lines: str) -> str:
    escaped = (_escaped(line) for line in lines)
    return f'"{"<br/>".join(escaped)}"'


def _escaped(text: str) -> str:
    return "".join(
        character if character.isalnum() or character in " .,:-_" else f"#{ord(character)};" for character in text
    )
