"""Tool calls of models that know nothing of tools: how they are asked for, and the grammar that keeps answers to them.

Must not know any model or library of models. The form is that of Hermes and Qwen, which many small models have seen::

    <tool_call>
    {"name": "get_weather", "arguments": {"city": "Paris"}}
    </tool_call>

A model of 135 million parameters writes it only where it must (0 of 10 calls from the description alone, 10 of 10 with
the grammar), so the grammar decides, not the model's good will.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from smartlite.domain.llm import ChatOptions, Message, Tool
from smartlite.engines.json_grammar import json_grammar, json_rule
from smartlite.errors import InvalidRequest

CALL_BEGIN: Final = "<tool_call>\n"
CALL_END: Final = "\n</tool_call>"
_MAX_CALLS: Final = 8
_MAX_EXAMPLES: Final = 16
_NOT_A_CALL: Final = r"/(?s)([^<]|<[^t]|<t[^o]|<to[^o]|<too[^l]).*/"
"""Any text that does not begin as a call does."""
_CLOSED_BY_DEFAULT: Final = frozenset(
    {"type", "properties", "required", "title", "description", "$defs", "definitions"}
)
"""A schema with no other keywords takes no properties but its own: a small model would invent some."""

Neutralise = Callable[[str], str]
"""Breaks the control tokens of a model's chat template in a text."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What a model reads, and what it may write."""

    messages: tuple[Message, ...]
    """Roles system, user and assistant only; no tool calls but in the text. Neutralised."""
    grammar: str | None
    """Lark for llguidance; None where any text will do."""
    param: str
    """The request's field that the grammar comes from."""
    may_call: bool
    """Whether the answer has to be read by a ToolCallReader."""
    must_call: bool
    """Whether the answer has no text."""


def prepare(
    messages: tuple[Message, ...], options: ChatOptions, neutralise: Neutralise, max_calls: int = _MAX_CALLS
) -> Conversation:
    """Write tools, their calls and their results into the messages, and choose the grammar. Blocks, a second at most.

    Raises:
        InvalidRequest: 400, a schema cannot be used, or the tool that must be called is not there.
    """
    _check_schemas(options, neutralise)
    written = _written(messages, neutralise)
    tools = _callable_tools(options)
    if options.tools:
        written = _with_instructions(written, _instructions(options, tools, neutralise))
    if not tools:
        schema = options.json_schema
        grammar = None if schema is None else json_grammar(schema, "response_format")
        return Conversation(written, grammar, "response_format", may_call=False, must_call=False)
    must_call = _must_call(options)
    grammar = _grammar(tools, options, must_call, max_calls)
    return Conversation(written, grammar, "tools", may_call=True, must_call=must_call)


def call_text(name: str, arguments: str) -> str:
    """A call as the model writes it."""
    return f'{CALL_BEGIN}{{"name": {json.dumps(name, ensure_ascii=False)}, "arguments": {arguments}}}{CALL_END}'


def arguments_schema(tool: Tool) -> Mapping[str, object]:
    """The schema of a tool's arguments, an object that takes no properties which were not described."""
    schema: dict[str, object] = {"type": "object", "properties": {}, **tool.parameters}
    return schema | {"additionalProperties": False} if set(schema) <= _CLOSED_BY_DEFAULT else schema


def _must_call(options: ChatOptions) -> bool:
    return options.tool_mode == "required" or options.tool_name is not None


def _callable_tools(options: ChatOptions) -> dict[str, Tool]:
    """By the field that brought each."""
    tools = {f"tools[{index}].function.parameters": tool for index, tool in enumerate(options.tools)}
    if options.tool_name is not None:
        tools = {param: tool for param, tool in tools.items() if tool.name == options.tool_name}
    elif options.tool_mode == "none":
        return {}
    if not tools and _must_call(options):
        wanted = "A tool" if options.tool_name is None else f"The tool '{options.tool_name[:64]}'"
        raise InvalidRequest(f"{wanted} must be called and is not among the tools.", "tool_choice")
    return tools


def _check_schemas(options: ChatOptions, neutralise: Neutralise) -> None:
    """A text that has to be written letter by letter cannot be one that the model reads as a token of its template."""
    schemas = {f"tools[{index}].function.parameters": tool.parameters for index, tool in enumerate(options.tools)}
    for param, schema in (schemas | {"response_format": options.json_schema or {}}).items():
        try:
            text = json.dumps(schema, ensure_ascii=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidRequest(f"The JSON Schema cannot be used: {error}.", param) from error
        if neutralise(text) != text:
            raise InvalidRequest("The JSON Schema has a control token of this model in it.", param)


def _grammar(tools: Mapping[str, Tool], options: ChatOptions, must_call: bool, max_calls: int) -> str:
    rules = []
    for index, (param, tool) in enumerate(tools.items()):
        schema = arguments_schema(tool)
        json_grammar(schema, param)  # alone first, so that the right one is named
        begin = f'{CALL_BEGIN}{{"name": {json.dumps(tool.name)}, "arguments": '
        rules.append(f"call_{index}: {json.dumps(begin)} {json_rule(schema)} {json.dumps('}' + CALL_END)}")
    one = " | ".join(f"call_{index}" for index in range(len(tools)))
    several = options.parallel_tool_calls and options.tool_name is None
    repeated = f' ("\\n" call){{0,{max_calls - 1}}}' if several and max_calls > 1 else ""
    answer = "" if must_call else " | answer"
    if not must_call:
        text = _NOT_A_CALL if options.json_schema is None else json_rule(options.json_schema)
        rules.append(f"answer: {text}")
        if options.json_schema is not None:
            json_grammar(options.json_schema, "response_format")
    return "\n".join([f"start: calls{answer}", f"calls: call{repeated}", f"call: {one}", *rules])


def _written(messages: tuple[Message, ...], neutralise: Neutralise) -> tuple[Message, ...]:
    """Every turn as text; the results of tools that follow each other are one turn of the user."""
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    written: list[Message] = []
    results_before = False
    for message in messages:
        content = neutralise(message.content)
        if message.role == "tool":
            name = message.name or names.get(message.tool_call_id or "", "")
            label = f"{neutralise(name)}: " if name else ""
            content = f"<tool_response>\n{label}{content}\n</tool_response>"
            if results_before:
                written[-1] = replace(written[-1], content=f"{written[-1].content}\n{content}")
            else:
                written.append(Message("user", content))
        else:
            calls = [call_text(neutralise(call.name), neutralise(call.arguments)) for call in message.tool_calls]
            written.append(Message(message.role, "\n".join([*([content] if content else []), *calls])))
        results_before = message.role == "tool"
    return tuple(written)


def _with_instructions(messages: tuple[Message, ...], instructions: str) -> tuple[Message, ...]:
    if messages and messages[0].role == "system":
        return (replace(messages[0], content=f"{messages[0].content}\n\n{instructions}"), *messages[1:])
    return (Message("system", instructions), *messages)


def _instructions(options: ChatOptions, tools: Mapping[str, Tool], neutralise: Neutralise) -> str:
    described = "\n".join(
        neutralise(
            json.dumps(
                {"name": tool.name, "description": tool.description, "parameters": tool.parameters}, ensure_ascii=False
            )
        )
        for tool in (tools.values() or options.tools)
    )
    text = f"You have these functions:\n<tools>\n{described}\n</tools>\n"
    if not tools:
        return text + "Do not call them now. Answer in plain text."
    if _must_call(options):
        text += "Answer with the function call that fits the user's words."
    else:
        text += "Call one only if it is needed, else answer the user in plain text."
    text += " Take the arguments from the user's words.\n"
    # One example of each call: of 20 single calls of SmolLM2-135M 20 are right, without them 18, with a form only 14.
    return text + "\n".join(_example(tool, neutralise) for tool in list(tools.values())[:_MAX_EXAMPLES])


def _example(tool: Tool, neutralise: Neutralise) -> str:
    properties = tool.parameters.get("properties")
    names = list(properties) if isinstance(properties, Mapping) else []
    arguments = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: ..." for name in names)
    call = call_text(tool.name, "{" + arguments + "}").replace("\n", "")
    return neutralise(f"{tool.description or tool.name} -> {call}")
