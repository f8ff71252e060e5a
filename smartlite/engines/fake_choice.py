"""What the fake LLM answers where a request asks for a form: a tool's call, or JSON. Must not know its pace.

Schemas are compiled as for the real engines, so the same ones are refused.
"""

from smartlite.domain.ids import new_id
from smartlite.domain.llm import ChatOptions, Message, Tool, ToolCall
from smartlite.domain.logprobs import TokenLogprob
from smartlite.engines.json_grammar import json_grammar, smallest_instance
from smartlite.engines.tool_calling import arguments_schema
from smartlite.errors import InvalidRequest

_LOGPROB = -0.5


def choose_call(messages: tuple[Message, ...], options: ChatOptions) -> ToolCall | None:
    """The call of the tool that must be called, else of the one that the user's last words name; None for text.

    Raises:
        InvalidRequest: 400, a schema cannot be used, or the tool that must be called is not there.
    """
    for index, tool in enumerate(options.tools):
        json_grammar(arguments_schema(tool), _param(index))
    chosen = _tool(messages, options)
    if chosen is None:
        return None
    arguments = smallest_instance(arguments_schema(chosen), _param(options.tools.index(chosen)))
    return ToolCall(new_id("call"), chosen.name, arguments)


def json_answer(options: ChatOptions) -> str | None:
    """The shortest JSON that keeps to the schema that was asked for; None where none was.

    Raises:
        InvalidRequest: 400, the schema cannot be used.
    """
    return None if options.json_schema is None else smallest_instance(options.json_schema, "response_format")


def fixed_logprobs(token: str, options: ChatOptions) -> tuple[TokenLogprob, ...]:
    """A probability of 0.61 for every token, and a word less for every alternative; nothing where not asked for."""
    if not options.logprobs:
        return ()
    others = [TokenLogprob(f" {rank}", _LOGPROB * rank, f" {rank}".encode()) for rank in range(2, 21)]
    best = TokenLogprob(token, _LOGPROB, token.encode())
    return (TokenLogprob(token, _LOGPROB, token.encode(), (best, *others)[: options.top_logprobs]),)


def _tool(messages: tuple[Message, ...], options: ChatOptions) -> Tool | None:
    if options.tool_name is not None:
        tool = next((tool for tool in options.tools if tool.name == options.tool_name), None)
        if tool is None:
            raise InvalidRequest(f"The tool '{options.tool_name[:64]}' is not among the tools.", "tool_choice")
        return tool
    if options.tool_mode == "none" or not options.tools:
        return None
    last = messages[-1] if messages else None
    asked = last.content if last is not None and last.role == "user" else ""
    named = next((tool for tool in options.tools if tool.name in asked), None)
    return named or (options.tools[0] if options.tool_mode == "required" else None)


def _param(index: int) -> str:
    return f"tools[{index}].function.parameters"
