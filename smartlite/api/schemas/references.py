"""How a request names a prompt or a conversation that is kept. Must not know how either is kept."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, Tag

from smartlite.domain.pipelines import JSON

_Id = Annotated[str, Field(min_length=1, max_length=64)]


def _number_or_text(value: object) -> str:
    return "a text" if isinstance(value, str) else "a number"


def _id_or_object(value: object) -> str:
    return "an object" if isinstance(value, dict | BaseModel) else "an id"


class PromptReference(BaseModel):
    """A prompt of `/v1/prompts`, filled before the request's own messages."""

    model_config = ConfigDict(extra="forbid")

    id: _Id | None = Field(None, description="Its id; one's own prompt's name will do.")
    name: _Id | None = Field(None, description="In the place of `id`.")
    version: (
        Annotated[
            Annotated[int, Field(ge=1, le=999_999_999), Tag("a number")]
            | Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}$"), Tag("a text")],
            Discriminator(_number_or_text),
        ]
        | None
    ) = Field(None, description="The latest when absent.")
    variables: dict[str, JsonValue] | None = Field(None, description="Values by name.")

    @property
    def number(self) -> int | None:
        """The version, however it was written."""
        return None if self.version is None else int(self.version)

    @property
    def values(self) -> dict[str, JSON]:
        """The variables; a text in OpenAI's form is the text."""
        return {name: _text_of(value) for name, value in (self.variables or {}).items()}


class ConversationById(BaseModel):
    """A conversation by its id."""

    id: _Id


ConversationReference = Annotated[
    Annotated[_Id, Tag("an id")] | Annotated[ConversationById, Tag("an object")], Discriminator(_id_or_object)
]


def conversation_id(reference: str | ConversationById) -> str:
    """The id, however it was written."""
    return reference if isinstance(reference, str) else reference.id


def _text_of(value: JSON) -> JSON:
    if isinstance(value, dict) and value.get("type") == "input_text" and isinstance(value.get("text"), str):
        return value["text"]
    return value
