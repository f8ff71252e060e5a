"""From the fields of a responses request to the domain's options, and a refusal of what needs a store.

Must not know HTTP, nor what one engine can do: that is said by the engine.
"""

from typing import Final

from smartlite.api.chat.json_schemas import SchemaGate
from smartlite.api.chat.options import ANY_OBJECT
from smartlite.api.chat.tools import ToolUse, choose_mode, choose_one, choose_some, define_tools
from smartlite.api.schemas.chat_tools import FunctionDefinition
from smartlite.api.schemas.responses_request import ResponseRequest, ResponseTool, ResponseToolChoice, TextFormat
from smartlite.domain.llm import ChatOptions, Tool
from smartlite.errors import InvalidRequest, MissingParameter, UnsupportedParameter

MAX_METADATA: Final = 16
MAX_METADATA_KEY_CHARACTERS: Final = 64
MAX_METADATA_VALUE_CHARACTERS: Final = 512
_LOGPROBS: Final = "message.output_text.logprobs"


def read_options(body: ResponseRequest) -> ChatOptions:
    """Translate the fields of a checked body.

    Raises:
        UnsupportedParameter: 400, something that needs a store, or a tool that is no function.
        InvalidRequest: 400, a value that is not allowed.
    """
    _refuse_stored(body)
    _check_metadata(body.metadata or {})
    gate = SchemaGate()
    functions = [_function(tool, f"tools[{index}]") for index, tool in enumerate(body.tools or [])]
    tools, mode, name = _choose(define_tools(functions, "tools[{}]", gate), body)
    return ChatOptions(
        temperature=1.0 if body.temperature is None else body.temperature,
        top_p=1.0 if body.top_p is None else body.top_p,
        max_tokens=body.max_output_tokens,
        logprobs=bool(body.top_logprobs) or _LOGPROBS in (body.include or ()),
        top_logprobs=body.top_logprobs or 0,
        json_schema=_schema(body.text.format if body.text else None, gate),
        tools=tools,
        tool_mode=mode,
        tool_name=name,
        parallel_tool_calls=body.parallel_tool_calls is not False,
    )


def _refuse_stored(body: ResponseRequest) -> None:
    stored = "no responses are stored; send 'conversation', or the whole of it as 'input'"
    for param, is_fine, rule, why in (
        ("previous_response_id", body.previous_response_id is None, "null", stored),
        ("background", not body.background, "false", "nothing is stored, so there would be nowhere to fetch it from"),
        ("truncation", body.truncation != "auto", "'disabled'", "no part of a conversation is left out"),
    ):
        if not is_fine:
            raise UnsupportedParameter(f"Unsupported value: '{param}' must be {rule}: {why}.", param)


def _check_metadata(metadata: dict[str, str]) -> None:
    if (
        len(metadata) > MAX_METADATA
        or any(len(key) > MAX_METADATA_KEY_CHARACTERS for key in metadata)
        or any(len(value) > MAX_METADATA_VALUE_CHARACTERS for value in metadata.values())
    ):
        raise InvalidRequest(
            f"'metadata' may have {MAX_METADATA} entries, keys of {MAX_METADATA_KEY_CHARACTERS} and values of "
            f"{MAX_METADATA_VALUE_CHARACTERS} characters.",
            "metadata",
        )


def _function(tool: ResponseTool, param: str) -> FunctionDefinition:
    if tool.type != "function":
        raise UnsupportedParameter(
            f"Unsupported value: '{param}.type' must be 'function': no tools run on this server.", f"{param}.type"
        )
    if tool.name is None:
        raise MissingParameter(f"Missing required parameter: '{param}.name'.", f"{param}.name")
    return FunctionDefinition(name=tool.name, description=tool.description, parameters=tool.parameters, strict=None)


def _choose(tools: tuple[Tool, ...], body: ResponseRequest) -> ToolUse:
    choice = body.tool_choice
    if not isinstance(choice, ResponseToolChoice):
        return choose_mode(tools, choice)
    if choice.type == "function":
        if choice.name is None:
            raise MissingParameter("Missing required parameter: 'tool_choice.name'.", "tool_choice.name")
        return choose_one(tools, choice.name, "tool_choice.name")
    if choice.tools is None:
        raise MissingParameter("Missing required parameter: 'tool_choice.tools'.", "tool_choice.tools")
    return choose_some(tools, [tool.name for tool in choice.tools], choice.mode or "auto", "tool_choice.tools")


def _schema(form: TextFormat | None, gate: SchemaGate) -> dict[str, object] | None:
    if form is None or form.type == "text":
        return None
    if form.type == "json_object":
        return dict(ANY_OBJECT)
    for param, value in (("text.format.name", form.name), ("text.format.schema", form.schema_)):
        if value is None:
            raise MissingParameter(f"Missing required parameter: '{param}'.", param)
    schema: dict[str, object] = dict(form.schema_ or ANY_OBJECT)
    gate.check(schema, "text.format.schema")
    return schema
