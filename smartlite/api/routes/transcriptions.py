"""``POST /audio/transcriptions`` and ``/audio/translations``: a recording in, its text out, as OpenAI's API does it.

Must not know engines or codecs: what kind of recording it is, the ASR stage finds out.
"""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import PlainTextResponse, Response

from smartlite.api.forms import check_fields, form_openapi
from smartlite.api.kept_results import Worked, recognised
from smartlite.api.multipart import read_form
from smartlite.api.observation import Observation, ObservationDep
from smartlite.api.openapi import COMMON_ERRORS, error_responses
from smartlite.api.permissions import check_model, needs
from smartlite.api.schemas.caching import CacheOptions
from smartlite.api.schemas.transcription_form import Granularity, TranscriptionForm, TranslationForm
from smartlite.api.schemas.transcriptions import (
    TextDeltaEvent,
    TextDoneEvent,
    TranscriptionAnswer,
    TranslationAnswer,
    VerboseAnswer,
    detected,
    json_answer,
    logprobs,
    token_usage,
    verbose_answer,
)
from smartlite.api.services import Services, ServicesDep
from smartlite.api.spending import Spending, spending_of
from smartlite.api.sse import Event, sse_response
from smartlite.api.streaming import stopped_when_client_leaves
from smartlite.api.subtitles import to_srt, to_vtt
from smartlite.api.transcription_request import (
    caption_limits,
    check_supported,
    preprocessing,
    transcription_options,
    translation_options,
)
from smartlite.auth.scopes import Scope
from smartlite.domain.asr import (
    Segment,
    TranscribeRequest,
    Transcript,
    TranscriptEvent,
    TranscriptFinished,
    TranscriptInfo,
)
from smartlite.domain.captions import Caption, cut_captions, segment_captions
from smartlite.domain.estimates import most_audio_s
from smartlite.domain.stages import ASRStage
from smartlite.domain.usage import ModelUsage
from smartlite.errors import EngineFailed

router = APIRouter(prefix="/audio", tags=["Audio"])

_FILE: Final = "The recording: wav, mp3, flac, ogg, opus, m4a, mp4, webm. Its content decides the format, not its name."
_NO_END: Final = "The speech recognition ended without an answer."
_TEXTS: Final = {"schema": {"type": "string"}}


def _answers(json_model: type[BaseModel], *, streams: bool) -> dict[int | str, dict[str, Any]]:
    content: dict[str, Any] = {
        "application/json": {},
        "text/plain": _TEXTS,
        "text/vtt": _TEXTS,
        "application/x-subrip": _TEXTS,
    }
    if streams:
        content["text/event-stream"] = _TEXTS
    whole = {"model": json_model | VerboseAnswer, "description": "The text, as asked for.", "content": content}
    return {200: whole, **error_responses(*COMMON_ERRORS, 422)}


@router.post(
    "/transcriptions",
    dependencies=[needs(Scope.ASR_TRANSCRIBE)],
    summary="Transcribe a recording",
    response_class=Response,
    responses=_answers(TranscriptionAnswer, streams=True),
    openapi_extra=form_openapi(TranscriptionForm, _FILE),
)
async def create_transcription(request: Request, services: ServicesDep, observation: ObservationDep) -> Response:
    """Text of a recording in its own language, whole or as it is recognised."""
    form = await read_form(request, services.settings.max_upload_bytes)
    fields = check_fields(form.fields, TranscriptionForm)
    check_supported(fields)
    model = services.models.resolve(fields.model, "asr")
    check_model(request, Scope.ASR_TRANSCRIBE, model.id)
    asked = TranscribeRequest(form.audio, model.id, transcription_options(fields), preprocessing(fields))
    work = await _begin(request, services, fields.cache, asked, observation)
    if fields.stream:
        return work.marked(await sse_response(request, _events(work, asked)))
    transcript = await _transcribe(request, work, asked)
    if fields.response_format == "json":
        return work.marked(_json(json_answer(transcript, asked.options.logprobs)))
    return work.marked(_render(transcript, asked, fields, fields.timestamp_granularities))


@router.post(
    "/translations",
    dependencies=[needs(Scope.ASR_TRANSLATE)],
    summary="Translate a recording into English",
    response_class=Response,
    responses=_answers(TranslationAnswer, streams=False),
    openapi_extra=form_openapi(TranslationForm, _FILE),
)
async def create_translation(request: Request, services: ServicesDep, observation: ObservationDep) -> Response:
    """English text of a recording in any language that the model knows."""
    form = await read_form(request, services.settings.max_upload_bytes)
    fields = check_fields(form.fields, TranslationForm)
    model = services.models.resolve(fields.model, "asr")
    check_model(request, Scope.ASR_TRANSLATE, model.id)
    asked = TranscribeRequest(form.audio, model.id, translation_options(fields), preprocessing(fields))
    work = await _begin(request, services, fields.cache, asked, observation)
    transcript = await _transcribe(request, work, asked)
    if fields.response_format == "json":
        return work.marked(_json(TranslationAnswer(text=transcript.text)))
    return work.marked(_render(transcript, asked, fields, ("segment",)))


@dataclass(frozen=True, slots=True)
class _Work:
    """The stage that answers, and who is told of it: nobody where nothing is done."""

    worked: Worked[ASRStage]
    spending: Spending
    observation: Observation

    def transcribe(self, asked: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        return self.worked.stage.transcribe(asked)

    def use(self, used: ModelUsage) -> None:
        if not self.worked.is_kept:
            self.spending.use(used)

    def note_times(self, finished: TranscriptFinished) -> None:
        if not self.worked.is_kept:
            self.observation.record("decode", finished.decode_s)
            self.observation.record("asr", finished.transcribe_s)

    def marked(self, response: Response) -> Response:
        response.headers.update(self.worked.headers)
        return response


async def _begin(
    request: Request,
    services: Services,
    cache: bool | CacheOptions | None,
    asked: TranscribeRequest,
    observation: Observation,
) -> _Work:
    worked = await recognised(request, services, cache, asked)
    spending = spending_of(request)
    if not worked.is_kept:
        longest_s = most_audio_s(asked.audio, services.settings.max_audio_duration_s)
        await spending.reserve(ModelUsage(asked.model, audio_input_s=longest_s))
    return _Work(worked, spending, observation)


async def _transcribe(request: Request, work: _Work, asked: TranscribeRequest) -> Transcript:
    """Wait for the whole transcript; the work stops when the client hangs up."""
    info: TranscriptInfo | None = None
    finished: TranscriptFinished | None = None
    segments: list[Segment] = []
    async with stopped_when_client_leaves(request.scope, request.receive), aclosing(work.transcribe(asked)) as events:
        async for event in events:
            match event:
                case TranscriptInfo():
                    info = event
                    work.use(ModelUsage(asked.model, audio_input_s=event.duration_s))
                case Segment():
                    segments.append(event)
                case TranscriptFinished():
                    finished = event
    if info is None or finished is None:
        raise EngineFailed(_NO_END)
    work.note_times(finished)
    return Transcript(info, tuple(segments), finished)


async def _events(work: _Work, asked: TranscribeRequest) -> AsyncGenerator[Event, None]:
    text = ""
    info: TranscriptInfo | None = None
    finished = False
    segments: list[Segment] = []
    async with aclosing(work.transcribe(asked)) as events:
        async for event in events:
            match event:
                case TranscriptInfo():
                    info = event
                    work.use(ModelUsage(asked.model, audio_input_s=event.duration_s))
                case Segment():
                    segments.append(event)
                    # The leading space of the first segment is no part of the text, see Transcript.text.
                    delta = event.text if text else event.text.lstrip()
                    text += delta
                    if delta:
                        tokens = logprobs((event,)) if asked.options.logprobs else None
                        yield TextDeltaEvent(delta=delta, logprobs=tokens).model_dump(exclude_none=True)
                case TranscriptFinished():
                    finished = True
                    work.note_times(event)
    if info is None or not finished:
        raise EngineFailed(_NO_END)
    yield TextDoneEvent(
        text=text,
        languages=detected(info.language, text),
        logprobs=logprobs(segments) if asked.options.logprobs else None,
        usage=token_usage(info.duration_s, segments),
    ).model_dump(exclude_none=True)


def _render(
    transcript: Transcript,
    asked: TranscribeRequest,
    fields: TranscriptionForm | TranslationForm,
    granularities: tuple[Granularity, ...],
) -> Response:
    match fields.response_format:
        case "verbose_json":
            return _json(verbose_answer(transcript, asked.options.task, granularities))
        case "srt":
            captions = _captions(transcript, fields)
            return PlainTextResponse(to_srt(captions), media_type="application/x-subrip; charset=utf-8")
        case "vtt":
            return PlainTextResponse(to_vtt(_captions(transcript, fields)), media_type="text/vtt")
        case _:
            return PlainTextResponse(transcript.text + "\n")


def _captions(transcript: Transcript, fields: TranscriptionForm | TranslationForm) -> Iterable[Caption]:
    limits = caption_limits(fields)
    if limits is None:
        return segment_captions(transcript.segments)
    return cut_captions(transcript.segments, limits, transcript.info.duration_s)


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")
