"""One answer, put together from its events. Must not know wire formats."""

from dataclasses import dataclass, field

from smartlite.domain.llm import ChatEvent, ChatFinished, TextDelta, ToolCall, ToolCallDelta
from smartlite.domain.logprobs import TokenLogprob
from smartlite.domain.usage import TokenUsage
from smartlite.errors import EngineFailed


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    arguments: list[str]


@dataclass(slots=True)
class GatheredAnswer:
    """An answer as far as it has come."""

    logprobs: list[TokenLogprob] = field(default_factory=list)
    finished: ChatFinished | None = None
    _texts: list[str] = field(default_factory=list)
    _calls: dict[int, _Call] = field(default_factory=dict)

    def add(self, event: ChatEvent) -> None:
        """Take the next event.

        Raises:
            EngineFailed: A call begins without its id or name.
        """
        match event:
            case TextDelta():
                self._texts.append(event.text)
                self.logprobs.extend(event.logprobs)
            case ToolCallDelta():
                call = self._calls.get(event.index)
                if call is not None:
                    call.arguments.append(event.arguments)
                elif event.id is None or event.name is None:
                    raise EngineFailed("The language model began a call without its id and name.")
                else:
                    self._calls[event.index] = _Call(event.id, event.name, [event.arguments])
            case ChatFinished():
                self.finished = event

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._texts)

    @property
    def calls(self) -> list[ToolCall]:
        """The calls so far, in order."""
        return [ToolCall(call.id, call.name, "".join(call.arguments)) for _, call in sorted(self._calls.items())]

    def end(self) -> ChatFinished:
        """The last event.

        Raises:
            EngineFailed: It never came.
        """
        if self.finished is None:
            raise EngineFailed("The LLM stage ended without its last event.")
        return self.finished


def total_usage(answers: list[GatheredAnswer]) -> TokenUsage:
    """Tokens of several answers to one prompt, which is counted once.

    Raises:
        EngineFailed: One of them has not ended.
    """
    usages = [answer.end().usage for answer in answers]
    return TokenUsage(
        usages[0].prompt_tokens, sum(usage.completion_tokens for usage in usages), usages[0].cached_tokens
    )
