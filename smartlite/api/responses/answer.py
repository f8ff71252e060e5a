"""An answer of the LLM stage as OpenAI's response: its items, its events in order, the object at its end.

Must not know where events are sent.
"""

import time
from collections.abc import Mapping
from typing import Final

from smartlite.api.chat.logprobs import logprob_parts
from smartlite.api.errors import error_body
from smartlite.api.responses.echo import echoed
from smartlite.api.schemas.responses import FunctionCallItem, ItemStatus, OutputMessage, ResponseObject
from smartlite.api.schemas.responses_request import ResponseRequest
from smartlite.api.sse import Event
from smartlite.domain.ids import new_id
from smartlite.domain.llm import ChatEvent, ChatFinished, TextDelta, ToolCallDelta
from smartlite.errors import EngineFailed, SmartLiteError

_NO_CALL: Final = -1


class ResponseAnswer:
    """One response as it grows; each method gives the events that it causes, numbered in order."""

    def __init__(self, body: ResponseRequest) -> None:
        self.response: ResponseObject = echoed(body)
        self._sequence = 0
        self._message: OutputMessage | None = None
        self._call: FunctionCallItem | None = None
        self._call_index = _NO_CALL
        self._pieces: list[str] = []
        """Of the open item's text or arguments."""

    def begin(self) -> list[Event]:
        """The events before all others."""
        return [self._lifecycle("response.created"), self._lifecycle("response.in_progress")]

    def add(self, event: ChatEvent) -> list[Event]:
        """Take the next event of the stage.

        Raises:
            EngineFailed: A piece of a call is of an earlier call, or begins one without its id and name.
        """
        match event:
            case TextDelta():
                return self._text(event)
            case ToolCallDelta():
                return self._call_piece(event)
            case ChatFinished():
                return self._end(event)

    def _text(self, event: TextDelta) -> list[Event]:
        if not event.text and not event.logprobs:
            return []
        events = self._open_message()
        assert self._message is not None  # noqa: S101 - it was just opened
        part = self._message["content"][0]
        logprobs = logprob_parts(event.logprobs)
        self._pieces.append(event.text)
        part["logprobs"] += logprobs
        delta = {"content_index": 0, "delta": event.text, "logprobs": logprobs}
        return [*events, self._of_item("response.output_text.delta", self._message["id"], delta)]

    def _call_piece(self, event: ToolCallDelta) -> list[Event]:
        events: list[Event] = []
        if event.index != self._call_index:
            if event.index < self._call_index or event.id is None or event.name is None:
                raise EngineFailed("The language model's calls are out of order.")
            events += self._close("completed")
            self._call_index = event.index
            self._call = {
                "id": new_id("fc"),
                "type": "function_call",
                "status": "in_progress",
                "call_id": event.id,
                "name": event.name,
                "arguments": "",
            }
            events.append(self._add(self._call))
        if self._call is None:
            raise EngineFailed("The language model's calls are out of order.")
        if event.arguments:
            self._pieces.append(event.arguments)
            delta = {"delta": event.arguments}
            events.append(self._of_item("response.function_call_arguments.delta", self._call["id"], delta))
        return events

    def _end(self, event: ChatFinished) -> list[Event]:
        is_cut = event.finish_reason == "length"
        # Clients look for a message where nothing was called, even if it says nothing.
        events = [] if self.response["output"] else self._open_message()
        events += self._close("incomplete" if is_cut else "completed")
        usage = event.usage
        self.response["usage"] = {
            "input_tokens": usage.prompt_tokens,
            "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
            "output_tokens": usage.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.total_tokens,
        }
        if is_cut:
            self.response["status"] = "incomplete"
            self.response["incomplete_details"] = {"reason": "max_output_tokens"}
            return [*events, self._lifecycle("response.incomplete")]
        self.response["status"] = "completed"
        self.response["completed_at"] = int(time.time())
        return [*events, self._lifecycle("response.completed")]

    def check_ended(self) -> None:
        """Make sure that the last event came.

        Raises:
            EngineFailed: It did not.
        """
        if self.response["usage"] is None:
            raise EngineFailed("The LLM stage ended without its last event.")

    def fail(self, error: SmartLiteError) -> list[Event]:
        """Close what is open, and tell an error in the middle."""
        told = error_body(error)["error"]
        assert isinstance(told, dict)  # noqa: S101 - as OpenAI's error object is
        events = self._close("incomplete")
        self.response["status"] = "failed"
        self.response["error"] = {"code": "server_error", "message": told["message"]}
        said = {name: told[name] for name in ("code", "message", "param")}
        return [*events, self._numbered({"type": "error", **said}), self._lifecycle("response.failed")]

    def _open_message(self) -> list[Event]:
        if self._message is not None:
            return []
        events = self._close("completed")
        self._message = {
            "id": new_id("msg"),
            "type": "message",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        events.append(self._add(self._message))
        self._message["content"].append({"type": "output_text", "text": "", "annotations": [], "logprobs": []})
        part = {"content_index": 0, "part": dict(self._message["content"][0]) | {"logprobs": []}}
        return [*events, self._of_item("response.content_part.added", self._message["id"], part)]

    def _add(self, item: OutputMessage | FunctionCallItem) -> Event:
        self.response["output"].append(item)
        # A copy: the item goes on growing, and the event may not be written yet.
        shown = {**item, "content": []} if item["type"] == "message" else dict(item)
        return self._numbered({"type": "response.output_item.added", "output_index": self._output_index, "item": shown})

    def _close(self, status: ItemStatus) -> list[Event]:
        events: list[Event] = []
        text = "".join(self._pieces)
        self._pieces = []
        if self._message is not None:
            item_id, part = self._message["id"], self._message["content"][0]
            self._message["status"] = status
            part["text"] = text
            said = {"content_index": 0, "text": text, "logprobs": part["logprobs"]}
            events += [
                self._of_item("response.output_text.done", item_id, said),
                self._of_item("response.content_part.done", item_id, {"content_index": 0, "part": part}),
                self._done(self._message),
            ]
        if self._call is not None:
            self._call["status"] = status
            self._call["arguments"] = text
            called = {"name": self._call["name"], "arguments": self._call["arguments"]}
            events += [
                self._of_item("response.function_call_arguments.done", self._call["id"], called),
                self._done(self._call),
            ]
        self._message = self._call = None
        return events

    def _done(self, item: OutputMessage | FunctionCallItem) -> Event:
        return self._numbered({"type": "response.output_item.done", "output_index": self._output_index, "item": item})

    @property
    def _output_index(self) -> int:
        return len(self.response["output"]) - 1

    def _of_item(self, kind: str, item_id: str, fields: Mapping[str, object]) -> Event:
        return self._numbered({"type": kind, "item_id": item_id, "output_index": self._output_index, **fields})

    def _lifecycle(self, kind: str) -> Event:
        # A copy: the response goes on growing, and the event may not be written yet.
        response = {**self.response, "output": list(self.response["output"])}
        return self._numbered({"type": kind, "response": response})

    def _numbered(self, event: dict[str, object]) -> Event:
        event["sequence_number"] = self._sequence
        self._sequence += 1
        return event
