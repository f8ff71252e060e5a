"""The body of ``POST /v1/responses``. Must not know how an answer is made."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Discriminator, Field, JsonValue, Tag

from smartlite.api.schemas.chat_message import MAX_PARTS, CallId, FunctionName, InputAudio, list_or_text
from smartlite.api.schemas.chat_request import MAX_MESSAGES, ModelName
from smartlite.api.schemas.chat_tools import MAX_TOOLS, Description, mode_or_object
from smartlite.api.schemas.references import ConversationReference, PromptReference

MAX_INCLUDES: Final = 32

_Kind = Annotated[str, Field(min_length=1, max_length=64)]


class ItemPart(BaseModel):
    """A part of an item: text, or a recording that is transcribed."""

    type: _Kind = Field(description="`input_text`, `output_text`, `refusal` or `input_audio`.")
    text: str | None = None
    refusal: str | None = None
    input_audio: InputAudio | None = None


ItemContent = Annotated[
    Annotated[str, Tag("a text")] | Annotated[list[ItemPart], Field(max_length=MAX_PARTS), Tag("a list")],
    Discriminator(list_or_text),
]


class InputItem(BaseModel):
    """A message, a call of a function, or what the function returned."""

    type: _Kind = Field("message", description="`message`, `function_call`, `function_call_output`, `reasoning`.")
    role: Literal["user", "assistant", "system", "developer"] | None = None
    content: ItemContent | None = None
    call_id: CallId | None = None
    name: FunctionName | None = None
    arguments: str | None = None
    output: ItemContent | None = None


class ResponseTool(BaseModel):
    """A function that the model may ask its caller to call."""

    type: _Kind = Field(description="Only `function`.")
    name: FunctionName | None = None
    description: Description | None = None
    parameters: dict[str, JsonValue] | None = None
    strict: bool | None = Field(None, description="Accepted; a call's arguments always keep to the schema.")


class ResponseToolReference(BaseModel):
    """A tool by its name."""

    type: Literal["function"]
    name: FunctionName


class ResponseToolChoice(BaseModel):
    """The one tool that must be called, or those that may be."""

    type: Literal["function", "allowed_tools"]
    name: FunctionName | None = None
    mode: Literal["auto", "required"] | None = None
    tools: Annotated[list[ResponseToolReference], Field(min_length=1, max_length=MAX_TOOLS)] | None = None


class TextFormat(BaseModel):
    """The form of the answer's text."""

    type: Literal["text", "json_object", "json_schema"]
    name: FunctionName | None = None
    description: Description | None = None
    schema_: dict[str, JsonValue] | None = Field(None, alias="schema")
    strict: bool | None = Field(None, description="Accepted; the answer always keeps to the schema.")


class TextOptions(BaseModel):
    """How the answer's text is made."""

    format: TextFormat | None = None
    verbosity: str | None = Field(None, description="Accepted; not used.")


class ResponseRequest(BaseModel):
    """What ``POST /v1/responses`` takes. Unknown fields are ignored, as official clients expect."""

    model: ModelName
    input: Annotated[
        Annotated[str, Tag("a text")] | Annotated[list[InputItem], Field(max_length=MAX_MESSAGES), Tag("a list")],
        Discriminator(list_or_text),
    ] = Field(default_factory=list, description="At least one item, unless `prompt` is given.")
    instructions: str | None = None
    stream: bool | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    text: TextOptions | None = None
    tools: Annotated[list[ResponseTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: (
        Annotated[
            Annotated[Literal["none", "auto", "required"], Tag("a mode")]
            | Annotated[ResponseToolChoice, Tag("an object")],
            Discriminator(mode_or_object),
        ]
        | None
    ) = None
    parallel_tool_calls: bool | None = None
    include: Annotated[list[str], Field(max_length=MAX_INCLUDES)] | None = Field(
        None, description="`message.output_text.logprobs`; others are ignored."
    )
    metadata: dict[str, str] | None = Field(None, description="Given back with the answer.")
    store: bool | None = Field(None, description="Accepted; nothing is stored.")
    truncation: Literal["auto", "disabled"] | None = Field(
        None, description="Only `disabled`: a conversation says itself how it is trimmed."
    )
    previous_response_id: str | None = Field(None, description="Only null: nothing is stored.")
    conversation: ConversationReference | None = Field(
        None, description="What was said in it before comes before the input, which is kept in it."
    )
    prompt: PromptReference | None = Field(None, description="A prompt that is filled before the input.")
    background: bool | None = Field(None, description="Only false: nothing is stored.")
    user: str | None = Field(None, description="Accepted; not used.")
    reasoning: dict[str, JsonValue] | None = Field(None, description="Accepted; not used.")
    service_tier: str | None = Field(None, description="Accepted; not used.")
    safety_identifier: str | None = Field(None, description="Accepted; not used.")
    prompt_cache_key: str | None = Field(None, description="Accepted; not used.")
    max_tool_calls: int | None = Field(None, description="Accepted; counts tools that run on a server, here none.")
