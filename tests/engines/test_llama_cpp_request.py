"""What llama.cpp is asked for and how much context that needs. Must not know the library."""

import pytest

from smartlite.domain.llm import ChatOptions, Message
from smartlite.engines.llama_cpp_request import check_length, estimated_prompt, needed_tokens, request_body
from smartlite.engines.llama_cpp_server import LlamaCppOptions
from smartlite.engines.tool_calling import prepare
from smartlite.errors import ContextLengthExceeded

LONG = Message("user", "x" * 3000)
SHARED = LlamaCppOptions(context_tokens=4096, parallel=8, request_tokens=2048)


def body(message: Message, options: ChatOptions, engine: LlamaCppOptions) -> dict[str, object]:
    conversation = prepare((message,), options, lambda text: text, engine.max_calls)
    return request_body(conversation, options, engine)


def test_a_request_needs_its_prompt_and_as_many_tokens_as_it_asks_for() -> None:
    asked = body(LONG, ChatOptions(max_tokens=100), SHARED)
    assert needed_tokens(asked, estimated_prompt(asked), SHARED) == 1006 + 100


def test_a_request_never_needs_more_than_one_may_have() -> None:
    asked = body(LONG, ChatOptions(max_tokens=100_000), SHARED)
    assert needed_tokens(asked, estimated_prompt(asked), SHARED) == 2048


@pytest.mark.parametrize(("text", "answer_tokens"), [("x" * 300, 512 - 106), ("x" * 3000, 256)])
def test_an_answer_without_a_bound_takes_a_share_where_a_request_may_have_more(text: str, answer_tokens: int) -> None:
    assert body(Message("user", text), ChatOptions(), SHARED)["max_tokens"] == answer_tokens


def test_an_answer_without_a_bound_ends_with_the_context_where_that_is_its_share() -> None:
    engine = LlamaCppOptions(context_tokens=4096, parallel=2)
    asked = body(LONG, ChatOptions(), engine)
    assert "max_tokens" not in asked
    assert needed_tokens(asked, 1, engine) == 2048


def test_a_message_that_cannot_be_short_enough_is_refused_at_once() -> None:
    with pytest.raises(ContextLengthExceeded, match=r"at least 3000 tokens long; .* is 2048 tokens"):
        check_length((Message("user", "x" * 30_000),), 10, SHARED)


@pytest.mark.parametrize(("text", "longest_token_bytes"), [("x" * 20_480, 10), ("x" * 30_000, 0), (" " * 30_000, 10)])
def test_a_message_that_may_fit_is_left_to_the_library(text: str, longest_token_bytes: int) -> None:
    check_length((Message("user", text),), longest_token_bytes, SHARED)
