"""Chats that another OpenAI-compatible server answers. Must not know where it is or how its errors read."""

from collections.abc import AsyncGenerator
from typing import Any, cast

from smartlite.domain.llm import (
    ChatEvent,
    ChatFinished,
    ChatOptions,
    FinishReason,
    Message,
    TextDelta,
    ToolCallDelta,
)
from smartlite.domain.logprobs import TokenLogprob
from smartlite.domain.usage import TokenUsage
from smartlite.engines.upstream import Upstream
from smartlite.errors import InvalidRequest, Unavailable


class UpstreamLLM(Upstream):
    """An LLM engine; the answer streams through, tools and schemas are the server's own."""

    async def chat(self, messages: tuple[Message, ...], options: ChatOptions) -> AsyncGenerator[ChatEvent, None]:
        """Answer; the contract of LLMEngine. Leaving closes the connection, which stops the work there.

        Raises:
            UnsupportedParameter: 400, and other errors of the request as the server has them.
        """
        if not messages:
            raise InvalidRequest("There must be at least one message.", "messages")
        finish: FinishReason = "stop"
        usage: TokenUsage | None = None
        pieces = 0
        async with self.translated_errors():
            stream = await self.client().chat.completions.create(**self._request(messages, options))
            async with stream:
                async for chunk in stream:
                    if chunk.usage is not None:
                        usage = _usage(chunk.usage)
                    for choice in chunk.choices:
                        for event in _events(choice):
                            pieces += 1
                            yield event
                        finish = _finish_reason(choice.finish_reason) or finish
        if usage is None:
            if not pieces:
                raise Unavailable(f"The server of '{self._files.id}' ended without an answer.")
            usage = TokenUsage(0, pieces)  # a server that counts nothing sends about a token a piece
        yield ChatFinished(finish, usage)

    def _request(self, messages: tuple[Message, ...], options: ChatOptions) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [_message(message) for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": options.temperature,
            "top_p": options.top_p,
        }
        # Only what was asked for: servers refuse fields that they do not know.
        if options.max_tokens is not None:
            body["max_completion_tokens"] = options.max_tokens
        if options.stop:
            body["stop"] = list(options.stop)
        if options.seed is not None:
            body["seed"] = options.seed
        if options.presence_penalty:
            body["presence_penalty"] = options.presence_penalty
        if options.frequency_penalty:
            body["frequency_penalty"] = options.frequency_penalty
        if options.logit_bias:
            body["logit_bias"] = {str(token): bias for token, bias in options.logit_bias}
        if options.logprobs:
            body["logprobs"] = True
            body["top_logprobs"] = options.top_logprobs or None
        if options.json_schema is not None:
            body["response_format"] = _response_format(options)
        if options.tools:
            body |= _tools(options)
        return body


def _message(message: Message) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        wire["content"] = message.content or None
        wire["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        wire["tool_call_id"] = message.tool_call_id
    elif message.name is not None:
        wire["name"] = message.name
    return wire


def _response_format(options: ChatOptions) -> dict[str, Any]:
    if options.json_schema == {"type": "object"}:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": options.json_schema}}


def _tools(options: ChatOptions) -> dict[str, Any]:
    choice: Any = options.tool_mode
    if options.tool_name is not None:
        choice = {"type": "function", "function": {"name": options.tool_name}}
    return {
        "tools": [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in options.tools
        ],
        "tool_choice": choice,
        "parallel_tool_calls": options.parallel_tool_calls,
    }


def _events(choice: Any) -> list[ChatEvent]:
    events: list[ChatEvent] = []
    if choice.delta.content:
        logprobs = choice.logprobs.content if choice.logprobs and choice.logprobs.content else ()
        events.append(TextDelta(choice.delta.content, tuple(map(_logprob, logprobs))))
    for call in choice.delta.tool_calls or ():
        function = call.function
        events.append(
            ToolCallDelta(
                call.index, call.id, function.name if function else None, (function and function.arguments) or ""
            )
        )
    return events


def _logprob(token: Any) -> TokenLogprob:
    data = bytes(token.bytes) if token.bytes is not None else token.token.encode()
    alternatives = tuple(_logprob(other) for other in getattr(token, "top_logprobs", None) or ())
    return TokenLogprob(token.token, token.logprob, data, alternatives)


def _finish_reason(reason: str | None) -> FinishReason | None:
    if reason in ("stop", "length", "tool_calls"):
        return cast("FinishReason", reason)
    return None if reason is None else "stop"  # content_filter, function_call


def _usage(usage: Any) -> TokenUsage:
    details = usage.prompt_tokens_details
    return TokenUsage(usage.prompt_tokens, usage.completion_tokens, (details and details.cached_tokens) or 0)
