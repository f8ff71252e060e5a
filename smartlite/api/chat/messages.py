"""From the messages of a chat to the domain's, recordings in them left to be heard. Must not know HTTP or stages."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from smartlite.api.json_body import parse_json
from smartlite.api.schemas.chat_message import CalledTool, ChatMessage, ContentPart, InputAudio
from smartlite.domain.audio import EncodedAudio
from smartlite.domain.llm import Message, Role, ToolCall
from smartlite.errors import InvalidJSON, InvalidRequest, MissingParameter, UnsupportedParameter

MAX_RECORDINGS: Final = 16
"""In one request; they are heard one after the other."""

NOTHING_CALLED: Final[Mapping[str, str]] = {}
_ROLES: Final[dict[str, Role]] = {
    "developer": "system",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_UNREAD: Final = {"image_url": "images", "file": "files"}


@dataclass(frozen=True, slots=True)
class Recording:
    """Speech in the place of text."""

    audio: EncodedAudio
    param: str
    """The field that holds it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A message whose text is not whole until its recordings were heard."""

    message: Message
    """Its content is empty."""
    pieces: tuple[str | Recording, ...]

    def finish(self, texts: tuple[str, ...]) -> Message:
        """The message with its text, given the pieces as text."""
        return replace(self.message, content="\n".join(texts))


def read_messages(messages: list[ChatMessage], called: Mapping[str, str] = NOTHING_CALLED) -> tuple[Draft, ...]:
    """Translate a conversation.

    Args:
        messages: Of the request.
        called: The functions that were called before it, by the ids of the calls.

    Raises:
        MissingParameter: 400, a message or a part without its text, a tool's answer without its call.
        UnsupportedParameter: 400, a part that the models here cannot read.
        InvalidRequest: 400, a tool's answer to no call, arguments that are not JSON, audio that is not base64.
    """
    drafts: list[Draft] = []
    calls = CallLedger(called)
    for index, message in enumerate(messages):
        drafts.append(_draft(message, f"messages[{index}]", calls))
    check_recordings(drafts, "messages")
    return tuple(drafts)


def check_recordings(drafts: list[Draft], param: str) -> None:
    """Refuse more recordings than one request may hold.

    Raises:
        InvalidRequest: 400.
    """
    count = sum(isinstance(piece, Recording) for draft in drafts for piece in draft.pieces)
    if count > MAX_RECORDINGS:
        raise InvalidRequest(f"'{param}' holds {count} recordings; at most {MAX_RECORDINGS} are heard.", param)


class CallLedger:
    """The calls of a conversation so far, so that every tool's answer finds its own."""

    def __init__(self, called: Mapping[str, str] = NOTHING_CALLED) -> None:
        """Begin with the calls of before, by their ids."""
        self._names = dict(called)

    def open(self, call_id: str, name: str, arguments: str, param: str) -> ToolCall:
        """Note a call. ``param`` is the field that holds its arguments.

        Raises:
            InvalidRequest: 400, its arguments are not a JSON object.
        """
        text = arguments.strip() or "{}"  # what some servers say of a function without parameters
        try:
            is_object = isinstance(parse_json(text.encode("utf-8", "replace")), dict)
        except InvalidJSON:
            is_object = False
        if not is_object:
            raise InvalidRequest(f"'{param}' must be a JSON object as text.", param)
        self._names[call_id] = name
        return ToolCall(call_id, name, text)

    def name_of(self, call_id: str, param: str) -> str:
        """Find the name of the tool that was called.

        Raises:
            InvalidRequest: 400, there is no such call.
        """
        name = self._names.get(call_id)
        if name is None:
            raise InvalidRequest(f"'{param}' is not the id of an earlier tool call of this conversation.", param)
        return name


def _draft(message: ChatMessage, param: str, calls: CallLedger) -> Draft:
    role = _ROLES.get(message.role)
    if role is None:
        raise UnsupportedParameter(
            f"Unsupported value: '{param}.role' is the old name of 'tool': answer 'tool_calls' with the role 'tool'.",
            f"{param}.role",
        )
    _refuse_fields(message, param)
    made = Message(
        role,
        "",
        tool_calls=_calls(message.tool_calls or [], param, calls),
        tool_call_id=message.tool_call_id,
        name=message.name,
    )
    if role == "tool":
        if message.tool_call_id is None:
            raise MissingParameter(f"Missing required parameter: '{param}.tool_call_id'.", f"{param}.tool_call_id")
        made = replace(made, name=calls.name_of(message.tool_call_id, f"{param}.tool_call_id"))
    return Draft(made, _pieces(message, param))


def _refuse_fields(message: ChatMessage, param: str) -> None:
    if message.audio is not None:
        raise UnsupportedParameter(
            f"Unsupported parameter: '{param}.audio': spoken answers are not kept; send the transcript as 'content'.",
            f"{param}.audio",
        )
    if message.function_call is not None:
        raise UnsupportedParameter(
            f"Unsupported parameter: '{param}.function_call' is the old name of '{param}.tool_calls'; send that.",
            f"{param}.function_call",
        )
    if message.tool_calls and message.role != "assistant":
        raise InvalidRequest(f"'{param}.tool_calls' is only for the role 'assistant'.", f"{param}.tool_calls")
    if message.tool_call_id is not None and message.role != "tool":
        raise InvalidRequest(f"'{param}.tool_call_id' is only for the role 'tool'.", f"{param}.tool_call_id")


def _calls(called: list[CalledTool], param: str, calls: CallLedger) -> tuple[ToolCall, ...]:
    seen: set[str] = set()
    made = []
    for index, call in enumerate(called):
        place = f"{param}.tool_calls[{index}]"
        if call.id in seen:
            raise InvalidRequest(f"'{place}.id' is the id of an earlier call of the same message.", f"{place}.id")
        seen.add(call.id)
        made.append(calls.open(call.id, call.function.name, call.function.arguments, f"{place}.function.arguments"))
    return tuple(made)


def _pieces(message: ChatMessage, param: str) -> tuple[str | Recording, ...]:
    content = message.content
    if content is None:
        if message.role == "assistant" and (message.tool_calls or message.refusal is not None):
            return (message.refusal,) if message.refusal else ()
        raise MissingParameter(f"Missing required parameter: '{param}.content'.", f"{param}.content")
    if isinstance(content, str):
        return (content,)
    return tuple(_piece(part, message.role, f"{param}.content[{index}]") for index, part in enumerate(content))


def _piece(part: ContentPart, role: str, param: str) -> str | Recording:
    if part.type in _UNREAD:
        raise UnsupportedParameter(
            f"Unsupported value: '{param}.type' must be 'text' or 'input_audio': the models here do not read "
            f"{_UNREAD[part.type]}.",
            f"{param}.type",
        )
    if part.type == "input_audio":
        if role != "user":
            raise UnsupportedParameter(
                f"Unsupported value: '{param}.type': only messages of the role 'user' hold recordings.", f"{param}.type"
            )
        if part.input_audio is None:
            raise MissingParameter(f"Missing required parameter: '{param}.input_audio'.", f"{param}.input_audio")
        return read_recording(part.input_audio, f"{param}.input_audio.data")
    if part.type == "refusal" and role != "assistant":
        raise InvalidRequest(
            f"'{param}.type' can be 'refusal' only in messages of the role 'assistant'.", f"{param}.type"
        )
    text = part.text if part.type == "text" else part.refusal
    if text is None:
        raise MissingParameter(f"Missing required parameter: '{param}.{part.type}'.", f"{param}.{part.type}")
    return text


def read_recording(audio: InputAudio, param: str) -> Recording:
    """Decode the base64 of a recording; some clients send it as a data URL.

    Raises:
        InvalidRequest: 400, it is not base64.
    """
    encoded = audio.data.partition(",")[2] if audio.data.startswith("data:") else audio.data
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest(f"'{param}' is not base64.", param) from None
    return Recording(EncodedAudio(data, f"recording.{audio.format}"), param)
