"""Templates: text with variables, Jinja in a sandbox within bounds. Must not know where templates or values come from.

There is no loader, no autoescaping, no attribute of any Python object (``a.b`` is the key ``b`` of ``a``), no method,
no call but ``range()``, and our own filters only. A variable that is not there is an error; null is written as nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn, cast

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.meta import find_undeclared_variables
from jinja2.runtime import Context, LoopContext, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from smartlite.domain.pipelines import JSON
from smartlite.errors import PipelineInvalid
from smartlite.pipeline.spec.budget import Budget
from smartlite.pipeline.spec.findings import shown
from smartlite.pipeline.spec.template_filters import MAX_TEXT, Filters, pieces_of
from smartlite.pipeline.spec.template_grammar import LARGEST, bounded

MAX_TEMPLATE_CHARACTERS: Final = 32 * 1024
_TESTS: Final = frozenset(
    {"defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "sequence", "odd",
     "even", "true", "false", "divisibleby"}
)  # fmt: skip
_OF_LOOPS: Final = frozenset(
    {"index", "index0", "revindex", "revindex0", "first", "last", "length", "previtem", "nextitem"}
)
_OPERATORS: Final = frozenset({"+", "-", "*", "/", "//", "%", "**"})


def render(template: str, variables: Mapping[str, JSON], budget: Budget | None = None) -> str:
    """Fill a template.

    Takes up to about a second of work: not for an event loop.

    Args:
        template: At most 32 KiB.
        variables: JSON values by name.
        budget: What several templates may take together; None: a whole one.

    Raises:
        PipelineInvalid: 400, final: it is no template, uses what is not there or not allowed, takes too long, or makes
            more than 256 KiB.
    """
    environment = _Environment(budget or Budget())
    compiled = _compiled(template, environment)
    try:
        return "".join(pieces_of(compiled.generate(dict(variables))))
    except TemplateError as error:
        raise PipelineInvalid(f"The template cannot be filled: {_said(error)}.") from None
    except (TypeError, ValueError, ArithmeticError, LookupError, RecursionError):
        raise PipelineInvalid("The template cannot be filled: its values are not of the right types.") from None


def check_template(template: str) -> None:
    """Compile a template.

    Raises:
        PipelineInvalid: 400, it is no template, too long, or uses what is not allowed.
    """
    _compiled(template, _Environment(Budget()))


def names_in(template: str) -> frozenset[str]:
    """The variables that a template needs.

    Raises:
        PipelineInvalid: 400, see ``check_template``.
    """
    environment = _Environment(Budget())
    _compiled(template, environment)
    return frozenset(find_undeclared_variables(environment.parse(template)))


def _compiled(template: str, environment: "_Environment") -> Template:
    if len(template) > MAX_TEMPLATE_CHARACTERS:
        raise PipelineInvalid(f"A template is longer than {MAX_TEMPLATE_CHARACTERS} characters.")
    try:
        return environment.from_string(bounded(environment.parse(template)))
    except TemplateSyntaxError as error:
        raise PipelineInvalid(f"The template's line {error.lineno}: {_said(error)}.") from None
    except TemplateError as error:
        raise PipelineInvalid(f"The template is wrong: {_said(error)}.") from None
    except (RecursionError, SyntaxError, MemoryError, OverflowError, ValueError):
        raise PipelineInvalid("The template is nested too deep, or holds a number that is too large.") from None


class _Environment(ImmutableSandboxedEnvironment):
    """One for each rendering, so that nothing of one is left for the next and its budget is its own."""

    intercepted_binops = _OPERATORS

    def __init__(self, budget: Budget) -> None:
        filters = Filters(budget)
        super().__init__(
            undefined=StrictUndefined, autoescape=False, finalize=filters.text, cache_size=0, keep_trailing_newline=True
        )
        self._budget = budget
        self.filters = filters.named()
        self.tests = {name: test for name, test in self.tests.items() if name in _TESTS}
        self.globals = {"range": self.globals["range"]}

    def getattr(self, obj: Any, attribute: str) -> Any:
        """The key of an object, or what a loop says of itself; never an attribute."""
        if isinstance(obj, LoopContext) and attribute in _OF_LOOPS:
            return getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """The key of an object, the place of a list or text; never an attribute."""
        if isinstance(obj, Undefined):
            str(obj)  # raises UndefinedError, with the name
        if isinstance(obj, dict | list | tuple | str):
            try:
                return obj[argument]
            except (TypeError, LookupError):
                pass
        return self.undefined(
            obj=obj, name=argument[:64] if isinstance(argument, str) else f"({type(argument).__name__})"
        )

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        """Only ``range`` gets through the grammar; what a variable of this name holds is not called."""
        if __obj is not __self.globals["range"]:
            _refuse("nothing is called but range()")
        limited: Callable[..., range] = cast("Callable[..., range]", __obj)
        return limited(*args)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Sums of short texts, and numbers that stay in 64 bits."""
        if isinstance(left, str) and isinstance(right, str) and operator == "+":
            self._budget.copy(left)
            self._budget.copy(right)
            if len(left) + len(right) > MAX_TEXT:
                _refuse(f"it makes a text of more than {MAX_TEXT} characters")
            return left + right
        if isinstance(left, Undefined) or isinstance(right, Undefined):
            str(left if isinstance(left, Undefined) else right)  # raises UndefinedError, with the name
        if not isinstance(left, int | float) or not isinstance(right, int | float):
            _refuse(f"'{operator}' is for numbers" + (" and texts; join texts with '~'" if operator == "+" else ""))
        operation: Callable[[Any, Any], Any] = self.binop_table[operator]
        result = operation(left, right)
        if not abs(result) < LARGEST:
            _refuse("a number is too large")
        return result


def _refuse(reason: str) -> NoReturn:
    raise PipelineInvalid(f"The template cannot be filled: {reason}.")


def _said(error: TemplateError) -> str:
    return shown((error.message or "it is wrong").rstrip("."))
