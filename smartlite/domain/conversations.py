"""Conversations: messages that are kept, and taken up again. Must not know how they are kept, nor wire formats.

An item is a message, a call of a function, or what one returned; of a turn of the model, what it said and each of its
calls are items of their own, as in OpenAI's responses.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from smartlite.domain.llm import Message, Role, ToolCall

ItemKind = Literal["message", "function_call", "function_call_output"]
Strategy = Literal["window", "summary"]
MAX_ITEMS: Final = 10_000
"""Of one conversation."""
MAX_CONVERSATIONS: Final = 10_000
"""Of one owner."""
BYTES_PER_TOKEN: Final = 3
"""Of UTF-8. English has about four and is counted too long; other scripts have about as many tokens as that."""
TOKENS_PER_MESSAGE: Final = 6
"""What a model's own format puts around a message."""
_SUMMARY: Final = "Earlier in this conversation, in short:\n"


@dataclass(frozen=True, slots=True)
class Truncation:
    """What becomes of a conversation that does not fit into the model's context."""

    strategy: Strategy = "window"
    """``window``: older messages are left out; ``summary``: the model sums them up."""
    max_tokens: int | None = None
    """Of everything that the model is sent; None: what its context leaves beside the answer."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages of somebody."""

    id: str
    """``conv_...``"""
    owner_id: str
    organization_id: str | None
    metadata: Mapping[str, str]
    truncation: Truncation
    created_at: datetime
    updated_at: datetime
    summarised: int = 0
    """The position up to which items are in the summary; 0: there is none."""


@dataclass(frozen=True, slots=True)
class ItemContent:
    """What an item says."""

    kind: ItemKind
    text: str
    """Of a message; a call's arguments, in JSON; what a function returned."""
    role: Role | None = None
    """Of a message."""
    call_id: str | None = None
    """Of a call, and of what it returned."""
    name: str | None = None
    """Of the function."""
    is_whole: bool = True
    """False: the answer was cut off."""

    @property
    def tokens(self) -> int:
        """An estimate, rather too many."""
        return estimated_tokens(self.text, self.name or "")


@dataclass(frozen=True, slots=True)
class Item:
    """What was said, where it stands."""

    id: str
    """``msg_...``, ``fc_...`` or ``fco_...``"""
    position: int
    """From 1 on, in order; those that were deleted leave gaps."""
    created_at: datetime
    content: ItemContent


def estimated_tokens(*texts: str) -> int:
    """How many tokens a message may have: an estimate, rather too many."""
    return TOKENS_PER_MESSAGE + math.ceil(sum(len(text.encode("utf-8", "replace")) for text in texts) / BYTES_PER_TOKEN)


def message_tokens(message: Message) -> int:
    """Likewise, of a message with its calls."""
    calls = [part for call in message.tool_calls for part in (call.name, call.arguments)]
    return estimated_tokens(message.content, *calls)


def as_contents(messages: Iterable[Message], *, is_whole: bool = True) -> list[ItemContent]:
    """Items for messages."""
    contents: list[ItemContent] = []
    for message in messages:
        if message.role == "tool":
            contents.append(
                ItemContent("function_call_output", message.content, call_id=message.tool_call_id, name=message.name)
            )
        else:
            if message.content or not message.tool_calls:
                contents.append(ItemContent("message", message.content, message.role, is_whole=is_whole))
            contents += [
                ItemContent("function_call", call.arguments, call_id=call.id, name=call.name)
                for call in message.tool_calls
            ]
    return contents


def as_messages(contents: Iterable[ItemContent]) -> tuple[Message, ...]:
    """Messages for items: calls are a part of what the assistant said before them."""
    messages: list[Message] = []
    for content in contents:
        if content.kind == "function_call":
            call = ToolCall(content.call_id or "", content.name or "", content.text)
            if not messages or messages[-1].role != "assistant":
                messages.append(Message("assistant", ""))
            messages[-1] = replace(messages[-1], tool_calls=(*messages[-1].tool_calls, call))
        elif content.kind == "function_call_output":
            messages.append(Message("tool", content.text, tool_call_id=content.call_id, name=content.name))
        else:
            messages.append(Message(content.role or "user", content.text))
    return tuple(messages)


def with_earlier(
    frame: Sequence[Message], earlier: Sequence[Message], summary: str | None, asked: Sequence[Message]
) -> tuple[Message, ...]:
    """A request's messages with those of before it.

    Args:
        frame: What comes before the conversation: what the system says, examples.
        earlier: What was said before.
        summary: Of what was said before that.
        asked: What the request adds.
    """
    if not summary:
        return (*frame, *earlier, *asked)
    told = _SUMMARY + summary
    # In the first message of the system: the formats of some models have a place for no more than one.
    if frame and frame[0].role == "system":
        return (replace(frame[0], content=f"{frame[0].content}\n\n{told}"), *frame[1:], *earlier, *asked)
    return (Message("system", told), *frame, *earlier, *asked)
