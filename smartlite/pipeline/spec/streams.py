"""Which steps read a text while another one still writes it; from the document alone. Must not know how steps run."""

from collections.abc import Mapping
from typing import Final

from smartlite.domain.pipelines import Document, Step, Stream
from smartlite.pipeline.spec.expression_text import OPEN, only_expression
from smartlite.pipeline.spec.expressions import ALL_STEPS, paths_in_text, steps_of, used_paths
from smartlite.pipeline.spec.fields import strings_in
from smartlite.pipeline.spec.kinds import KINDS

_PARTS: Final = 4
"""Of ``steps.<id>.output.<name>``."""


def streams_of(document: Document) -> Mapping[str, Stream]:
    """Steps, by id, whose kind reads a field piece by piece, where that is all that they want of one that writes it.

    Nothing else of the step may refer to the other one, but for a ``when`` that is the same text; a step that has the
    other one in its ``needs`` waits for its end, and so does one with ``cache``. Steps with ``for_each`` neither read
    nor are read.

    Args:
        document: Checked.
    """
    by_id = {step.id: step for step in document.steps}
    found = {step.id: _stream(step, by_id) for step in document.steps}
    return {name: stream for name, stream in found.items() if stream is not None}


def _stream(step: Step, by_id: Mapping[str, Step]) -> Stream | None:
    kind = KINDS.get(step.uses)  # steps of packages neither read nor are read
    field = kind.reads if kind else ""
    written = step.with_.get(field)
    if not field or step.cache_ttl_s is not None or step.for_each is not None or not isinstance(written, str):
        return None
    source, output = _plain(written)
    other = by_id.get(source)
    writer = KINDS.get(other.uses) if other else None
    if other is None or writer is None or other.for_each is not None or writer.writes != output or source in step.needs:
        return None
    if any(choice.uses not in {None, step.uses} or field in choice.with_ for choice in step.fallback):
        return None
    values = [{name: value for name, value in step.with_.items() if name != field}]
    values += [dict(choice.with_) for choice in step.fallback]
    used = steps_of(
        frozenset(
            path
            for value in values
            for _, text in strings_in(value, "")
            if OPEN in text
            for path in paths_in_text(text)
        )
    )
    is_condition = step.when is not None and _plain(step.when) == (source, output)
    if step.when is not None and not is_condition:
        used |= steps_of(used_paths(step.when))
    return None if used & {source, ALL_STEPS} else Stream(source, field, output, is_condition)


def _plain(text: str) -> tuple[str, str]:
    """The step and the name of ``${{ steps.<step>.output.<name> }}``; empty where it is anything else."""
    alone = only_expression(text) if OPEN in text else None
    parts = [] if alone is None else [part.strip() for part in alone.split(".")]
    if len(parts) != _PARTS or parts[0] != "steps" or parts[2] != "output":
        return "", ""
    return parts[1], parts[3]
