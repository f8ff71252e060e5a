"""Works an expression out, at a bounded price. Must not know where expressions stand.

JMESPath has no loops of its own, but projections inside each other multiply, pipes double (``[@, @] | [@, @] | ...``),
and its functions walk through whatever they are given: every part pays from one budget before it works.
"""

from typing import Any

from jmespath.exceptions import JMESPathTypeError
from jmespath.functions import Functions
from jmespath.visitor import Options, TreeInterpreter

from smartlite.domain.pipelines import JSON
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec.budget import Budget, measured
from smartlite.pipeline.spec.expression_text import Node, parse
from smartlite.pipeline.spec.findings import shown

_WALKED = frozenset({"to_string", "contains", "sort", "max", "min", "sum", "avg", "join"})
"""Functions that look at all of what they are given."""


def value_of(expression: str, namespace: JSON) -> JSON:
    """Work out one expression, without its marks.

    Raises:
        PipelineInvalid: 400, it is no expression, takes too long, or gives what is no JSON or more than 1 MiB of it.
    """
    node = parse(expression)
    try:
        return measured(_Interpreter(Budget()).visit(node, namespace))
    except PipelineInvalid as error:
        raise PipelineInvalid(f"The expression '{shown(expression)}' cannot be worked out: {error.message}") from None
    except JMESPathTypeError as error:
        # Its own text writes out the value, which may be of any size.
        raise PipelineInvalid(
            f"The expression '{shown(expression)}' cannot be worked out: {error.function_name}() takes "
            f"{' or '.join(error.expected_types)}, and was given {error.actual_type}."
        ) from None
    except (TypeError, ValueError, ArithmeticError, RecursionError):
        raise PipelineInvalid(
            f"The expression '{shown(expression)}' cannot be worked out: its values are not of the right types."
        ) from None


class _Functions(Functions):  # type: ignore[misc]  # the library has no types
    """JMESPath's functions, which pay for what they look at."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def call_function(self, function_name: str, resolved_args: list[Any]) -> Any:
        """Call one.

        Raises:
            PipelineInvalid: 400, the budget does not reach.
        """
        for argument in resolved_args:
            if function_name in _WALKED:
                self._budget.walk(argument)
            else:
                self._budget.copy(argument)
        if function_name == "join" and isinstance(resolved_args[0], str) and isinstance(resolved_args[1], list):
            self._budget.spend(len(resolved_args[0]) * len(resolved_args[1]) / 32)
        return super().call_function(function_name, resolved_args)


class _Interpreter(TreeInterpreter):  # type: ignore[misc]  # the library has no types
    """JMESPath's interpreter, which pays for each part that it visits."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(Options(custom_functions=_Functions(budget)))
        self._budget = budget

    def visit(self, node: Node, *args: Any, **kwargs: Any) -> Any:
        """Visit one part.

        Raises:
            PipelineInvalid: 400, the budget does not reach.
        """
        self._budget.spend(2)
        return super().visit(node, *args, **kwargs)

    def visit_comparator(self, node: Node, value: Any) -> Any:
        """Both sides are walked through where they are compared."""
        if node["value"] in self._EQUALITY_OPS:
            left, right = (self.visit(child, value) for child in node["children"])
            self._budget.walk(left)
            return self.COMPARATOR_FUNC[node["value"]](left, right)
        return super().visit_comparator(node, value)

    def visit_flatten(self, node: Node, value: Any) -> Any:
        """The new list is as long as those in it together."""
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            return None
        merged: list[Any] = []
        for item in base:
            self._budget.copy(item)
            if isinstance(item, list):
                merged += item
            else:
                merged.append(item)
        return merged

    def visit_slice(self, node: Node, value: Any) -> Any:
        """A slice is a copy."""
        self._budget.copy(value)
        return super().visit_slice(node, value)
