"""The wire format of ``/v1/embeddings``. Must not know how a vector is made."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag
from typing_extensions import TypedDict

from smartlite.api.schemas.chat_message import list_or_text
from smartlite.api.schemas.chat_request import ModelName

MAX_TEXTS: Final = 2048


def _refuse_tokens(value: object) -> object:
    if isinstance(value, list) and value and isinstance(value[0], int | list):
        msg = "arrays of tokens are not read, send text: a string or an array of strings"
        raise ValueError(msg)
    return value


_Text = Annotated[str, Field(min_length=1)]
Input = Annotated[
    Annotated[_Text, Tag("a text")] | Annotated[list[_Text], Field(min_length=1, max_length=MAX_TEXTS), Tag("a list")],
    Discriminator(list_or_text),
    BeforeValidator(_refuse_tokens),
]


class EmbeddingRequest(BaseModel):
    """What ``POST /v1/embeddings`` takes. Unknown fields are ignored, as official clients expect."""

    model: ModelName
    input: Input = Field(description="A text or several; arrays of tokens are refused.")
    encoding_format: Literal["float", "base64"] | None = Field(
        None, description="`base64` is 32-bit floats, little-endian; `float` if absent."
    )
    dimensions: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Only the model's own number: its vectors are not cut."
    )
    user: str | None = Field(None, description="Accepted; not used.")


class EmbeddingUsage(TypedDict):
    """Tokens of all texts."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingObject(TypedDict):
    """The vector of one text."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingList(TypedDict):
    """The vectors of all texts, in their order."""

    object: Literal["list"]
    data: list[EmbeddingObject]
    model: str
    usage: EmbeddingUsage
