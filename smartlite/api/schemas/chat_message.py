"""The messages of a chat as a client sends them. Must not know what a model can read."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Discriminator, Field, JsonValue, Tag

MAX_PARTS: Final = 256
MAX_CALLS: Final = 128
MAX_NAME_CHARACTERS: Final = 64
MAX_ID_CHARACTERS: Final = 256
FUNCTION_NAME: Final = r"^[a-zA-Z0-9_-]{1,64}$"

RecordingFormat = Literal["wav", "mp3", "flac", "ogg", "opus", "m4a", "mp4", "webm", "aac"]

FunctionName = Annotated[str, Field(pattern=FUNCTION_NAME)]
CallId = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARACTERS)]


def list_or_text(value: object) -> str:
    """Tell the branches of a field apart by the JSON type, so that an error speaks of the one that was meant."""
    return "a list" if isinstance(value, list) else "a text"


class InputAudio(BaseModel):
    """A recording within a message."""

    data: Annotated[str, Field(min_length=1, description="The file in base64.")]
    format: RecordingFormat = Field(description="What the file says of itself counts, not this.")


class ContentPart(BaseModel):
    """A part of a message: text, or a recording that is transcribed."""

    type: Literal["text", "image_url", "input_audio", "file", "refusal"] = Field(
        description="`image_url` and `file` are refused: the models here read text, and recordings once transcribed."
    )
    text: str | None = None
    refusal: str | None = None
    input_audio: InputAudio | None = None


Content = Annotated[
    Annotated[str, Tag("a text")]
    | Annotated[list[ContentPart], Field(min_length=1, max_length=MAX_PARTS), Tag("a list")],
    Discriminator(list_or_text),
]


class CalledFunction(BaseModel):
    """Which function was called, and how."""

    name: FunctionName
    arguments: str = Field(description="A JSON object as text.", examples=['{"city":"Lima"}'])


class CalledTool(BaseModel):
    """A call that the assistant asked for in an earlier turn."""

    id: CallId
    type: Literal["function"] = "function"
    function: CalledFunction


class ChatMessage(BaseModel):
    """One turn of the conversation."""

    role: Literal["developer", "system", "user", "assistant", "tool", "function"] = Field(
        description="`developer` is read as `system`; `function` is refused: its name is now `tool`."
    )
    content: Content | None = None
    name: Annotated[str, Field(min_length=1, max_length=MAX_NAME_CHARACTERS)] | None = None
    tool_calls: Annotated[list[CalledTool], Field(max_length=MAX_CALLS)] | None = None
    tool_call_id: CallId | None = Field(None, description="Of a tool's turn: the call that it answers.")
    refusal: str | None = None
    audio: dict[str, JsonValue] | None = Field(None, description="Only null: spoken answers are not kept.")
    function_call: JsonValue = Field(None, description="Only null: its name is now `tool_calls`.")
