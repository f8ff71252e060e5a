"""Where expressions stand in text, ``${{ ... }}``, and what each parses to. Must not know what they may refer to.

The language is JMESPath (jmespath.org, version 1.0 of its grammar), parsed by its own library within our bounds.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from jmespath import exceptions, parser
from jmespath.functions import Functions

from smartlite.domain.pipelines import JSON
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec.findings import shown
from smartlite.strict import nearest

MAX_CHARACTERS: Final = 2000
MAX_NODES: Final = 300
MAX_DEPTH: Final = 40
OPEN: Final = "${{"
_CLOSE: Final = "}}"
_INTERESTING: Final = re.compile(r"[{}'\"`]")

Node = Mapping[str, Any]
"""Of the syntax tree, as ``jmespath.ast`` makes them: type, children, value."""


def pieces(text: str) -> list[tuple[bool, str]]:
    """Cut a text at its expressions.

    Returns:
        Pairs of whether it is an expression, without its marks, and the piece; no empty text.

    Raises:
        PipelineInvalid: 400, an expression does not end.
    """
    found: list[tuple[bool, str]] = []
    start = 0
    while (at := text.find(OPEN, start)) >= 0:
        if at > start:
            found.append((False, text[start:at]))
        end = _end_of(text, at + len(OPEN))
        found.append((True, text[at + len(OPEN) : end].strip()))
        start = end + len(_CLOSE)
    if start < len(text):
        found.append((False, text[start:]))
    return found


def only_expression(text: str) -> str | None:
    """The expression that the text is, white space around it aside; None where it is something else."""
    found = pieces(text.strip())
    return found[0][1] if len(found) == 1 and found[0][0] else None


def parse(expression: str) -> Node:
    """Parse one expression, without its marks.

    Raises:
        PipelineInvalid: 400, it is no expression, too long or too deep, or names a function that there is not.
    """
    if not expression.strip():
        raise PipelineInvalid("The expression is empty.")
    if len(expression) > MAX_CHARACTERS:
        raise PipelineInvalid(f"The expression is longer than {MAX_CHARACTERS} characters.")
    _check_literals(expression)
    try:
        # A parser keeps the text that it reads, so each call has its own.
        root: Node = parser.Parser().parse(expression).parsed
    except exceptions.ParseError as error:
        _refuse(expression, f"see character {error.lex_position + 1}")
    except (exceptions.JMESPathError, ValueError):
        _refuse(expression, "it is not complete")
    except (RecursionError, IndexError):
        _refuse(expression, "it is nested too deep or not complete")
    _check_tree(root, expression)
    return root


def _end_of(text: str, start: int) -> int:
    """Where the ``}}`` is that ends an expression: none that closes its own braces, none in its strings."""
    depth = 0
    at = start
    limit = min(len(text), start + MAX_CHARACTERS + len(_CLOSE))
    while (found := _INTERESTING.search(text, at, limit)) is not None:
        mark, at = found[0], found.end()
        if mark == "{":
            depth += 1
        elif mark == "}":
            if not depth and text.startswith("}", at):
                return at - 1
            depth = max(depth - 1, 0)
        else:
            at = _end_of_string(text, mark, at, limit)
    raise PipelineInvalid(
        f"The expression '{shown(text[start - len(OPEN) :])}' does not end with '}}}}' "
        f"within {MAX_CHARACTERS} characters."
    )


def _end_of_string(text: str, quote: str, at: int, limit: int) -> int:
    while at < limit:
        if text[at] == quote:
            return at + 1
        at += 2 if text[at] == "\\" else 1
    return limit


def _check_literals(expression: str) -> None:
    # The library takes what is no JSON between backticks for a string, with a warning, and NaN for a number.
    at = 0
    while at < len(expression):
        mark = expression[at]
        end = _end_of_string(expression, mark, at + 1, len(expression)) if mark in "'\"`" else at + 1
        if mark == "`":
            literal = expression[at + 1 : end - 1].replace("\\`", "`")
            try:
                json.loads(literal, parse_constant=_no_constant)
            except (ValueError, RecursionError):
                _refuse(expression, f"`{shown(literal)}` is not JSON; write strings as 'text'")
        at = end


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check_tree(root: Node, expression: str) -> None:
    pending: list[tuple[Any, int]] = [(root, 1)]
    nodes = 0
    while pending:
        node, depth = pending.pop()
        if not isinstance(node, Mapping):
            continue  # a bound of a slice
        nodes += 1
        if nodes > MAX_NODES or depth > MAX_DEPTH:
            _refuse(expression, "it has too many parts")
        if node["type"] == "function_expression":
            _check_call(node, expression)
        elif node["type"] == "subexpression" and node["children"][0]["type"] == "not_expression":
            # JMESPath takes "!a.b" for "(!a).b", which is always null.
            _refuse(expression, "write !(a.b) for !a.b")
        elif node["type"] == "slice" and node["children"][2] == 0:
            _refuse(expression, "the step of a slice is not 0")
        pending += ((child, depth + 1) for child in node["children"])


def _check_call(node: Node, expression: str) -> None:
    name, given = str(node["value"]), len(node["children"])
    known: Mapping[str, Mapping[str, Sequence[Mapping[str, JSON]]]] = Functions.FUNCTION_TABLE
    if name not in known:
        _refuse(expression, f"there is no function '{shown(name)}'.{nearest(name[:64], known)}".rstrip("."))
    wanted = known[name]["signature"]
    variadic = bool(wanted) and bool(wanted[-1].get("variadic"))
    if given < len(wanted) or (given > len(wanted) and not variadic):
        _refuse(expression, f"the function '{name}' takes {'at least ' if variadic else ''}{len(wanted)} values")


def _refuse(expression: str, reason: str) -> NoReturn:
    raise PipelineInvalid(f"'{shown(expression)}' is not an expression: {reason}.") from None
