"""The wire format of ``/v1/chat/completions``. Must not know how an answer is made."""

from typing import Annotated, Final, Literal, NotRequired

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag
from typing_extensions import TypedDict

from smartlite.domain.llm import FinishReason

MAX_MESSAGES: Final = 2000
MAX_PARTS: Final = 256
MAX_STOPS: Final = 4
MAX_STOP_CHARACTERS: Final = 256
MAX_MODEL_CHARACTERS: Final = 256


def _list_or_text(value: object) -> str:
    return "list" if isinstance(value, list) else "text"


class ContentPart(BaseModel):
    """A part of a message; only text is understood by the models served here."""

    type: Literal["text", "image_url", "input_audio", "file", "refusal"]
    text: str | None = None


Content = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[ContentPart], Field(min_length=1, max_length=MAX_PARTS), Tag("list")],
    Discriminator(_list_or_text),
]

Stop = Annotated[
    Annotated[str, Field(min_length=1, max_length=MAX_STOP_CHARACTERS), Tag("text")]
    | Annotated[
        list[Annotated[str, Field(min_length=1, max_length=MAX_STOP_CHARACTERS)]],
        Field(max_length=MAX_STOPS),
        Tag("list"),
    ],
    Discriminator(_list_or_text),
]


class ChatMessage(BaseModel):
    """One turn of the conversation."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"] = Field(
        description="`developer` is read as `system`; `tool` and `function` are refused."
    )
    content: Content | None = None
    name: str | None = None
    tool_calls: list[JsonValue] | None = None


class StreamOptions(BaseModel):
    """What a stream holds besides the answer."""

    include_usage: bool | None = None


class ResponseFormat(BaseModel):
    """The form of the answer; only text."""

    type: Literal["text", "json_object", "json_schema"]


class ChatCompletionRequest(BaseModel):
    """What ``POST /v1/chat/completions`` takes. Unknown fields are ignored, as official clients expect."""

    model_config = ConfigDict(title="ChatCompletionRequest")

    model: Annotated[str, Field(min_length=1, max_length=MAX_MODEL_CHARACTERS)]
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=MAX_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, description="Old name of `max_completion_tokens`.")] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    stop: Stop | None = None
    seed: int | None = None
    n: Annotated[int, Field(ge=1, le=128, description="Only 1.")] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2, description="Only 0.")] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2, description="Only 0.")] | None = None
    logit_bias: dict[str, float] | None = Field(None, description="Only empty.")
    logprobs: bool | None = Field(None, description="Only false.")
    top_logprobs: Annotated[int, Field(ge=0, le=20, description="Only 0.")] | None = None
    response_format: ResponseFormat | None = None
    modalities: list[Literal["text", "audio"]] | None = Field(None, description='Only `["text"]`.')
    audio: dict[str, JsonValue] | None = Field(None, description="Only null.")
    tools: list[JsonValue] | None = Field(None, description="Only empty.")
    tool_choice: str | dict[str, JsonValue] | None = Field(None, description='Only "none" and "auto".')
    parallel_tool_calls: bool | None = None
    functions: list[JsonValue] | None = Field(None, description="Only empty.")
    user: str | None = Field(None, description="Accepted; not used.")
    metadata: dict[str, JsonValue] | None = Field(None, description="Accepted; not used.")
    store: bool | None = Field(None, description="Accepted; nothing is stored.")
    reasoning_effort: str | None = Field(None, description="Accepted; not used.")
    service_tier: str | None = Field(None, description="Accepted; not used.")
    safety_identifier: str | None = Field(None, description="Accepted; not used.")
    prompt_cache_key: str | None = Field(None, description="Accepted; not used.")
    verbosity: str | None = Field(None, description="Accepted; not used.")
    prediction: dict[str, JsonValue] | None = Field(None, description="Accepted; not used.")


class PromptTokensDetails(TypedDict):
    """Parts of the prompt's tokens."""

    cached_tokens: int
    audio_tokens: int


class CompletionTokensDetails(TypedDict):
    """Parts of the answer's tokens."""

    reasoning_tokens: int
    audio_tokens: int


class CompletionUsage(TypedDict):
    """Tokens of one answer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptTokensDetails
    completion_tokens_details: CompletionTokensDetails


class AssistantMessage(TypedDict):
    """The answer."""

    role: Literal["assistant"]
    content: str
    refusal: None


class Choice(TypedDict):
    """One of the answers; there is always one."""

    index: int
    message: AssistantMessage
    logprobs: None
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


class Delta(TypedDict):
    """What a chunk adds to the answer."""

    role: NotRequired[Literal["assistant"]]
    content: NotRequired[str]
    refusal: NotRequired[None]


class ChunkChoice(TypedDict):
    """A chunk's part of an answer."""

    index: int
    delta: Delta
    logprobs: None
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
