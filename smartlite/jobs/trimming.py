"""Which part of a conversation a model is sent, and what it is asked for a summary of the rest. Must not know stores.

Sizes are estimates: nobody but the engine has the model's tokenizer. They are rather too large, and who uses them tries
again with half the room where the engine still refuses.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from smartlite.domain.conversations import BYTES_PER_TOKEN, TOKENS_PER_MESSAGE, Item, ItemContent, estimated_tokens
from smartlite.domain.estimates import DEFAULT_ANSWER_TOKENS
from smartlite.domain.llm import ChatOptions, ChatRequest, Message
from smartlite.storage.conversation_items import ItemSize

_ANSWER_SHARE: Final = 4
"""An answer that nobody bounds is left a quarter of the context."""
_SUMMARY_SHARE: Final = 8
_LEAST_SUMMARY_TOKENS: Final = 16
_MOST_SUMMARY_TOKENS: Final = 512
_INSTRUCTIONS: Final = (
    "You keep the summary of a conversation between a user and an assistant. Write the summary anew so that it holds "
    "what it held and what was said since: names, facts, wishes, decisions, open questions. Write plain sentences, "
    "no more than {words} words, and nothing beside the summary."
)


def room_for_prompt(context_tokens: int, max_tokens: int | None, answer_tokens: int | None) -> int:
    """How many tokens everything that is sent may have.

    Args:
        context_tokens: Of one request, prompt and answer.
        max_tokens: What the conversation's owner allows; None: all that fits.
        answer_tokens: The most that the answer may have; None: nobody said.
    """
    reserve = min(answer_tokens or DEFAULT_ANSWER_TOKENS, context_tokens // _ANSWER_SHARE)
    room = context_tokens - reserve
    return room if max_tokens is None else min(room, max_tokens)


def first_that_fits(sizes: Sequence[ItemSize], room: int) -> int:
    """Where the newest items begin that fit; what is sent begins with what a user said, or with the whole.

    Args:
        sizes: The newest last.
        room: In tokens.

    Returns:
        The index of the first one; the length of ``sizes`` where none fits.
    """
    first, total = len(sizes), 0
    for index in range(len(sizes) - 1, -1, -1):
        total += sizes[index].tokens
        if total > room:
            return first
        if index == 0 or (sizes[index].kind == "message" and sizes[index].role == "user"):
            first = index
    return first


def pieces(items: Sequence[Item], context_tokens: int) -> Iterator[list[Item]]:
    """Items in portions that can be summed up by a model of this context."""
    room, total, piece = context_tokens // 2, 0, list[Item]()
    for item in items:
        if piece and total + item.content.tokens > room:
            yield piece
            total, piece = 0, []
        total += item.content.tokens
        piece.append(item)
    if piece:
        yield piece


def summary_request(
    model: str, context_tokens: int, most_tokens: int, summary: str | None, items: Sequence[Item]
) -> ChatRequest:
    """What a model is asked for a summary that goes on from the one before.

    Args:
        model: A served model's own id.
        context_tokens: Of one request of it.
        most_tokens: What the conversation's requests may have in all, of which the summary is a part.
        summary: The one before; None: there is none.
        items: What was said since.
    """
    most = max(_LEAST_SUMMARY_TOKENS, min(_MOST_SUMMARY_TOKENS, min(context_tokens, most_tokens) // _SUMMARY_SHARE))
    said = "\n".join(_told(item.content) for item in items)
    # One item may be longer than a context; what it begins with stands for it.
    said = said.encode("utf-8", "replace")[: context_tokens // 2 * BYTES_PER_TOKEN].decode("utf-8", "ignore")
    user = f"Summary so far:\n{summary or '(none)'}\n\nSaid since:\n{said}\n\nSummary:"
    messages = (Message("system", _INSTRUCTIONS.format(words=most // 2)), Message("user", user))
    return ChatRequest(model, messages, ChatOptions(temperature=0.0, max_tokens=most))


def cut_summary(summary: str | None, room: int) -> str | None:
    """As much of a summary as fits into half of the room: it may have been made for a larger one."""
    if summary is None or summary_tokens(summary) <= room // 2:
        return summary
    longest = max(0, room // 2 - TOKENS_PER_MESSAGE) * BYTES_PER_TOKEN
    return summary.encode("utf-8", "replace")[:longest].decode("utf-8", "ignore") or None


def summary_tokens(summary: str | None) -> int:
    """An estimate of what a summary takes."""
    return estimated_tokens(summary) if summary else 0


def _told(content: ItemContent) -> str:
    if content.kind == "function_call":
        return f"assistant calls {content.name}({content.text})"
    if content.kind == "function_call_output":
        return f"{content.name or 'function'} returned: {content.text}"
    return f"{content.role}: {content.text}"
