"""``/v1/chat/completions``: OpenAI's chat format over the LLM stage. Must not know which engine answers."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from smartlite.api.chat.choices import Indexed, answer
from smartlite.api.chat.completion import Completion
from smartlite.api.chat.gathered import GatheredAnswer
from smartlite.api.chat.messages import read_messages
from smartlite.api.chat.options import read_options
from smartlite.api.chat.recordings import Hearing
from smartlite.api.chat.spoken import Speaker, choose_speaker
from smartlite.api.json_body import read_json
from smartlite.api.observation import Observation, ObservationDep
from smartlite.api.openapi import COMMON_ERRORS, SERVED_LLM, error_responses, json_request_body
from smartlite.api.schemas.chat import ChatCompletion
from smartlite.api.schemas.chat_request import ChatCompletionRequest
from smartlite.api.services import Services, ServicesDep
from smartlite.api.sse import sse_response
from smartlite.api.streaming import stopped_when_client_leaves
from smartlite.domain.llm import ChatFinished, ChatOptions, ChatRequest

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
    """OpenAI's chat completions. What the model cannot do is a 400 that says so; closing the connection stops the work.

    Recordings in messages are transcribed by the first speech recognition model; `modalities` with `audio` has the
    first speech synthesis model speak the answer.
    """
    body = await read_json(request, ChatCompletionRequest)
    asked = await _read(body, services)
    events = timed(asked.events(services), observation)
    if body.stream:
        include_usage = body.stream_options is not None and body.stream_options.include_usage is True
        spoken = asked.speaker.alongside(events) if asked.speaker else events
        chunks = asked.completion.chunks(spoken, asked.count, include_usage=include_usage)
        return await sse_response(request, chunks, done=True)
    async with stopped_when_client_leaves(request.receive):
        answers = await gather(events, asked.count)
        speech = b""
        if asked.speaker is not None and body.audio is not None:
            speech = await asked.speaker.whole(answers[0].text, body.audio.format)
    return JSONResponse(asked.completion.whole(answers, speech))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that passed every check that needs no stage."""

    model: str
    options: ChatOptions
    count: int
    hearing: Hearing
    completion: Completion
    speaker: Speaker | None

    async def events(self, services: Services) -> AsyncGenerator[Indexed, None]:
        asked = ChatRequest(self.model, await self.hearing.messages(), self.options)
        async with aclosing(answer(services.llm, asked, self.count)) as events:
            async for event in events:
                yield event


async def _read(body: ChatCompletionRequest, services: Services) -> _Asked:
    settings = services.settings
    model = services.models.resolve(body.model, "llm").id
    drafts = read_messages(body.messages)
    # A thread: schemas as large as is allowed take a tenth of a second.
    options = await asyncio.to_thread(read_options, body, settings.max_choices, settings.max_speech_characters)
    speaker = None
    if body.audio is not None:
        speaker = choose_speaker(services.tts, services.models, body.audio.voice_name)
    return _Asked(
        model,
        options,
        body.n or 1,
        Hearing(services.asr, services.models, drafts),
        Completion(body.model, model, logprobs=options.logprobs, spoken=speaker is not None),
        speaker,
    )


async def gather(events: AsyncGenerator[Indexed, None], count: int) -> list[GatheredAnswer]:
    """Wait for the end of every answer."""
    answers = [GatheredAnswer() for _ in range(count)]
    async with aclosing(events):
        async for index, event in events:
            answers[index].add(event)
    return answers


async def timed(events: AsyncGenerator[Indexed, None], observation: Observation) -> AsyncGenerator[Indexed, None]:
    """Note when the first event came and when the last answer ended."""
    began = time.perf_counter()
    first = True
    async with aclosing(events):
        async for index, event in events:
            elapsed_s = time.perf_counter() - began
            if first:
                observation.record("llm_first", elapsed_s)
                first = False
            if isinstance(event, ChatFinished):
                observation.record("llm", elapsed_s)
            yield index, event
