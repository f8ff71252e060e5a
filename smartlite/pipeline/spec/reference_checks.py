"""Whether what expressions look at is there: inputs, other steps and their outputs. Must not know fields of steps."""

from collections.abc import Mapping

from smartlite.domain.pipelines import JSON, Document, Step
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec.expression_paths import Path
from smartlite.pipeline.spec.expression_text import OPEN
from smartlite.pipeline.spec.expressions import paths_in_text
from smartlite.pipeline.spec.fields import strings_in
from smartlite.pipeline.spec.findings import Findings, shown
from smartlite.pipeline.spec.kinds import Kind
from smartlite.strict import nearest

_ALWAYS = ("inputs", "steps", "run")
_IN_ITEMS = ("item", "index")
_OF_A_STEP = ("output", "state")


class References:
    """Looks for what the expressions of one document use, and notes what is not there."""

    def __init__(self, document: Document, findings: Findings, kinds: Mapping[str, Kind]) -> None:
        self._kinds = kinds
        self._document = document
        self._steps: Mapping[str, Step] = {step.id: step for step in document.steps}
        self._findings = findings

    def of(self, value: JSON, path: str, items: bool = False, step: str | None = None) -> frozenset[Path]:
        """What the expressions anywhere in a value look at.

        Args:
            value: As it was written.
            path: Where it stands.
            items: Whether ``item`` and ``index`` are there.
            step: Whose value it is.
        """
        found: set[Path] = set()
        for here, text in strings_in(value, path):
            if OPEN not in text:
                continue
            try:
                used = paths_in_text(text)
            except PipelineInvalid as error:
                self._findings.add(here, error.message)
                continue
            for one in sorted(used):
                if self._findings.is_full:
                    self._findings.add(here, "")
                    break
                if (reason := self._wrong(one, items, step)) is not None:
                    self._findings.add(here, reason)
            found |= used
        return frozenset(found)

    def _wrong(self, path: Path, items: bool, own: str | None) -> str | None:
        if not path:
            return None
        root, rest = path[0], path[1:]
        known = (*_ALWAYS, *_IN_ITEMS)
        if root not in known:
            return f"There is no '{shown(root)}' to refer to.{_hint(root, known)}"
        if root in _IN_ITEMS and not items:
            return f"'{root}' is there only in the fields of a step with 'for_each'."
        if root == "inputs" and rest and rest[0] not in self._document.inputs:
            return f"There is no input '{shown(rest[0])}'.{nearest(rest[0][:64], self._document.inputs)}"
        if root == "run" and rest and rest[0] != "id":
            return f"A run has no '{shown(rest[0])}'; it has 'id'."
        return self._wrong_step(rest, own) if root == "steps" and rest else None

    def _wrong_step(self, rest: Path, own: str | None) -> str | None:
        if rest[0] == own:
            return "A step cannot refer to itself."
        step = self._steps.get(rest[0])
        if step is None:
            return f"There is no step '{shown(rest[0])}'.{nearest(rest[0][:64], self._steps)}"
        if len(rest) > 1 and rest[1] not in _OF_A_STEP:
            return f"A step has 'output' and 'state', not '{shown(rest[1])}'."
        if len(rest) > 2 and rest[1] == "output" and (names := self._output_names(step)) and rest[2] not in names:
            return f"'{step.uses}' gives no '{shown(rest[2])}'.{_hint(rest[2], names)}"
        return None

    def _output_names(self, step: Step) -> tuple[str, ...]:
        """What is in a step's output, as far as that is known before it runs; empty where it is not."""
        kind = self._kinds.get(step.uses)
        if kind is None or step.for_each is not None or any(other.uses for other in step.fallback):
            return ()
        format_ = step.with_.get("format")
        if kind.text_formats and format_ is not None and format_ != "json":
            return ()
        return tuple(kind.output.get("properties", {}))


def _hint(name: str, known: tuple[str, ...]) -> str:
    return nearest(name[:64], known) or f" There are {', '.join(known)}."
