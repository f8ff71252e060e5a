"""What llama.cpp is asked for one answer: checks of the request and the library's words for it.

Must not know threads, nor how answers are read.
"""

from collections.abc import Iterable
from typing import Any, Final

from smartlite.domain.conversations import estimated_tokens
from smartlite.domain.llm import ChatOptions, Message
from smartlite.engines.llama_cpp_server import LlamaCppOptions
from smartlite.engines.tool_calling import Conversation
from smartlite.errors import ContextLengthExceeded, InvalidRequest

_RANDOM_SEED: Final = 0xFFFFFFFF
"""llama.cpp's seed that means "a new one each time" (``LLAMA_DEFAULT_SEED``)."""


def check_request(messages: tuple[Message, ...], options: ChatOptions, vocabulary_size: int) -> None:
    """Refuse what the library would crash on or silently leave out.

    Raises:
        InvalidRequest: 400, naming the field.
    """
    if not messages:
        raise InvalidRequest("There must be at least one message.", "messages")
    if options.max_tokens is not None and options.max_tokens < 1:
        raise InvalidRequest(f"max_tokens is {options.max_tokens}, it must be at least 1.", "max_tokens")
    _check_unicode("messages", (message.content for message in messages))
    _check_unicode("messages", (text for m in messages for c in m.tool_calls for text in (c.name, c.arguments)))
    _check_unicode("messages", (message.name or "" for message in messages))
    _check_unicode("stop", options.stop)
    _check_unicode("tools", (text for tool in options.tools for text in (tool.name, tool.description)))
    for token, _ in options.logit_bias:
        if not 0 <= token < vocabulary_size:
            raise InvalidRequest(
                f"logit_bias has the token {token}; this model's tokens are 0 to {vocabulary_size - 1}.", "logit_bias"
            )


def check_length(messages: tuple[Message, ...], longest_token_bytes: int, engine: LlamaCppOptions) -> None:
    """Refuse a last message that no tokenizer could make short enough, before anything waits for it.

    What is nearer to the limit is counted by the library, and refused before any of it is read.

    Raises:
        ContextLengthExceeded: 400, with the counts.
    """
    if not longest_token_bytes:
        return
    least = len(messages[-1].content.strip().encode()) // longest_token_bytes
    if least > engine.request_context_tokens:
        raise ContextLengthExceeded(
            f"The last message is at least {least} tokens long; this model's maximum context length is "
            f"{engine.request_context_tokens} tokens, the answer included.",
            "messages",
        )


def request_body(conversation: Conversation, options: ChatOptions, engine: LlamaCppOptions) -> dict[str, Any]:
    """The body of one streamed chat completion."""
    seed = options.seed if options.seed is not None else engine.seed
    calls = conversation.must_call
    body: dict[str, Any] = {
        "messages": [{"role": message.role, "content": message.content} for message in conversation.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
        "temperature": min(options.temperature, engine.call_temperature) if calls else options.temperature,
        "top_p": options.top_p,
        "top_k": engine.top_k,
        "min_p": engine.min_p,
        "presence_penalty": options.presence_penalty,
        "frequency_penalty": options.frequency_penalty,
        "logit_bias": [[token, bias] for token, bias in options.logit_bias],
        # An answer of calls has no text to end; a stop inside would break their JSON.
        "stop": [] if calls else [stop for stop in options.stop if stop],
        "seed": _RANDOM_SEED if seed is None else seed % _RANDOM_SEED,
        "cache_prompt": seed is None,
    }
    answer_tokens = options.max_tokens or _answer_tokens(estimated_prompt(body), engine)
    if answer_tokens is not None:
        body["max_tokens"] = answer_tokens
    if options.logprobs and not calls:
        # With 0 the library gives none at all, not even of the tokens themselves.
        body |= {"logprobs": True, "top_logprobs": max(1, options.top_logprobs)}
    if conversation.grammar is not None:
        # The library's own json_schema takes minutes to compile an enum of 20,000, drops patterns that it does not
        # understand and allows a fence of Markdown around the answer. llguidance has its own, and says what it refuses.
        body["grammar"] = "%llguidance {}\n" + conversation.grammar
    return body


def estimated_prompt(body: dict[str, Any]) -> int:
    """How many tokens the messages of a body may be, rather too many: the library counts, once it has begun."""
    return sum(estimated_tokens(message["content"]) for message in body["messages"])


def needed_tokens(body: dict[str, Any], prompt_tokens: int, engine: LlamaCppOptions) -> int:
    """What prompt and answer of a body take of the context at the most."""
    limit = engine.request_context_tokens
    answer_tokens: int = body.get("max_tokens", limit)
    return min(limit, prompt_tokens + answer_tokens)


def _answer_tokens(prompt_tokens: int, engine: LlamaCppOptions) -> int | None:
    """The bound of an answer whose request has none, so that it does not take the room of several."""
    share = engine.share_tokens
    return max(share - prompt_tokens, share // 2) if engine.request_context_tokens > share else None


def _check_unicode(param: str, texts: Iterable[str]) -> None:
    for text in texts:
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise InvalidRequest("Text must be valid Unicode; this one has a lone surrogate.", param) from error
