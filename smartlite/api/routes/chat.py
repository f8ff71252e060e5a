"""``/v1/chat/completions``: OpenAI's chat format over the LLM stage. Must not know which engine answers."""

import asyncio
from typing import Final

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from smartlite.api.chat.asking import Asking, gather
from smartlite.api.chat.completion import Completion
from smartlite.api.chat.kept import calls_of, framed, read_conversation, read_prompt, turn_of
from smartlite.api.chat.messages import read_messages
from smartlite.api.chat.options import read_options
from smartlite.api.chat.recordings import Hearing
from smartlite.api.chat.spoken import Speaker, choose_speaker
from smartlite.api.flat import flat
from smartlite.api.json_body import read_json
from smartlite.api.observation import observe
from smartlite.api.openapi import COMMON_ERRORS, SERVED_LLM, error_responses, json_request_body
from smartlite.api.permissions import check_model, needs
from smartlite.api.principal import principal_of
from smartlite.api.schemas.chat import ChatCompletion
from smartlite.api.schemas.chat_request import ChatCompletionRequest
from smartlite.api.services import Services, ServicesDep
from smartlite.api.spending import spending_of
from smartlite.api.sse import sse_response
from smartlite.api.streaming import stopped_when_client_leaves
from smartlite.auth.scopes import Scope
from smartlite.errors import InvalidRequest, MissingParameter, UnsupportedParameter

router = APIRouter(tags=["Chat"], dependencies=[needs(Scope.LLM_CHAT, is_reserving=True)])

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
    "tool": {
        "summary": "A function that the model may call",
        "value": {
            "model": SERVED_LLM,
            "messages": [{"role": "user", "content": "What is the weather in Lima?"}],
            "max_completion_tokens": 64,
            "tools": [
                {
                    "type": "function",
                    "function": {
                        "name": "weather",
                        "description": "The weather in a city.",
                        "parameters": {
                            "type": "object",
                            "properties": {"city": {"type": "string"}},
                            "required": ["city"],
                        },
                    },
                }
            ],
        },
    },
    "schema": {
        "summary": "An answer that keeps to a JSON Schema",
        "value": {
            "model": SERVED_LLM,
            "messages": [{"role": "user", "content": "Name a city and its country."}],
            "max_completion_tokens": 64,
            "response_format": {
                "type": "json_schema",
                "json_schema": {
                    "name": "city",
                    "schema": {
                        "type": "object",
                        "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
                        "required": ["city", "country"],
                        "additionalProperties": False,
                    },
                },
            },
        },
    },
    "spoken": {
        "summary": "A spoken answer",
        "value": {
            "model": SERVED_LLM,
            "messages": [{"role": "user", "content": "Say good morning."}],
            "max_completion_tokens": 32,
            "modalities": ["text", "audio"],
            "audio": {"voice": "alloy", "format": "mp3"},
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
        **error_responses(*COMMON_ERRORS, 409),
    },
    openapi_extra=json_request_body(ChatCompletionRequest, _EXAMPLES),
)
@flat
async def create_chat_completion(request: Request, services: ServicesDep) -> Response:
    """OpenAI's chat completions. What the model cannot do is a 400 that says so; closing the connection stops the work.

    Recordings in messages are transcribed by the first speech recognition model; `modalities` with `audio` has the
    first speech synthesis model speak the answer. In a `conversation` what was asked and the answer are kept; a second
    turn at the same time is a 409.
    """
    body = await read_json(request, ChatCompletionRequest)
    asked, speaker = await _read(request, body, services)
    completion = Completion(body.model, asked.model, logprobs=asked.options.logprobs, spoken=speaker is not None)
    spending = spending_of(request)
    await asked.reserve(spending, services.settings.max_audio_duration_s)
    if speaker is not None:
        await speaker.reserve(asked.options)
    events = asked.events(services.llm, observe(request), spending)
    if body.stream:
        include_usage = body.stream_options is not None and body.stream_options.include_usage is True
        heard = speaker.alongside(events) if speaker else events
        chunks = completion.chunks(heard, asked.count, include_usage=include_usage)
        return await sse_response(request, chunks, done=True)
    async with stopped_when_client_leaves(request.scope, request.receive):
        answers = await gather(events, asked.count)
        speech = b""
        if speaker is not None and body.audio is not None:
            speech = await speaker.whole(answers[0].text, body.audio.format)
    return JSONResponse(completion.whole(answers, speech))


async def _read(request: Request, body: ChatCompletionRequest, services: Services) -> tuple[Asking, Speaker | None]:
    settings, principal = services.settings, principal_of(request)
    model = services.models.resolve(body.model, "llm")
    check_model(request, Scope.LLM_CHAT, model.id)
    if not body.messages and body.prompt is None:
        if "messages" not in body.model_fields_set:
            raise MissingParameter("Missing required parameter: 'messages'.", "messages")
        raise InvalidRequest("Invalid value for 'messages': it should have at least 1 message.", "messages")
    if body.conversation is not None and (body.n or 1) > 1:
        raise UnsupportedParameter("Unsupported value: 'n' must be 1 in a conversation.", "n")
    found = await read_conversation(services, principal, body.conversation) if body.conversation else None
    called = await calls_of(services, found, any(message.role == "tool" for message in body.messages))
    drafts = read_messages(body.messages, called)
    prompt = await read_prompt(services, principal, body.prompt) if body.prompt else None
    asked = framed(drafts, prompt)
    hearing = Hearing(services.asr, services.models, asked.drafts)
    if hearing.has_recordings:
        check_model(request, Scope.ASR_TRANSCRIBE, hearing.model)
    limits = settings.max_choices, settings.max_speech_characters
    if body.tools or body.response_format:
        # A thread: schemas as large as is allowed take a tenth of a second.
        options = await asyncio.to_thread(read_options, body, *limits)
    else:
        options = read_options(body, *limits)
    speaker = None
    if body.audio is not None:
        speaker = choose_speaker(services.tts, await services.directory(), body.audio.voice_name, spending_of(request))
        check_model(request, Scope.TTS_SYNTHESIZE, speaker.model)
    turn = turn_of(services, found, model, options.max_tokens, spending_of(request).use) if found else None
    is_whole = not body.stream
    return Asking(model.id, options, hearing, body.n or 1, turn, asked.frame, is_whole), speaker
