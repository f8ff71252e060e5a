"""``POST /voice/turns``, our own: a spoken question in, a spoken answer out.

Must not know how a turn runs: the pipeline stage does the work.
"""

import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from smartlite.api.chat.kept import read_conversation, turn_of
from smartlite.api.chat.spoken_turn import KeptTurns
from smartlite.api.errors import error_body
from smartlite.api.forms import check_fields, form_openapi
from smartlite.api.multipart import read_form
from smartlite.api.observation import Observation, ObservationDep
from smartlite.api.openapi import COMMON_ERRORS, error_responses
from smartlite.api.permissions import check_model, needs
from smartlite.api.principal import principal_of
from smartlite.api.schemas.voice import (
    AudioDeltaEvent,
    AudioPart,
    AudioSummary,
    ReplyDeltaEvent,
    ReplyPart,
    TranscriptDoneEvent,
    TurnDoneEvent,
    VoiceTurnAnswer,
    VoiceTurnForm,
    rounded,
    transcript_part,
    usage_part,
)
from smartlite.api.services import ServicesDep
from smartlite.api.spending import Spending, spending_of
from smartlite.api.sse import Event, sse_response
from smartlite.api.streaming import stopped_when_client_leaves
from smartlite.auth.scopes import Scope
from smartlite.domain.audio import AudioFile
from smartlite.domain.estimates import DEFAULT_ANSWER_TOKENS, DEFAULT_REPLY_CHARACTERS, most_audio_s
from smartlite.domain.ids import new_id
from smartlite.domain.models import ModelDirectory, ModelTask, ServedModel, resolve_voice
from smartlite.domain.pipeline import (
    TurnAudio,
    TurnDone,
    TurnReplyDelta,
    TurnTranscript,
    VoiceTurnRequest,
)
from smartlite.domain.stages import PipelineStage
from smartlite.domain.usage import ModelUsage, TokenUsage, TurnUsage
from smartlite.errors import EngineFailed, SmartLiteError

router = APIRouter(prefix="/voice", tags=["Voice"], dependencies=[needs(Scope.VOICE_TURN)])

_FILE: Final = "The spoken question: wav, mp3, flac, ogg, opus, m4a, mp4, webm."
_EVENTS_EXAMPLE: Final = (
    'data: {"type":"turn.transcript.done","id":"turn_1","text":"What is it?","language":"en","duration_s":1.2}\n\n'
    'data: {"type":"turn.reply.delta","id":"turn_1","delta":"It is"}\n\n'
    'data: {"type":"turn.audio.delta","id":"turn_1","format":"mp3","audio":"SUQzBAA="}\n\n'
    'data: {"type":"turn.done","id":"turn_1","reply":{"text":"It is a demonstration."},'
    '"audio":{"format":"mp3","duration_s":1.4},"timings":{"asr":0.3,"first_audio":0.7,"total":1.1},'
    '"usage":{"audio_input_s":1.2,"prompt_tokens":40,"completion_tokens":6,"total_tokens":46,"characters":22,'
    '"audio_output_s":1.4}}\n\n'
)
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": VoiceTurnAnswer,
        "description": "The answer, or with `stream` its events: `turn.transcript.done`, then `turn.reply.delta` and "
        "`turn.audio.delta` as they are made, at last `turn.done`; `error` where it fails on the way.",
        "content": {
            "application/json": {},
            "text/event-stream": {"schema": {"type": "string"}, "example": _EVENTS_EXAMPLE},
        },
    },
    **error_responses(*COMMON_ERRORS, 409, 422),
}


@router.post(
    "/turns",
    summary="Ask aloud, be answered aloud",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra=form_openapi(VoiceTurnForm, _FILE),
)
async def create_turn(request: Request, services: ServicesDep, observation: ObservationDep) -> Response:
    """Transcribe a recording, have the language model answer it, and speak the answer.

    In a `conversation` the question and the answer are kept, as text; a second turn at the same time is a 409.
    """
    form = await read_form(request, services.settings.max_upload_bytes)
    fields = check_fields(form.fields, VoiceTurnForm)
    asked = _turn_request(await services.directory(), fields, form.audio)
    for model_id in (asked.asr_model, asked.llm_model, asked.tts_model):
        check_model(request, Scope.VOICE_TURN, model_id)
    spending = spending_of(request)
    await spending.reserve(
        ModelUsage(asked.asr_model, audio_input_s=most_audio_s(form.audio, services.settings.max_audio_duration_s)),
        ModelUsage(asked.llm_model, completion_tokens=DEFAULT_ANSWER_TOKENS),
        ModelUsage(asked.tts_model, characters=DEFAULT_REPLY_CHARACTERS),
    )
    stage: PipelineStage = services.pipeline
    if fields.conversation is not None:
        found = await read_conversation(services, principal_of(request), fields.conversation)
        llm = services.models.resolve(asked.llm_model, "llm")
        stage = KeptTurns(stage, turn_of(services, found, llm, None, spending.use))
    turn_id = new_id("turn")
    if fields.stream:
        return await sse_response(request, _events(stage, asked, turn_id, observation, spending))
    async with stopped_when_client_leaves(request.scope, request.receive):
        answer = await _run(stage, asked, turn_id, spending)
    _record(observation, answer.timings)
    return Response(answer.model_dump_json(), media_type="application/json")


def _turn_request(models: ModelDirectory, fields: VoiceTurnForm, audio: AudioFile) -> VoiceTurnRequest:
    tts_model = _model(models, fields.tts_model, "tts")
    return VoiceTurnRequest(
        audio=audio,
        asr_model=_model(models, fields.asr_model, "asr").id,
        llm_model=_model(models, fields.llm_model, "llm").id,
        tts_model=tts_model.id,
        voice=resolve_voice(tts_model, fields.voice).id,
        format=fields.response_format,
        language=fields.language,
        instructions=fields.instructions,
        whole=not fields.stream,
    )


def _model(models: ModelDirectory, name: str | None, task: ModelTask) -> ServedModel:
    if name is None:
        return models.default(task)
    return models.resolve(name, task, f"{task}_model")


async def _run(stage: PipelineStage, asked: VoiceTurnRequest, turn_id: str, spending: Spending) -> VoiceTurnAnswer:
    transcript: TurnTranscript | None = None
    done: TurnDone | None = None
    audio = bytearray()
    async with aclosing(_counted(stage, asked, spending)) as events:
        async for event in events:
            match event:
                case TurnTranscript():
                    transcript = event
                case TurnAudio():
                    audio += event.data
                case TurnDone():
                    done = event
                case TurnReplyDelta():
                    pass  # the last event has the whole text
    if transcript is None or done is None:
        raise EngineFailed("The voice turn ended without an answer.")
    return VoiceTurnAnswer(
        id=turn_id,
        transcript=transcript_part(transcript),
        reply=ReplyPart(text=done.reply_text),
        audio=AudioPart(
            format=asked.format,
            data=base64.b64encode(audio).decode("ascii"),
            duration_s=round(done.audio_duration_s, 3),
        ),
        timings=rounded(done.timings),
        usage=usage_part(done.usage),
    )


async def _events(
    stage: PipelineStage, asked: VoiceTurnRequest, turn_id: str, observation: Observation, spending: Spending
) -> AsyncGenerator[Event, None]:
    began_s = observation.elapsed_s
    has_begun = False
    is_done = False
    try:
        async with aclosing(_counted(stage, asked, spending)) as events:
            async for event in events:
                if isinstance(event, TurnTranscript):
                    observation.record("asr", observation.elapsed_s - began_s)
                elif isinstance(event, TurnDone):
                    is_done = True
                    _record(observation, event.timings)
                yield _event(event, asked, turn_id)
                has_begun = True
        if not is_done:
            raise EngineFailed("The voice turn ended without an answer.")
    except SmartLiteError as error:
        if not has_begun:
            raise
        observation.error_code = error.code
        yield {"type": "error", "id": turn_id, **error_body(error)}


async def _counted(
    stage: PipelineStage, asked: VoiceTurnRequest, spending: Spending
) -> AsyncGenerator[TurnTranscript | TurnReplyDelta | TurnAudio | TurnDone, None]:
    """The turn's events; who hangs up has used what was told until then."""
    heard_s, written, characters, is_spoken, usage = 0.0, 0, 0, False, None
    try:
        async with aclosing(stage.run_turn(asked)) as events:
            async for event in events:
                match event:
                    case TurnTranscript():
                        heard_s = event.duration_s
                    case TurnReplyDelta():
                        written += 1
                        characters += len(event.text)
                    case TurnAudio():
                        is_spoken = True
                    case TurnDone():
                        usage = event.usage
                yield event
    finally:
        if usage is not None:
            _count(spending, asked, usage)
        elif heard_s:
            so_far = TurnUsage(heard_s, TokenUsage(0, written), characters if is_spoken else 0, 0.0)
            _count(spending, asked, so_far)


def _count(spending: Spending, asked: VoiceTurnRequest, usage: TurnUsage) -> None:
    spending.use(ModelUsage(asked.asr_model, audio_input_s=usage.audio_input_s))
    spending.use(ModelUsage(asked.llm_model, usage.tokens.prompt_tokens, usage.tokens.completion_tokens))
    spending.use(ModelUsage(asked.tts_model, audio_output_s=usage.audio_output_s, characters=usage.characters))


def _record(observation: Observation, timings: Mapping[str, float]) -> None:
    for stage, seconds in timings.items():
        if stage != "total":  # the observation adds its own, which holds the upload too
            observation.record(stage, seconds)


def _event(
    event: TurnTranscript | TurnReplyDelta | TurnAudio | TurnDone, asked: VoiceTurnRequest, turn_id: str
) -> Event:
    match event:
        case TurnTranscript():
            return TranscriptDoneEvent(id=turn_id, **transcript_part(event).model_dump()).model_dump()
        case TurnReplyDelta():
            return ReplyDeltaEvent(id=turn_id, delta=event.text).model_dump()
        case TurnAudio():
            audio = base64.b64encode(event.data).decode("ascii")
            return AudioDeltaEvent(id=turn_id, format=asked.format, audio=audio).model_dump()
        case TurnDone():
            return TurnDoneEvent(
                id=turn_id,
                reply=ReplyPart(text=event.reply_text),
                audio=AudioSummary(format=asked.format, duration_s=round(event.audio_duration_s, 3)),
                timings=rounded(event.timings),
                usage=usage_part(event.usage),
            ).model_dump()
