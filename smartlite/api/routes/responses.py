"""``/v1/responses``: OpenAI's responses over the LLM stage. Must not know which engine answers.

No response is stored: what came before is sent whole every time, or kept in a conversation.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from starlette.responses import JSONResponse

from smartlite.api.chat.asking import Asking
from smartlite.api.chat.choices import Indexed
from smartlite.api.chat.kept import calls_of, framed, read_conversation, read_prompt, turn_of
from smartlite.api.chat.recordings import Hearing
from smartlite.api.json_body import read_json
from smartlite.api.observation import Observation, ObservationDep
from smartlite.api.openapi import COMMON_ERRORS, SERVED_LLM, error_responses, json_request_body
from smartlite.api.permissions import check_model, needs
from smartlite.api.principal import principal_of
from smartlite.api.responses.answer import ResponseAnswer
from smartlite.api.responses.items import read_input
from smartlite.api.responses.options import read_options
from smartlite.api.schemas.responses import ResponseObject
from smartlite.api.schemas.responses_request import InputItem, ResponseRequest
from smartlite.api.services import ServicesDep
from smartlite.api.spending import spending_of
from smartlite.api.sse import Event, sse_response
from smartlite.api.streaming import stopped_when_client_leaves
from smartlite.auth.scopes import Scope
from smartlite.errors import InvalidRequest, MissingParameter, NotFound, SmartLiteError

router = APIRouter(prefix="/responses", tags=["Responses"], dependencies=[needs(Scope.LLM_CHAT)])

_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "text": {
        "summary": "A text",
        "value": {
            "model": SERVED_LLM,
            "instructions": "You answer in one short sentence.",
            "input": "What is the capital of France?",
            "max_output_tokens": 64,
        },
    },
    "stream": {
        "summary": "A conversation, answered by events",
        "value": {
            "model": SERVED_LLM,
            "input": [
                {"role": "user", "content": "My name is Ada."},
                {"role": "assistant", "content": "Hello, Ada."},
                {"role": "user", "content": [{"type": "input_text", "text": "What is my name?"}]},
            ],
            "max_output_tokens": 64,
            "stream": True,
        },
    },
}


@router.post(
    "",
    summary="Answer, in OpenAI's newer format",
    response_model=ResponseObject,
    responses={
        200: {
            "description": "The response; with `stream` its events, from `response.created` to `response.completed`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **error_responses(*COMMON_ERRORS, 409),
    },
    openapi_extra=json_request_body(ResponseRequest, _EXAMPLES),
)
async def create_response(request: Request, services: ServicesDep, observation: ObservationDep) -> Response:
    """OpenAI's responses: text, functions and schemas. No response is stored; closing the connection stops the work.

    In a `conversation` what was asked and the answer are kept; a second turn at the same time is a 409.
    """
    body = await read_json(request, ResponseRequest)
    principal = principal_of(request)
    model = services.models.resolve(body.model, "llm")
    check_model(request, Scope.LLM_CHAT, model.id)
    if not body.input and body.prompt is None:
        if "input" not in body.model_fields_set:
            raise MissingParameter("Missing required parameter: 'input'.", "input")
        if body.input != "":
            raise InvalidRequest("Invalid value for 'input': it should have at least 1 item.", "input")
    found = await read_conversation(services, principal, body.conversation) if body.conversation else None
    is_answer = any(isinstance(item, InputItem) and item.type == "function_call_output" for item in body.input)
    drafts = read_input(body.input, body.instructions, await calls_of(services, found, is_answer))
    prompt = await read_prompt(services, principal, body.prompt) if body.prompt else None
    framing = framed(drafts, prompt)
    hearing = Hearing(services.asr, services.models, framing.drafts)
    if hearing.has_recordings:
        check_model(request, Scope.ASR_TRANSCRIBE, hearing.model)
    # A thread: schemas as large as is allowed take a tenth of a second.
    options = await asyncio.to_thread(read_options, body)
    spending = spending_of(request)
    turn = turn_of(services, found, model, options.max_tokens, spending.use) if found else None
    asked = Asking(model.id, options, hearing, turn=turn, frame=framing.frame, is_whole=not body.stream)
    answer = ResponseAnswer(body)
    await asked.reserve(spending, services.settings.max_audio_duration_s)
    events = asked.events(services.llm, observation, spending)
    if body.stream:
        return await sse_response(request, _told(answer, events, observation), named=True)
    async with stopped_when_client_leaves(request.scope, request.receive), aclosing(events):
        async for _, event in events:
            answer.add(event)
    answer.check_ended()
    return JSONResponse(answer.response)


@router.get(
    "/{response_id}", summary="Say that no response is stored", status_code=404, responses=error_responses(404, 405)
)
async def get_response(response_id: str) -> Response:
    """Always 404: nothing is stored."""
    return await _no_response(response_id)


@router.delete("/{response_id}", include_in_schema=False)
@router.post("/{response_id}/cancel", include_in_schema=False)
@router.get("/{response_id}/input_items", include_in_schema=False)
async def _no_response(response_id: str) -> Response:
    raise NotFound("There is no such response: nothing is stored.", "response_id")


async def _told(
    answer: ResponseAnswer, events: AsyncGenerator[Indexed, None], observation: Observation
) -> AsyncGenerator[Event, None]:
    begun = False
    try:
        async with aclosing(events):
            async for _, event in events:
                # Only now: until the stage has answered, an error must still be able to choose the HTTP status.
                if not begun:
                    begun = True
                    for told in answer.begin():
                        yield told
                for told in answer.add(event):
                    yield told
        answer.check_ended()
    except SmartLiteError as error:
        if not begun:
            raise
        observation.error_code = error.code
        for told in answer.fail(error):
            yield told
