"""Reads tool calls out of an answer as it is written. Must not know grammars, prompts or models.

The grammar of ``tool_calling`` keeps answers to their form, so nothing else than it has to be understood here.
"""

import json
import re
from collections.abc import Iterator
from enum import Enum
from typing import Final

from smartlite.domain.ids import new_id
from smartlite.domain.llm import FinishReason, TextDelta, ToolCallDelta
from smartlite.engines.tool_calling import CALL_BEGIN, CALL_END

_HEAD: Final = re.compile(rf'\n?{CALL_BEGIN}{{"name": ("(?:[^"\\]|\\.)*"), "arguments": ')
_TAIL: Final = "}" + CALL_END


class _Part(Enum):
    """What comes next."""

    UNKNOWN = "unknown"
    TEXT = "text"
    HEAD = "head"
    ARGUMENTS = "arguments"
    TAIL = "tail"


class ToolCallReader:
    """Turns the text of one answer into text and calls; holds back no more than a call's head."""

    def __init__(self) -> None:
        self._part = _Part.UNKNOWN
        self._held: list[TextDelta] = []
        self._text = ""
        self._calls = 0
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def read(self, delta: TextDelta) -> Iterator[TextDelta | ToolCallDelta]:
        """Yield what a piece of the answer brings."""
        if self._part is _Part.TEXT:
            yield delta
            return
        self._text += delta.text
        if self._part is _Part.UNKNOWN:
            self._held.append(delta)
            if self._text.startswith(CALL_BEGIN):
                self._part = _Part.HEAD
                self._held.clear()
            elif not CALL_BEGIN.startswith(self._text):
                self._part = _Part.TEXT
                yield from self._held
                self._held.clear()
        while (event := self._next_call_event()) is not None:
            yield event

    def finish(self, reason: FinishReason) -> tuple[list[TextDelta], FinishReason]:
        """What was held back, and why the answer ended: ``length`` where a call was cut off."""
        held, self._held = self._held, []
        if self._part in (_Part.UNKNOWN, _Part.TEXT):
            return held, reason
        cut = self._part is not _Part.HEAD or bool(self._text.strip())
        return [], "length" if cut or reason == "length" else "tool_calls"

    def _next_call_event(self) -> ToolCallDelta | None:
        if self._part is _Part.TAIL and self._text.startswith(_TAIL):
            self._text = self._text[len(_TAIL) :]
            self._part = _Part.HEAD
        if self._part is _Part.HEAD and (match := _HEAD.match(self._text)):
            self._text = self._text[match.end() :]
            self._part = _Part.ARGUMENTS
            self._calls += 1
            return ToolCallDelta(self._calls - 1, new_id("call"), json.loads(match[1]), "")
        if self._part is _Part.ARGUMENTS and self._text:
            piece = self._text[: self._end_of_arguments()]
            self._text = self._text[len(piece) :]
            return ToolCallDelta(self._calls - 1, None, None, piece)
        return None

    def _end_of_arguments(self) -> int:
        """Where the object of arguments ends in the text; its length where it goes on."""
        for position, character in enumerate(self._text):
            if self._escaped:
                self._escaped = False
            elif self._in_string:
                self._escaped = character == "\\"
                self._in_string = character != '"'
            elif character == '"':
                self._in_string = True
            elif character in "{[":
                self._depth += 1
            elif character in "}]":
                self._depth -= 1
                if self._depth == 0:
                    self._part = _Part.TAIL
                    return position + 1
        return len(self._text)
