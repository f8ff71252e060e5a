"""Answers that have to keep to a grammar: checked as they come, calls read out of them. Must not know any model."""

from collections.abc import Iterator

from smartlite.domain.llm import ChatEvent, ChatFinished, TextDelta
from smartlite.engines.json_grammar import GrammarCheck
from smartlite.engines.tool_calling import Conversation
from smartlite.engines.tool_calling_reader import ToolCallReader


class ConstrainedAnswer:
    """Reads one answer to a conversation."""

    def __init__(self, conversation: Conversation) -> None:
        """Compile the grammar, if there is one; blocks, a second at most.

        Raises:
            InvalidRequest: 400, it cannot be compiled.
        """
        grammar = conversation.grammar
        self._check = None if grammar is None else GrammarCheck(grammar, conversation.param)
        self._reader = ToolCallReader() if conversation.may_call else None

    def read(self, event: ChatEvent) -> Iterator[ChatEvent]:
        """Yield what the caller gets for an event of the engine.

        Raises:
            InvalidRequest: 400, the library gave up a schema that is too complex.
        """
        if isinstance(event, TextDelta):
            if self._check is not None:
                self._check.take(event.text)
            yield from [event] if self._reader is None else self._reader.read(event)
        elif isinstance(event, ChatFinished) and self._reader is not None:
            held, reason = self._reader.finish(event.finish_reason)
            yield from held
            yield ChatFinished(reason, event.usage)
        else:
            yield event
