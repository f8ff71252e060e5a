"""From the items of a responses request to the domain's messages. Must not know HTTP or stages."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final, TypeVar

from smartlite.api.chat.messages import NOTHING_CALLED, CallLedger, Draft, Recording, check_recordings, read_recording
from smartlite.api.schemas.responses_request import InputItem, ItemContent, ItemPart
from smartlite.domain.llm import Message, Role
from smartlite.errors import InvalidRequest, MissingParameter, UnsupportedParameter

T = TypeVar("T")

_ROLES: Final[dict[str, Role]] = {
    "developer": "system",
    "system": "system",
    "user": "user",
    "assistant": "assistant",
}
_TEXT_PARTS: Final = ("input_text", "output_text", "text", "reasoning_text")


def read_input(
    given: str | list[InputItem],
    instructions: str | None,
    called: Mapping[str, str] = NOTHING_CALLED,
    param: str = "input",
) -> tuple[Draft, ...]:
    """Translate what was asked, the instructions before it.

    Args:
        given: Of the request.
        instructions: Likewise.
        called: The functions that were called before it, by the ids of the calls.
        param: The field that holds the items.

    Raises:
        MissingParameter: 400, an item without what makes it one.
        UnsupportedParameter: 400, an item or part that the models here cannot read.
        InvalidRequest: 400, an output of no call, arguments that are not JSON, audio that is not base64.
    """
    drafts: list[Draft] = []
    if instructions:
        drafts.append(Draft(Message("system", ""), (instructions,)))
    if isinstance(given, str):
        drafts.append(Draft(Message("user", ""), (given,)))
        return tuple(drafts)
    calls = CallLedger(called)
    for index, item in enumerate(given):
        _add(drafts, item, f"{param}[{index}]", calls)
    if given and not drafts:
        raise InvalidRequest(f"'{param}' must hold a message, a call or an output of one.", param)
    check_recordings(drafts, param)
    return tuple(drafts)


def _add(drafts: list[Draft], item: InputItem, param: str, calls: CallLedger) -> None:
    match item.type:
        case "message":
            drafts.append(_message(item, param))
        case "function_call":
            _add_call(drafts, item, param, calls)
        case "function_call_output":
            call_id = _needed(item.call_id, f"{param}.call_id")
            name = calls.name_of(call_id, f"{param}.call_id")
            pieces = _pieces(item.output, "tool", f"{param}.output")
            drafts.append(Draft(Message("tool", "", tool_call_id=call_id, name=name), pieces))
        case "reasoning":
            pass  # what another model thought; the models here are not shown it
        case "item_reference":
            raise UnsupportedParameter(
                f"Unsupported value: '{param}.type': nothing is stored, so nothing can be referred to; send the item.",
                f"{param}.type",
            )
        case _:
            raise UnsupportedParameter(
                f"Unsupported value: '{param}.type' must be 'message', 'function_call', 'function_call_output' or "
                "'reasoning'.",
                f"{param}.type",
            )


def _message(item: InputItem, param: str) -> Draft:
    role = _ROLES[_needed(item.role, f"{param}.role")]
    return Draft(Message(role, ""), _pieces(item.content, role, f"{param}.content"))


def _add_call(drafts: list[Draft], item: InputItem, param: str, calls: CallLedger) -> None:
    call = calls.open(
        _needed(item.call_id, f"{param}.call_id"),
        _needed(item.name, f"{param}.name"),
        _needed(item.arguments, f"{param}.arguments"),
        f"{param}.arguments",
    )
    # One turn of the model is one message, whatever it said and called in it: prompts are made of turns.
    if not drafts or drafts[-1].message.role != "assistant":
        drafts.append(Draft(Message("assistant", ""), ()))
    last = drafts[-1]
    if any(call.id == other.id for other in last.message.tool_calls):
        raise InvalidRequest(f"'{param}.call_id' is the id of an earlier call of the same turn.", f"{param}.call_id")
    drafts[-1] = Draft(replace(last.message, tool_calls=(*last.message.tool_calls, call)), last.pieces)


def _pieces(content: ItemContent | None, role: Role, param: str) -> tuple[str | Recording, ...]:
    if content is None:
        raise MissingParameter(f"Missing required parameter: '{param}'.", param)
    if isinstance(content, str):
        return (content,)
    return tuple(_piece(part, role, f"{param}[{index}]") for index, part in enumerate(content))


def _piece(part: ItemPart, role: Role, param: str) -> str | Recording:
    if part.type in _TEXT_PARTS:
        return _needed(part.text, f"{param}.text")
    if part.type == "refusal":
        return _needed(part.refusal, f"{param}.refusal")
    if part.type == "input_audio" and role == "user":
        return read_recording(_needed(part.input_audio, f"{param}.input_audio"), f"{param}.input_audio.data")
    raise UnsupportedParameter(
        f"Unsupported value: '{param}.type' must be 'input_text' or 'output_text', or in a message of the user "
        "'input_audio': the models here read nothing else.",
        f"{param}.type",
    )


def _needed(value: T | None, param: str) -> T:
    if value is None:
        raise MissingParameter(f"Missing required parameter: '{param}'.", param)
    return value
