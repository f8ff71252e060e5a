"""Language models: what is asked of an engine and what it says. Must not know engines or wire formats."""

from dataclasses import dataclass
from typing import Literal

from smartlite.domain.usage import TokenUsage

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation, text only."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """How to sample one answer."""

    temperature: float = 1.0
    """In [0, 2]; 0 is greedy."""
    top_p: float = 1.0
    """In (0, 1]."""
    max_tokens: int | None = None
    """At most so many new tokens; None means what the context leaves."""
    stop: tuple[str, ...] = ()
    """At most 4; the answer ends before the first that appears."""
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What the LLM stage takes."""

    model: str
    """A served model's own id, not an alias."""
    messages: tuple[Message, ...]
    options: ChatOptions = ChatOptions()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer: whole characters, one or more tokens."""

    text: str


@dataclass(frozen=True, slots=True)
class ChatFinished:
    """The last event of every answer."""

    finish_reason: FinishReason
    usage: TokenUsage


ChatEvent = TextDelta | ChatFinished
