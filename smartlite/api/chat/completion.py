"""An answer of the LLM stage as OpenAI's chat completion, whole or in chunks. Must not know what is asked."""

import base64
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from smartlite.api.chat.gathered import GatheredAnswer, total_usage
from smartlite.api.chat.logprobs import logprob_parts
from smartlite.api.schemas.chat import (
    AssistantMessage,
    ChatCompletion,
    ChatCompletionChunk,
    Choice,
    ChoiceLogprobs,
    ChunkChoice,
    CompletionUsage,
    Delta,
    ToolCallDeltaPart,
)
from smartlite.api.sse import Event
from smartlite.domain.ids import new_id
from smartlite.domain.llm import ChatEvent, ChatFinished, FinishReason, TextDelta, ToolCallDelta
from smartlite.domain.tts import SpeechChunk
from smartlite.domain.usage import TokenUsage


class Completion:
    """One answer on the wire: every chunk of it has the same id, time and model.

    Args:
        model: As the client wrote it.
        served_model: Which it is.
        logprobs: Whether they were asked for.
        spoken: Whether the answer is spoken.
    """

    def __init__(self, model: str, served_model: str, *, logprobs: bool = False, spoken: bool = False) -> None:
        self._model = model
        self._id = new_id("chatcmpl").replace("_", "-")
        self._created = int(time.time())
        # Clients compare fingerprints to see whether what answers has changed: that is the model behind the alias.
        self._fingerprint = f"fp_{served_model}"
        self._logprobs = logprobs
        self._audio_id = new_id("audio") if spoken else None

    def whole(self, answers: list[GatheredAnswer], speech: bytes = b"") -> ChatCompletion:
        """All answers, each gathered to its end.

        Args:
            answers: In their order.
            speech: The file of the first, where it is spoken.
        """
        return {
            "id": self._id,
            "object": "chat.completion",
            "created": self._created,
            "model": self._model,
            "choices": [self._whole_choice(index, answer, speech) for index, answer in enumerate(answers)],
            "usage": usage_part(total_usage(answers)),
            "system_fingerprint": self._fingerprint,
        }

    def _whole_choice(self, index: int, answer: GatheredAnswer, speech: bytes) -> Choice:
        calls, text = answer.calls, answer.text
        message: AssistantMessage = {
            "role": "assistant",
            "content": text or None if calls else text,
            "refusal": None,
            "annotations": [],
        }
        if calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in calls
            ]
        if speech and self._audio_id is not None:
            message["content"] = None
            message["audio"] = {
                "id": self._audio_id,
                "data": base64.b64encode(speech).decode("ascii"),
                "expires_at": self._created,
                "transcript": text,
            }
        return {
            "index": index,
            "message": message,
            "logprobs": {"content": logprob_parts(answer.logprobs), "refusal": None} if self._logprobs else None,
            "finish_reason": answer.end().finish_reason,
        }

    async def chunks(
        self, events: AsyncGenerator[tuple[int, ChatEvent | SpeechChunk], None], count: int, *, include_usage: bool
    ) -> AsyncGenerator[Event, None]:
        """The events of ``count`` answers as chunks, the speech of a spoken one among them.

        Raises:
            EngineFailed: One of them ended without its last event.
        """
        answers = [GatheredAnswer() for _ in range(count)]
        begun: set[int] = set()

        def chunk(choices: list[ChunkChoice], usage: CompletionUsage | None = None) -> ChatCompletionChunk:
            made: ChatCompletionChunk = {
                "id": self._id,
                "object": "chat.completion.chunk",
                "created": self._created,
                "model": self._model,
                "choices": choices,
                "system_fingerprint": self._fingerprint,
            }
            if include_usage:
                made["usage"] = usage
            return made

        async with aclosing(events):
            async for index, event in events:
                # Only now: until the stage has answered, an error must still be able to choose the HTTP status.
                if index not in begun:
                    begun.add(index)
                    yield chunk([_choice(index, self._first(event))])
                if isinstance(event, SpeechChunk):
                    data = base64.b64encode(event.data).decode("ascii")
                    yield chunk([_choice(index, {"audio": {"data": data}})])
                    continue
                answers[index].add(event)
                for choice in self._chunk_choices(index, event):
                    yield chunk([choice])
        usage = usage_part(total_usage(answers))
        if include_usage:
            yield chunk([], usage)

    def _first(self, event: object) -> Delta:
        if isinstance(event, ToolCallDelta):
            return {"role": "assistant", "content": None, "refusal": None}
        if self._audio_id is not None:
            return {"role": "assistant", "content": None, "refusal": None, "audio": {"id": self._audio_id}}
        return {"role": "assistant", "content": "", "refusal": None}

    def _chunk_choices(self, index: int, event: TextDelta | ToolCallDelta | ChatFinished) -> list[ChunkChoice]:
        match event:
            case TextDelta() if self._audio_id is not None:
                return [_choice(index, {"audio": {"transcript": event.text}})]
            case TextDelta():
                logprobs: ChoiceLogprobs | None = None
                if self._logprobs:
                    logprobs = {"content": logprob_parts(event.logprobs), "refusal": None}
                return [_choice(index, {"content": event.text}, logprobs=logprobs)]
            case ToolCallDelta():
                return [_choice(index, {"tool_calls": [_call_delta(event)]})]
            case ChatFinished():
                last = _choice(index, {}, event.finish_reason)
                if self._audio_id is None:
                    return [last]
                return [_choice(index, {"audio": {"expires_at": self._created}}), last]


def _choice(
    index: int, delta: Delta, finish_reason: FinishReason | None = None, *, logprobs: ChoiceLogprobs | None = None
) -> ChunkChoice:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}


def _call_delta(event: ToolCallDelta) -> ToolCallDeltaPart:
    part: ToolCallDeltaPart = {"index": event.index, "function": {"arguments": event.arguments}}
    if event.id is not None:
        part["id"] = event.id
        part["type"] = "function"
    if event.name is not None:
        part["function"]["name"] = event.name
    return part


def usage_part(usage: TokenUsage) -> CompletionUsage:
    """Tokens as OpenAI counts them."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
