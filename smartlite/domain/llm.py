"""Language models: what is asked of an engine and what it says. Must not know engines or wire formats."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from smartlite.domain.logprobs import TokenLogprob
from smartlite.domain.usage import TokenUsage

Role = Literal["system", "user", "assistant", "tool"]
FinishReason = Literal["stop", "length", "tool_calls"]
ToolMode = Literal["none", "auto", "required"]


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask its caller to call."""

    name: str
    description: str
    parameters: Mapping[str, object]
    """JSON Schema of its arguments, an object; ``{}`` for none."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a call."""

    id: str
    name: str
    arguments: str
    """JSON."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation, text only: what was spoken has been transcribed."""

    role: Role
    content: str
    """Empty where the assistant only called tools."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Of an assistant's turn."""
    tool_call_id: str | None = None
    """Of a tool's turn: the call that it answers."""
    name: str | None = None
    """Of who speaks; of a tool's turn, the tool's name where it is known."""


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
    presence_penalty: float = 0.0
    """In [-2, 2]."""
    frequency_penalty: float = 0.0
    """In [-2, 2]."""
    logit_bias: tuple[tuple[int, float], ...] = ()
    """Token ids of the model and what is added to their logits, in [-100, 100]."""
    logprobs: bool = False
    """Fill ``TextDelta.logprobs``."""
    top_logprobs: int = 0
    """So many alternatives for every token, in [0, 20]."""
    json_schema: Mapping[str, object] | None = None
    """JSON Schema that the answer's text keeps to; ``{"type": "object"}`` is any JSON object."""
    tools: tuple[Tool, ...] = ()
    tool_mode: ToolMode = "auto"
    """``required``: at least one tool is called; ``none``: no tool is called."""
    tool_name: str | None = None
    """The one tool that must be called."""
    parallel_tool_calls: bool = True
    """Whether one answer may call several tools."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What the LLM stage takes."""

    model: str
    """A served model's own id, not an alias."""
    messages: tuple[Message, ...]
    options: ChatOptions = ChatOptions()
    is_whole: bool = False
    """Nobody looks at the answer before its end, so its pieces may come late and together."""


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the answer: whole characters, one or more tokens."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of the piece's tokens, where they were asked for."""


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a call: the first of each has its id and name, joined ``arguments`` are its JSON."""

    index: int
    """Of the call in the answer, counted from 0, in order."""
    id: str | None
    name: str | None
    arguments: str


@dataclass(frozen=True, slots=True)
class ChatFinished:
    """The last event of every answer."""

    finish_reason: FinishReason
    usage: TokenUsage


ChatEvent = TextDelta | ToolCallDelta | ChatFinished
