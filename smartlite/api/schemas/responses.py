"""The answers of ``/v1/responses``. Must not know how an answer is made."""

from typing import Literal

from pydantic import JsonValue
from typing_extensions import TypedDict

from smartlite.api.schemas.chat import TokenLogprobPart

ResponseStatus = Literal["in_progress", "completed", "incomplete", "failed"]
ItemStatus = Literal["in_progress", "completed", "incomplete"]


class OutputText(TypedDict):
    """The text of a message."""

    type: Literal["output_text"]
    text: str
    annotations: list[str]
    """Always empty."""
    logprobs: list[TokenLogprobPart]


class OutputMessage(TypedDict):
    """What the model says."""

    id: str
    type: Literal["message"]
    role: Literal["assistant"]
    status: ItemStatus
    content: list[OutputText]


class FunctionCallItem(TypedDict):
    """A call that the model asks for."""

    id: str
    type: Literal["function_call"]
    status: ItemStatus
    call_id: str
    name: str
    arguments: str


OutputItem = OutputMessage | FunctionCallItem


class InputTokensDetails(TypedDict):
    """Parts of the prompt's tokens."""

    cached_tokens: int
    cache_write_tokens: int


class OutputTokensDetails(TypedDict):
    """Parts of the answer's tokens."""

    reasoning_tokens: int


class ResponseUsage(TypedDict):
    """Tokens of the answer."""

    input_tokens: int
    input_tokens_details: InputTokensDetails
    output_tokens: int
    output_tokens_details: OutputTokensDetails
    total_tokens: int


class IncompleteDetails(TypedDict):
    """Why the answer is not whole."""

    reason: Literal["max_output_tokens"]


class ResponseFailure(TypedDict):
    """Why there is no answer."""

    code: Literal["server_error"]
    message: str


class ConversationPart(TypedDict):
    """The conversation that an answer is a part of."""

    id: str


class PromptPart(TypedDict):
    """The prompt that was filled for it."""

    id: str
    version: str | None
    variables: dict[str, JsonValue] | None


class ResponseObject(TypedDict):
    """An answer, or how far it has come."""

    id: str
    object: Literal["response"]
    created_at: int
    completed_at: int | None
    status: ResponseStatus
    background: Literal[False]
    conversation: ConversationPart | None
    error: ResponseFailure | None
    incomplete_details: IncompleteDetails | None
    instructions: str | None
    max_output_tokens: int | None
    metadata: dict[str, str]
    model: str
    output: list[OutputItem]
    parallel_tool_calls: bool
    previous_response_id: None
    prompt: PromptPart | None
    reasoning: dict[str, None]
    store: Literal[False]
    temperature: float
    text: dict[str, JsonValue]
    tool_choice: JsonValue
    tools: list[JsonValue]
    top_logprobs: int
    top_p: float
    truncation: Literal["disabled"]
    usage: ResponseUsage | None
    user: str | None
