"""Which of Jinja's language a template may use, and what makes the rest of it pay. Must not know variables.

A sandbox keeps a template from reaching outside and not from working for ever: what multiplies (macros, blocks that are
kept, calls, lists of variables, powers) is refused here, and what walks through values is made to pay for it.
"""

from collections.abc import Mapping
from typing import Final

from jinja2 import nodes

from smartlite.errors import PipelineInvalid

MAX_NODES: Final = 5000
MAX_DEPTH: Final = 50
LARGEST: Final = 2.0**63
"""Numbers of templates are smaller."""
EACH: Final = "each item"
"""Name of the filter that pays for the items of a loop; no template can write it."""
WALK: Final = "whole value"
"""Name of the filter that pays for a look at all of a value."""

_ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.If, nodes.CondExpr,
    nodes.For, nodes.Assign, nodes.With, nodes.Getattr, nodes.Getitem, nodes.Slice, nodes.Filter, nodes.Test,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Neg, nodes.Pos, nodes.Add, nodes.Sub, nodes.Mul,
    nodes.Div, nodes.FloorDiv, nodes.Mod, nodes.Concat, nodes.Keyword, nodes.Call, nodes.List, nodes.Tuple,
)  # fmt: skip
_WHAT: Final[Mapping[type[nodes.Node], str]] = {
    nodes.Include: "include",
    nodes.Import: "import",
    nodes.FromImport: "import",
    nodes.Extends: "extends",
    nodes.Block: "block",
    nodes.Macro: "macro",
    nodes.CallBlock: "call",
    nodes.FilterBlock: "a filter around a block",
    nodes.AssignBlock: "set around a block",
    nodes.Pow: "**",
    nodes.Dict: "an object in braces",
    nodes.Scope: "autoescape",
    nodes.ScopedEvalContextModifier: "autoescape",
    nodes.NSRef: "a dot in the name that is set",
}


def bounded(template: nodes.Template) -> nodes.Template:
    """Refuse what is not allowed; wrap what walks through values.

    Raises:
        PipelineInvalid: 400, with the template's own line.
    """
    count = 0
    pending: list[tuple[nodes.Node, int]] = [(template, 1)]
    while pending:
        node, depth = pending.pop()
        count += 1
        if count > MAX_NODES or depth > MAX_DEPTH:
            _refuse(node, "it has too many parts, or parts nested too deep")
        _check(node)
        pending += ((child, depth + 1) for child in node.iter_child_nodes())
    _wrap(template)
    return template


def _check(node: nodes.Node) -> None:
    if not isinstance(node, _ALLOWED):
        what = _WHAT.get(type(node), type(node).__name__.lower())
        _refuse(node, f"'{what}' is not allowed")
    if isinstance(node, nodes.Const) and isinstance(node.value, int | float) and not abs(node.value) < LARGEST:
        _refuse(node, "a number is too large")
    if isinstance(node, nodes.Call):
        simple = isinstance(node.node, nodes.Name) and node.node.name == "range"
        if not simple or node.kwargs or node.dyn_args or node.dyn_kwargs:
            _refuse(node, "nothing is called but range(); use filters")
    if isinstance(node, nodes.For) and node.recursive:
        _refuse(node, "a recursive loop is not allowed")
    if isinstance(node, nodes.Filter | nodes.Test) and (node.dyn_args or node.dyn_kwargs):
        _refuse(node, "arguments cannot be unpacked")
    if isinstance(node, nodes.Name | nodes.Getattr):
        name = node.name if isinstance(node, nodes.Name) else node.attr
        if name.startswith("_"):
            _refuse(node, f"names that begin with '_', such as '{name[:64]}', are not allowed")
    if (
        isinstance(node, nodes.List | nodes.Tuple)
        and getattr(node, "ctx", "load") == "load"
        and not all(isinstance(item, nodes.Const) for item in node.items)
    ):
        _refuse(node, "a list in a template holds constants only")


def _wrap(node: nodes.Node) -> int:
    """Wrap what is below a node; return how many nodes are below it, itself included."""
    size = 1 + sum(_wrap(child) for child in list(node.iter_child_nodes()))
    for name, value in list(node.iter_fields()):
        if isinstance(value, nodes.Concat):
            setattr(node, name, _sum_of(value))
        elif isinstance(value, list):
            value[:] = [_sum_of(item) if isinstance(item, nodes.Concat) else item for item in value]
    if isinstance(node, nodes.For):
        node.iter = _paid(node.iter, EACH, [nodes.Const(size)])
    elif isinstance(node, nodes.Compare):
        node.expr = _paid(node.expr, WALK)
        for operand in node.ops:
            operand.expr = _paid(operand.expr, WALK)
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Slice):
        node.node = _paid(node.node, WALK)
    return size


def _sum_of(concat: nodes.Concat) -> nodes.Expr:
    """``a ~ b`` as the sum of two texts: Jinja lets a sum be watched, and not ``~``."""
    texts = [_paid(part, "string") for part in concat.nodes]
    total: nodes.Expr = texts[0]
    for text in texts[1:]:
        total = nodes.Add(total, text, lineno=concat.lineno)
    return total


def _paid(expression: nodes.Node, name: str, arguments: list[nodes.Expr] | None = None) -> nodes.Filter:
    return nodes.Filter(expression, name, arguments or [], [], None, None, lineno=expression.lineno)


def _refuse(node: nodes.Node, reason: str) -> None:
    raise PipelineInvalid(f"The template's line {node.lineno or 1}: {reason}.")
