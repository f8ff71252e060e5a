"""Expressions in the strings of a document: what they refer to, and what they give. Must not know steps.

The namespace is ``{inputs, steps: {id: {output, state}}, item, index, run: {id}}``, of plain dicts and lists as JSON
has them. Nothing else can be reached: there are no attributes, no calls but JMESPath's own functions, and no loops.
"""

import json
from collections.abc import Mapping
from typing import Final

from smartlite.domain.pipelines import JSON
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec.budget import MAX_VALUE_BYTES, measured
from smartlite.pipeline.spec.expression_paths import Path, paths
from smartlite.pipeline.spec.expression_text import OPEN, only_expression, parse, pieces
from smartlite.pipeline.spec.expression_values import value_of

ALL_STEPS: Final = "*"
"""Among references: all steps that stand before this one in the text."""


def references(expression: str) -> frozenset[str]:
    """The ids of the steps that an expression refers to, or ``ALL_STEPS``.

    Args:
        expression: With ``${{ }}`` around it or without.

    Raises:
        PipelineInvalid: 400, it is no expression.
    """
    return steps_of(used_paths(expression))


def used_paths(expression: str) -> frozenset[Path]:
    """What an expression looks at, as paths from the namespace.

    Raises:
        PipelineInvalid: 400, it is no expression.
    """
    return paths(parse(_bare(expression)))


def paths_in_text(text: str) -> frozenset[Path]:
    """What the expressions in a text look at.

    Raises:
        PipelineInvalid: 400, one of them is no expression.
    """
    found = (paths(parse(piece)) for is_expression, piece in pieces(text) if is_expression)
    return frozenset(path for each in found for path in each)


def steps_of(used: frozenset[Path]) -> frozenset[str]:
    """The steps among some paths."""
    named = {path[1] for path in used if path[:1] == ("steps",) and len(path) > 1}
    return frozenset(named | ({ALL_STEPS} if used & {(), ("steps",)} else set()))


def evaluate(expression: str, namespace: Mapping[str, JSON]) -> JSON:
    """Work out one expression.

    Args:
        expression: With ``${{ }}`` around it or without.
        namespace: See the module.

    Returns:
        JSON; a part that is not there is null.

    Raises:
        PipelineInvalid: 400, final: it is no expression, takes too long (about a second), meets values of wrong types,
            or gives more than 1 MiB.
    """
    return value_of(_bare(expression), dict(namespace))


def is_true(value: JSON) -> bool:
    """Whether ``when`` lets a step run: not for false, null, and empty strings, lists and objects; for 0 it does."""
    return value is not None and value is not False and value not in ("", [], {})


def resolve(value: JSON, namespace: Mapping[str, JSON]) -> JSON:
    """Put what its expressions give into a value.

    A string that is one expression becomes what it gives; within other text that is written as text: strings as they
    are, null as nothing, everything else as JSON.

    Raises:
        PipelineInvalid: 400, final: see ``evaluate``; all together give more than 1 MiB.
    """
    return measured(_resolved(value, dict(namespace)))


def _resolved(value: JSON, namespace: Mapping[str, JSON]) -> JSON:
    if isinstance(value, dict):
        return {key: _resolved(item, namespace) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolved(item, namespace) for item in value]
    if not isinstance(value, str) or OPEN not in value:
        return value
    if (alone := only_expression(value)) is not None:
        return value_of(alone, namespace)
    written: list[str] = []
    size = 0
    for is_expression, piece in pieces(value):
        written.append(as_text(value_of(piece, namespace)) if is_expression else piece)
        size += len(written[-1])
        if size > MAX_VALUE_BYTES:
            raise PipelineInvalid(f"A text with expressions becomes longer than {MAX_VALUE_BYTES} bytes.")
    return "".join(written)


def as_text(value: JSON) -> str:
    """How a value is written within text."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _bare(expression: str) -> str:
    if OPEN not in expression:
        return expression
    if (alone := only_expression(expression)) is None:
        raise PipelineInvalid("Here must be one expression and nothing beside it.")
    return alone
