"""``/v1/chat/completions``: OpenAI's chat format over the LLM stage. Must not know which engine answers."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from smartlite.api.chat_request import to_domain
from smartlite.api.json_body import read_json
from smartlite.api.observation import Observation, ObservationDep
from smartlite.api.openapi import COMMON_ERRORS, SERVED_LLM, error_responses, json_request_body
from smartlite.api.schemas.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionRequest,
    ChunkChoice,
    CompletionUsage,
    Delta,
)
from smartlite.api.services import ServicesDep
from smartlite.api.sse import Event, sse_response
from smartlite.api.streaming import stopped_when_client_leaves
from smartlite.domain.ids import new_id
from smartlite.domain.llm import ChatEvent, ChatFinished, FinishReason, TextDelta, ToolCallDelta
from smartlite.domain.usage import TokenUsage
from smartlite.errors import EngineFailed

router = APIRouter(tags=["Chat"])

_EXAMPLES: Final = {
    "answer": {
        "summary": "A whole answer",
        "value": {
            "model": SERVED_LLM,
            "messages": [
                {"role": "system", "content": "You answer in one short sentence."},
                {"role": "user", "content": "What is the capital of France?"},
            ],
            "max_completion_tokens": 64,
            "temperature": 0,
        },
    },
    "stream": {
        "summary": "A stream with usage at its end",
        "value": {
            "model": SERVED_LLM,
            "messages": [{"role": "user", "content": "Count from one to five."}],
            "max_completion_tokens": 64,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
    },
}


@router.post(
    "/chat/completions",
    summary="Answer a conversation",
    response_model=ChatCompletion,
    responses={
        200: {
            "description": "The answer; with `stream` events `data: {chunk}` and `data: [DONE]`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **error_responses(*COMMON_ERRORS),
    },
    openapi_extra=json_request_body(ChatCompletionRequest, _EXAMPLES),
)
async def create_chat_completion(request: Request, services: ServicesDep, observation: ObservationDep) -> Response:
    """OpenAI's chat completions, text only. Closing the connection stops the work."""
    body = await read_json(request, ChatCompletionRequest)
    answer = _Answer(body.model, services.models.resolve(body.model, "llm").id)
    events = _timed(services.llm.chat(to_domain(body, answer.served_model)), observation)
    if body.stream:
        include_usage = body.stream_options is not None and body.stream_options.include_usage is True
        return await sse_response(request, answer.chunks(events, include_usage), done=True)
    async with stopped_when_client_leaves(request.receive):
        completion = await answer.whole(events)
    return JSONResponse(completion)


class _Answer:
    """One answer on the wire: every chunk of it has the same id, time and model."""

    def __init__(self, model: str, served_model: str) -> None:
        self.served_model = served_model
        self._model = model
        self._id = new_id("chatcmpl").replace("_", "-")
        self._created = int(time.time())
        # Clients compare fingerprints to see whether what answers has changed: that is the model behind the alias.
        self._fingerprint = f"fp_{served_model}"

    async def whole(self, events: AsyncGenerator[ChatEvent, None]) -> ChatCompletion:
        texts: list[str] = []
        async with aclosing(events):
            async for event in events:
                if isinstance(event, ToolCallDelta):
                    continue
                if isinstance(event, TextDelta):
                    texts.append(event.text)
                    continue
                return {
                    "id": self._id,
                    "object": "chat.completion",
                    "created": self._created,
                    "model": self._model,
                    "choices": [
                        {
                            "index": 0,
                            "message": {"role": "assistant", "content": "".join(texts), "refusal": None},
                            "logprobs": None,
                            "finish_reason": event.finish_reason,
                        }
                    ],
                    "usage": _usage(event.usage),
                    "system_fingerprint": self._fingerprint,
                }
        raise EngineFailed("The LLM stage ended without its last event.")

    async def chunks(self, events: AsyncGenerator[ChatEvent, None], include_usage: bool) -> AsyncGenerator[Event, None]:
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

        finished: ChatFinished | None = None
        async with aclosing(events):
            first = True
            async for event in events:
                # Only now: until the stage has answered, an error must still be able to choose the HTTP status.
                if first:
                    yield chunk([_choice({"role": "assistant", "content": "", "refusal": None})])
                    first = False
                if isinstance(event, ChatFinished):
                    finished = event
                    break
                if isinstance(event, ToolCallDelta):
                    continue
                yield chunk([_choice({"content": event.text})])
        if finished is None:
            raise EngineFailed("The LLM stage ended without its last event.")
        yield chunk([_choice({}, finished.finish_reason)])
        if include_usage:
            yield chunk([], _usage(finished.usage))


async def _timed(events: AsyncGenerator[ChatEvent, None], observation: Observation) -> AsyncGenerator[ChatEvent, None]:
    began = time.perf_counter()
    first = True
    async with aclosing(events):
        async for event in events:
            elapsed_s = time.perf_counter() - began
            if first:
                observation.record("llm_first", elapsed_s)
                first = False
            if isinstance(event, ChatFinished):
                observation.record("llm", elapsed_s)
            yield event


def _choice(delta: Delta, finish_reason: FinishReason | None = None) -> ChunkChoice:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _usage(usage: TokenUsage) -> CompletionUsage:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
