"""The body of ``POST /v1/chat/completions``. Must not know how an answer is made."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag

from smartlite.api.schemas.chat_message import ChatMessage, list_or_text
from smartlite.api.schemas.chat_tools import MAX_TOOLS, ResponseFormat, ToolChoice, ToolDefinition
from smartlite.api.schemas.references import ConversationReference, PromptReference

MAX_MESSAGES: Final = 2000
MAX_STOPS: Final = 4
MAX_STOP_CHARACTERS: Final = 256
MAX_MODEL_CHARACTERS: Final = 256

ModelName = Annotated[str, Field(min_length=1, max_length=MAX_MODEL_CHARACTERS)]

Stop = Annotated[
    Annotated[str, Field(min_length=1, max_length=MAX_STOP_CHARACTERS), Tag("a text")]
    | Annotated[
        list[Annotated[str, Field(min_length=1, max_length=MAX_STOP_CHARACTERS)]],
        Field(max_length=MAX_STOPS),
        Tag("a list"),
    ],
    Discriminator(list_or_text),
]


class StreamOptions(BaseModel):
    """What a stream holds besides the answer."""

    include_usage: bool | None = None


class SpeakingVoice(BaseModel):
    """A voice by its id."""

    id: ModelName


def _name_or_reference(value: object) -> str:
    return "a reference" if isinstance(value, dict | BaseModel) else "a name"


class AudioOptions(BaseModel):
    """How the answer is spoken."""

    voice: Annotated[
        Annotated[ModelName, Tag("a name")] | Annotated[SpeakingVoice, Tag("a reference")],
        Discriminator(_name_or_reference),
    ] = Field(description="Voice id or alias of the first speech synthesis model.", examples=["alloy"])
    format: Literal["wav", "mp3", "flac", "opus", "aac", "pcm16"] = Field(
        description="A stream is always `pcm16`: 24 kHz, 16-bit, little-endian, mono, without a header."
    )

    @property
    def voice_name(self) -> str:
        """The voice's id or alias, however it was written."""
        return self.voice if isinstance(self.voice, str) else self.voice.id


class ChatCompletionRequest(BaseModel):
    """What ``POST /v1/chat/completions`` takes. Unknown fields are ignored, as official clients expect."""

    model_config = ConfigDict(title="ChatCompletionRequest")

    model: ModelName
    messages: Annotated[list[ChatMessage], Field(max_length=MAX_MESSAGES)] = Field(
        default_factory=list, description="At least one, unless `prompt` is given."
    )
    prompt: PromptReference | None = Field(None, description="Our own: a prompt that is filled before the messages.")
    conversation: ConversationReference | None = Field(
        None, description="Our own: what was said in it before comes before the messages, which are kept in it."
    )
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1, description="Old name of `max_completion_tokens`.")] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    stop: Stop | None = None
    seed: int | None = None
    n: Annotated[int, Field(ge=1, le=128, description="Answers; the operator sets the most (8).")] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: dict[str, float] | None = Field(
        None, description="Token ids of the model, as strings, to what is added to their logits, in [-100, 100]."
    )
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20, description="Needs `logprobs`.")] | None = None
    response_format: ResponseFormat | None = None
    modalities: Annotated[list[Literal["text", "audio"]], Field(min_length=1, max_length=2)] | None = Field(
        None, description='`["text", "audio"]` has the answer spoken as `audio` says.'
    )
    audio: AudioOptions | None = None
    tools: Annotated[list[ToolDefinition], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    functions: JsonValue = Field(None, description="Only empty: its name is now `tools`.")
    function_call: JsonValue = Field(None, description="Only null: its name is now `tool_choice`.")
    user: str | None = Field(None, description="Accepted; not used.")
    metadata: dict[str, JsonValue] | None = Field(None, description="Accepted; not used.")
    store: bool | None = Field(None, description="Accepted; nothing is stored.")
    reasoning_effort: str | None = Field(None, description="Accepted; not used.")
    service_tier: str | None = Field(None, description="Accepted; not used.")
    safety_identifier: str | None = Field(None, description="Accepted; not used.")
    prompt_cache_key: str | None = Field(None, description="Accepted; not used.")
    verbosity: str | None = Field(None, description="Accepted; not used.")
    prediction: dict[str, JsonValue] | None = Field(None, description="Accepted; not used.")
