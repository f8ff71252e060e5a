"""Tools and forms of the answer as a client asks for them. Must not know how a model is held to them."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, Discriminator, Field, JsonValue, Tag

from smartlite.api.schemas.chat_message import FunctionName

MAX_TOOLS: Final = 128
MAX_DESCRIPTION_CHARACTERS: Final = 16_384

Description = Annotated[str, Field(max_length=MAX_DESCRIPTION_CHARACTERS)]


def mode_or_object(value: object) -> str:
    """Tell the branches of ``tool_choice`` apart by the JSON type."""
    return "an object" if isinstance(value, dict | BaseModel) else "a mode"


class FunctionDefinition(BaseModel):
    """A function that the model may ask its caller to call."""

    name: FunctionName
    description: Description | None = None
    parameters: dict[str, JsonValue] | None = Field(None, description="JSON Schema of the arguments, an object.")
    strict: bool | None = Field(None, description="Accepted; a call's arguments always keep to the schema.")


class ToolDefinition(BaseModel):
    """A tool; only functions."""

    type: Literal["function"]
    function: FunctionDefinition


class FunctionReference(BaseModel):
    """A function by its name."""

    name: FunctionName


class ToolReference(BaseModel):
    """A tool by its name."""

    type: Literal["function"]
    function: FunctionReference


class AllowedTools(BaseModel):
    """Which of the tools may be called this time."""

    mode: Literal["auto", "required"]
    tools: Annotated[list[ToolReference], Field(min_length=1, max_length=MAX_TOOLS)]


class NamedToolChoice(BaseModel):
    """The one tool that must be called, or those that may be."""

    type: Literal["function", "allowed_tools"]
    function: FunctionReference | None = None
    allowed_tools: AllowedTools | None = None


ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("a mode")] | Annotated[NamedToolChoice, Tag("an object")],
    Discriminator(mode_or_object),
]


class JSONSchemaFormat(BaseModel):
    """The schema that the answer keeps to."""

    name: FunctionName
    description: Description | None = None
    schema_: dict[str, JsonValue] | None = Field(None, alias="schema", description="JSON Schema; any object if absent.")
    strict: bool | None = Field(None, description="Accepted; the answer always keeps to the schema.")


class ResponseFormat(BaseModel):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JSONSchemaFormat | None = None
