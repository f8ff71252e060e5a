"""What is different between two versions of a document. Must not know where versions are kept."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from smartlite.domain.pipelines import Document, Step

_MOST_PAIRS: Final = 1_000_000
"""Lines of one text times lines of the other that are compared with each other; larger parts are shown as replaced."""


@dataclass(frozen=True, slots=True)
class Named:
    """What became of things that have names, each in the order of its text."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name to the fields of it that are different."""


@dataclass(frozen=True, slots=True)
class Changes:
    """From one version to another; comments and the form of the text are not looked at."""

    steps: Named
    inputs: Named
    outputs: Named
    description: bool
    """Whether it is another one."""


def changes(old: Document, new: Document) -> Changes:
    """What a newer version adds, takes away and changes."""
    return Changes(
        steps=_named({step.id: _written(step) for step in old.steps}, {step.id: _written(step) for step in new.steps}),
        inputs=_named({k: _fields(v) for k, v in old.inputs.items()}, {k: _fields(v) for k, v in new.inputs.items()}),
        outputs=_named(
            {k: {"value": v} for k, v in old.outputs.items()}, {k: {"value": v} for k, v in new.outputs.items()}
        ),
        description=old.description != new.description,
    )


def diff(old: str, new: str) -> str:
    """The two texts as a unified diff with three lines around each change; empty where they are equal."""
    before, after = old.splitlines(), new.splitlines()
    head = _same(before, after)
    tail = _same(before[head:][::-1], after[head:][::-1])
    changed_before, changed_after = len(before) - head - tail, len(after) - head - tail
    if changed_before * changed_after <= _MOST_PAIRS:
        return "".join(f"{line}\n" for line in difflib.unified_diff(before, after, "old", "new", lineterm=""))
    first, last = max(head - 3, 0), min(tail, 3)
    lines = [
        "--- old",
        "+++ new",
        f"@@ -{first + 1},{head - first + changed_before + last} +{first + 1},{head - first + changed_after + last} @@",
        *(f" {line}" for line in before[first:head]),
        *(f"-{line}" for line in before[head : head + changed_before]),
        *(f"+{line}" for line in after[head : head + changed_after]),
        *(f" {line}" for line in after[len(after) - tail : len(after) - tail + last]),
    ]
    return "".join(f"{line}\n" for line in lines)


def _same(before: Sequence[str], after: Sequence[str]) -> int:
    count = 0
    for left, right in zip(before, after, strict=False):
        if left != right:
            break
        count += 1
    return count


def _named(old: Mapping[str, Mapping[str, Any]], new: Mapping[str, Mapping[str, Any]]) -> Named:
    changed = {
        name: tuple(key for key in {**old[name], **value} if old[name].get(key) != value.get(key))
        for name, value in new.items()
        if name in old and old[name] != value
    }
    return Named(tuple(k for k in new if k not in old), tuple(k for k in old if k not in new), changed)


def _fields(value: Any) -> dict[str, Any]:
    return {one.name: getattr(value, one.name) for one in fields(value)}


def _written(step: Step) -> dict[str, Any]:
    """Its fields by the names that documents have, those of ``with`` one by one."""
    found = _fields(step)
    return {key: value for key, value in found.items() if key not in {"id", "with_"}} | {
        f"with.{key}": value for key, value in step.with_.items()
    }
