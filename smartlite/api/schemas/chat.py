"""The answers of ``/v1/chat/completions``, whole and in chunks. Must not know how an answer is made."""

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from smartlite.domain.llm import FinishReason


class PromptTokensDetails(TypedDict):
    """Parts of the prompt's tokens."""

    cached_tokens: int
    audio_tokens: int
    """Always 0: recordings are transcribed, and their text is counted."""


class CompletionTokensDetails(TypedDict):
    """Parts of the answer's tokens."""

    reasoning_tokens: int
    audio_tokens: int
    """Always 0: the text that is spoken is counted."""


class CompletionUsage(TypedDict):
    """Tokens of all answers; the prompt is counted once."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails


class TopLogprob(TypedDict):
    """A token and its probability."""

    token: str
    logprob: float
    bytes: list[int]


class TokenLogprobPart(TopLogprob):
    """A token of the answer and those that were likely in its place."""

    top_logprobs: list[TopLogprob]


class ChoiceLogprobs(TypedDict):
    """The probabilities of an answer's tokens."""

    content: list[TokenLogprobPart]
    refusal: None


class Function(TypedDict):
    """A function that is to be called."""

    name: str
    arguments: str


class ToolCallPart(TypedDict):
    """A call that the model asks for."""

    id: str
    type: Literal["function"]
    function: Function


class SpokenAudio(TypedDict):
    """The answer as a file."""

    id: str
    data: str
    """Base64."""
    expires_at: int
    """The time of the answer: nothing is kept."""
    transcript: str


class AssistantMessage(TypedDict):
    """The answer."""

    role: Literal["assistant"]
    content: str | None
    refusal: None
    annotations: list[str]
    """Always empty."""
    tool_calls: NotRequired[list[ToolCallPart]]
    audio: NotRequired[SpokenAudio]


class Choice(TypedDict):
    """One of the answers."""

    index: int
    message: AssistantMessage
    logprobs: ChoiceLogprobs | None
    finish_reason: FinishReason


class ChatCompletion(TypedDict):
    """A whole answer."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    choices: list[Choice]
    usage: CompletionUsage
    system_fingerprint: str


class FunctionDelta(TypedDict):
    """What a chunk adds to a call."""

    name: NotRequired[str]
    arguments: str


class ToolCallDeltaPart(TypedDict):
    """What a chunk adds to one of the calls; the first of each has its id and name."""

    index: int
    id: NotRequired[str]
    type: NotRequired[Literal["function"]]
    function: FunctionDelta


class AudioDelta(TypedDict, total=False):
    """What a chunk adds to the spoken answer."""

    id: str
    transcript: str
    data: str
    expires_at: int


class Delta(TypedDict, total=False):
    """What a chunk adds to the answer."""

    role: Literal["assistant"]
    content: str | None
    refusal: None
    tool_calls: list[ToolCallDeltaPart]
    audio: AudioDelta


class ChunkChoice(TypedDict):
    """A chunk's part of an answer."""

    index: int
    delta: Delta
    logprobs: ChoiceLogprobs | None
    finish_reason: FinishReason | None


class ChatCompletionChunk(TypedDict):
    """One event of a stream; ``usage`` is there only where ``stream_options.include_usage`` asked for it."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: int
    model: str
    choices: list[ChunkChoice]
    system_fingerprint: str
    usage: NotRequired[CompletionUsage | None]
