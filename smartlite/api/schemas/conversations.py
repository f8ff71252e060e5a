"""Wire format of conversations and their items, OpenAI's. Must not know routes or how anything is kept."""

from collections.abc import Sequence
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict

from smartlite.api.schemas.responses_request import InputItem
from smartlite.domain.conversations import Conversation, Item, Strategy, Truncation

MAX_ITEMS_AT_ONCE: Final = 20
"""As with OpenAI."""
_NEXT: Final = "What to send as `after` for what follows; null at the end."
_Metadata = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], Annotated[str, StringConstraints(max_length=512)]],
    Field(max_length=16),
]
_Items = Annotated[list[InputItem], Field(max_length=MAX_ITEMS_AT_ONCE)]


class TruncationBody(BaseModel):
    """What becomes of a conversation that does not fit into the model's context."""

    model_config = ConfigDict(extra="forbid")

    strategy: Strategy = Field(
        "window",
        description="`window`: older messages are left out; `summary`: the model that answers sums them up.",
    )
    max_tokens: Annotated[int, Field(ge=64, le=10_000_000)] | None = Field(
        None, description="Of everything that the model is sent; what its context leaves beside the answer when absent."
    )

    @property
    def truncation(self) -> Truncation:
        """As the domain has it."""
        return Truncation(self.strategy, self.max_tokens)


class NewConversation(BaseModel):
    """Body of `POST /v1/conversations`."""

    model_config = ConfigDict(extra="forbid")

    metadata: _Metadata | None = None
    items: _Items | None = None
    truncation: TruncationBody | None = Field(None, description="Our own.")


class ConversationChange(BaseModel):
    """Body of `POST /v1/conversations/{conversation_id}`."""

    model_config = ConfigDict(extra="forbid")

    metadata: _Metadata | None = Field(None, description="In the place of the old; null or absent leaves that.")
    truncation: TruncationBody | None = Field(None, description="Our own; likewise.")


class NewItems(BaseModel):
    """Body of `POST /v1/conversations/{conversation_id}/items`."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[InputItem], Field(min_length=1, max_length=MAX_ITEMS_AT_ONCE)]


class ConversationObject(BaseModel):
    """A conversation, without what is said in it."""

    id: str
    object: Literal["conversation"] = "conversation"
    created_at: int = Field(description="Unix time in seconds.")
    updated_at: int
    metadata: dict[str, str]
    truncation: TruncationBody
    owner_id: str | None
    organization_id: str | None

    @classmethod
    def of(cls, found: Conversation) -> Self:
        """From the row."""
        truncation = TruncationBody(strategy=found.truncation.strategy, max_tokens=found.truncation.max_tokens)
        return cls(
            id=found.id,
            created_at=int(found.created_at.timestamp()),
            updated_at=int(found.updated_at.timestamp()),
            metadata=dict(found.metadata),
            truncation=truncation,
            owner_id=found.owner_id or None,
            organization_id=found.organization_id,
        )


class ConversationList(BaseModel):
    """A part of the conversations."""

    object: Literal["list"] = "list"
    data: list[ConversationObject]
    has_more: bool
    next: str | None = Field(description=_NEXT)


class ConversationDeleted(BaseModel):
    """What is told of a conversation that is no more."""

    id: str
    object: Literal["conversation.deleted"] = "conversation.deleted"
    deleted: Literal[True] = True


class ItemTextPart(TypedDict, total=False):
    """The text of a message; annotations and logprobs, always empty, are of what the assistant said."""

    type: Literal["input_text", "output_text"]
    text: str
    annotations: list[str]
    logprobs: list[str]


class ItemObject(TypedDict, total=False):
    """A message, a call of a function, or what it returned."""

    id: str
    type: Literal["message", "function_call", "function_call_output"]
    status: Literal["completed", "incomplete"]
    role: Literal["user", "assistant", "system"]
    content: list[ItemTextPart]
    call_id: str
    name: str
    arguments: str
    output: str


class ItemList(BaseModel):
    """A part of a conversation's items."""

    object: Literal["list"] = "list"
    data: list[ItemObject]
    first_id: str = Field(description="Empty where there is none.")
    last_id: str
    has_more: bool

    @classmethod
    def of(cls, items: Sequence[Item], has_more: bool) -> Self:
        """In the order in which they are given."""
        data = [item_object(item) for item in items]
        first, last = (items[0].id, items[-1].id) if items else ("", "")
        return cls(data=data, first_id=first, last_id=last, has_more=has_more)


class ConversationExport(BaseModel):
    """Everything that is kept of a conversation."""

    object: Literal["conversation.export"] = "conversation.export"
    conversation: ConversationObject
    summary: str | None = Field(description="Of what is not sent to models any more, where the strategy is `summary`.")
    items: list[ItemObject]


def item_object(item: Item) -> ItemObject:
    """An item as OpenAI has it."""
    content = item.content
    status: Any = "completed" if content.is_whole else "incomplete"
    if content.kind == "function_call":
        return {
            "id": item.id,
            "type": "function_call",
            "status": status,
            "call_id": content.call_id or "",
            "name": content.name or "",
            "arguments": content.text,
        }
    if content.kind == "function_call_output":
        return {
            "id": item.id,
            "type": "function_call_output",
            "status": status,
            "call_id": content.call_id or "",
            "output": content.text,
        }
    role: Any = content.role
    part: ItemTextPart = {"type": "input_text", "text": content.text}
    if role == "assistant":
        part = {"type": "output_text", "text": content.text, "annotations": [], "logprobs": []}
    return {"id": item.id, "type": "message", "status": status, "role": role, "content": [part]}
