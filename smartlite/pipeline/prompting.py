"""Prompt templates checked and filled. Must not know how they are kept, nor who uses them.

Every text is a template of ``spec.templates``; all texts of a prompt share one budget of work.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from smartlite.domain.llm import Message, Role
from smartlite.domain.pipelines import JSON
from smartlite.domain.prompts import MAX_FILLED_CHARACTERS, FilledPrompt, PromptTemplate, Variable
from smartlite.errors import MissingParameter, PipelineInvalid, PromptInvalid
from smartlite.pipeline.spec.budget import Budget
from smartlite.pipeline.spec.fields import Field, wrong_value
from smartlite.pipeline.spec.findings import shown
from smartlite.pipeline.spec.templates import names_in, render
from smartlite.strict import nearest

_NO_NAMES: Final = frozenset({"range", "loop", "true", "false", "none", "True", "False", "None", "self"})
"""What templates mean something else by."""
_MOST_NAMES: Final = 12


def check_prompt(template: PromptTemplate) -> None:
    """Check what somebody wants to keep.

    Takes up to seconds of work: not for an event loop.

    Raises:
        PromptInvalid: 400, a text is no template or uses a variable that is not declared, a variable is called like
            something else or has a default of another type, or there is no text at all; ``param`` says where.
    """
    for name, variable in template.variables.items():
        _check_variable(name, variable)
    texts = list(_texts(template))
    if not texts:
        raise PromptInvalid("A prompt needs one of the fields system, user, assistant, examples.", "user")
    for param, _, text in texts:
        try:
            names = names_in(text)
        except PipelineInvalid as error:
            raise PromptInvalid(f"'{param}': {error.message}", param) from None
        for name in sorted(names - set(template.variables)):
            hint = nearest(name[:64], template.variables) or f" Declared: {_listed(template.variables)}."
            raise PromptInvalid(f"'{param}' uses the variable '{shown(name)}', which is not declared.{hint}", param)


def fill_prompt(template: PromptTemplate, variables: Mapping[str, JSON], param: str) -> FilledPrompt:
    """Put values in the place of variables.

    Takes up to a second of work: not for an event loop.

    Args:
        template: Checked.
        variables: JSON values by name.
        param: The field that they came in.

    Raises:
        MissingParameter: 400, a variable that is required is not there.
        PromptInvalid: 400, one that is not declared, or of another type; or the texts cannot be filled, or are too
            long together.
    """
    values = _bound(template.variables, variables, param)
    budget = Budget()
    frame: list[Message] = []
    said: list[Message] = []
    length = 0
    for place, role, text in _texts(template):
        is_turn = place in {"user", "assistant"}
        try:
            filled = render(text, values, budget)
        except PipelineInvalid as error:
            raise PromptInvalid(f"'{place}' of the prompt: {error.message}", param) from None
        length += len(filled)
        if length > MAX_FILLED_CHARACTERS:
            raise PromptInvalid(f"The prompt makes more than {MAX_FILLED_CHARACTERS} characters.", param)
        (said if is_turn else frame).append(Message(role, filled))
    return FilledPrompt(tuple(frame), tuple(said))


def check_names(declared: Mapping[str, Variable], given: frozenset[str], param: str) -> None:
    """Check which variables are given.

    Raises:
        MissingParameter: 400, one that is required is not.
        PromptInvalid: 400, one that is not declared is.
    """
    for name in sorted(given - set(declared)):
        hint = nearest(name[:64], declared) or f" It has {_listed(declared)}."
        raise PromptInvalid(f"The prompt has no variable '{shown(name)}'.{hint}", param)
    for name, variable in declared.items():
        if variable.required and name not in given:
            raise MissingParameter(f"Missing required parameter: '{param}.{name}'.", f"{param}.{name}")


def _bound(declared: Mapping[str, Variable], given: Mapping[str, JSON], param: str) -> dict[str, JSON]:
    check_names(declared, frozenset(given), param)
    for name, value in given.items():
        if value is None and not declared[name].required:
            continue
        if (reason := wrong_value(Field(declared[name].type), value)) is not None:
            raise PromptInvalid(f"'{param}.{name}' {reason}", f"{param}.{name}")
    return {name: given.get(name, variable.default) for name, variable in declared.items()}


def _check_variable(name: str, variable: Variable) -> None:
    param = f"variables.{name}"
    if name in _NO_NAMES:
        raise PromptInvalid(f"A variable cannot be called '{name}': templates mean something else by it.", param)
    if variable.default is None:
        return
    if variable.required:
        raise PromptInvalid("A variable with a default is not required: send 'required': false.", f"{param}.required")
    if (reason := wrong_value(Field(variable.type), variable.default)) is not None:
        raise PromptInvalid(f"'{param}.default' {reason}", f"{param}.default")


def _texts(template: PromptTemplate) -> Iterator[tuple[str, Role, str]]:
    """Every text with its place, in the order of the messages."""
    if template.system is not None:
        yield "system", "system", template.system
    for index, example in enumerate(template.examples):
        yield f"examples[{index}].user", "user", example.user
        yield f"examples[{index}].assistant", "assistant", example.assistant
    if template.user is not None:
        yield "user", "user", template.user
    if template.assistant is not None:
        yield "assistant", "assistant", template.assistant


def _listed(names: Mapping[str, object]) -> str:
    found = list(names)
    more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    return (", ".join(found[:_MOST_NAMES]) + more) or "none"
