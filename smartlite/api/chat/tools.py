"""Which tools the model may call, and whether it must. Must not know how a model calls them."""

from collections.abc import Collection, Sequence

from smartlite.api.chat.json_schemas import SchemaGate
from smartlite.api.schemas.chat_tools import FunctionDefinition, NamedToolChoice
from smartlite.domain.llm import Tool, ToolMode
from smartlite.errors import InvalidRequest, MissingParameter

ToolUse = tuple[tuple[Tool, ...], ToolMode, str | None]
"""The tools, whether one must be called, and which one must be."""


def define_tools(functions: Sequence[FunctionDefinition], place: str, gate: SchemaGate) -> tuple[Tool, ...]:
    """Check the functions that a request defines.

    Args:
        functions: In the request's order.
        place: The field that holds each, such as ``tools[{}].function``.
        gate: Of this request.

    Raises:
        InvalidRequest: 400, two have one name, or the parameters of one are not described by a schema of an object.
    """
    tools: dict[str, Tool] = {}
    for index, function in enumerate(functions):
        param = place.format(index)
        if function.name in tools:
            raise InvalidRequest(f"'{param}.name' is the name of an earlier tool too.", f"{param}.name")
        parameters = function.parameters or {}
        gate.check(parameters, f"{param}.parameters")
        if parameters.get("type", "object") != "object":
            raise InvalidRequest(
                f"'{param}.parameters' must have the type 'object': arguments are always an object.",
                f"{param}.parameters",
            )
        tools[function.name] = Tool(function.name, function.description or "", parameters)
    return tuple(tools.values())


def choose_of_chat(tools: tuple[Tool, ...], choice: ToolMode | NamedToolChoice | None) -> ToolUse:
    """Read the ``tool_choice`` of a chat.

    Raises:
        MissingParameter: 400, the choice names no tool.
        InvalidRequest: 400, it names one that is not defined, or asks for a call where there is no tool.
    """
    if not isinstance(choice, NamedToolChoice):
        return choose_mode(tools, choice)
    if choice.type == "function":
        if choice.function is None:
            raise MissingParameter("Missing required parameter: 'tool_choice.function'.", "tool_choice.function")
        return choose_one(tools, choice.function.name, "tool_choice.function.name")
    if choice.allowed_tools is None:
        raise MissingParameter("Missing required parameter: 'tool_choice.allowed_tools'.", "tool_choice.allowed_tools")
    allowed = [tool.function.name for tool in choice.allowed_tools.tools]
    return choose_some(tools, allowed, choice.allowed_tools.mode, "tool_choice.allowed_tools.tools")


def choose_mode(tools: tuple[Tool, ...], mode: ToolMode | None) -> ToolUse:
    """Let the model choose, or have it call some tool, or none."""
    if mode == "required" and not tools:
        raise InvalidRequest("'tool_choice' can be 'required' only where 'tools' has a tool.", "tool_choice")
    return tools, mode or "auto", None


def choose_one(tools: tuple[Tool, ...], name: str, param: str) -> ToolUse:
    """Have the model call this tool."""
    _check_known(tools, name, param)
    return tools, "required", name


def choose_some(tools: tuple[Tool, ...], allowed: Collection[str], mode: ToolMode, param: str) -> ToolUse:
    """Keep the tools that are allowed."""
    for name in allowed:
        _check_known(tools, name, param)
    return tuple(tool for tool in tools if tool.name in allowed), mode, None


def _check_known(tools: tuple[Tool, ...], name: str, param: str) -> None:
    names = [tool.name for tool in tools]
    if name not in names:
        known = ", ".join(f"'{known}'" for known in names) or "none"
        raise InvalidRequest(f"'{param}' names a tool that is not in 'tools'; it has: {known}.", param)
