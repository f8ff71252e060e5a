"""``POST /audio/transcriptions`` and ``/audio/translations``: a recording in, its text out, as OpenAI's API does it.

Must not know engines or codecs: what kind of recording it is, the ASR stage finds out.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import PlainTextResponse, Response

from smartlite.api.forms import check_fields, form_openapi
from smartlite.api.multipart import read_form
from smartlite.api.observation import Observation, ObservationDep
from smartlite.api.openapi import COMMON_ERRORS, error_responses
from smartlite.api.schemas.transcriptions import (
    DetectedLanguage,
    Granularity,
    TextDeltaEvent,
    TextDoneEvent,
    TranscriptionAnswer,
    TranscriptionForm,
    TranslationAnswer,
    TranslationForm,
    VerboseAnswer,
    json_answer,
    verbose_answer,
)
from smartlite.api.services import Services, ServicesDep
from smartlite.api.sse import Event, sse_response
from smartlite.api.streaming import stopped_when_client_leaves
from smartlite.api.subtitles import to_srt, to_vtt
from smartlite.domain.asr import (
    Segment,
    TranscribeOptions,
    TranscribeRequest,
    Transcript,
    TranscriptFinished,
    TranscriptInfo,
)
from smartlite.errors import EngineFailed, UnsupportedParameter

router = APIRouter(prefix="/audio", tags=["Audio"])

_FILE: Final = "The recording: wav, mp3, flac, ogg, opus, m4a, mp4, webm. Its content decides the format, not its name."
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
    summary="Transcribe a recording",
    response_class=Response,
    responses=_answers(TranscriptionAnswer, streams=True),
    openapi_extra=form_openapi(TranscriptionForm, _FILE),
)
async def create_transcription(request: Request, services: ServicesDep, observation: ObservationDep) -> Response:
    """Text of a recording in its own language, whole or as it is recognised."""
    form = await read_form(request, services.settings.max_upload_bytes)
    fields = check_fields(form.fields, TranscriptionForm)
    if fields.response_format == "diarized_json":
        raise UnsupportedParameter(
            "'response_format' cannot be 'diarized_json': no served model tells speakers apart.", "response_format"
        )
    if fields.include:
        raise UnsupportedParameter("'include' cannot be 'logprobs': no served model gives them.", "include")
    if fields.stream and fields.response_format not in ("json", "text"):
        raise UnsupportedParameter(
            f"'stream' needs the response_format 'json' or 'text', not '{fields.response_format}'.", "stream"
        )
    model = services.models.resolve(fields.model, "asr")
    options = TranscribeOptions(
        language=fields.language,
        prompt=fields.prompt,
        temperature=fields.temperature,
        word_timestamps=fields.response_format == "verbose_json" and "word" in fields.timestamp_granularities,
    )
    asked = TranscribeRequest(form.audio, model.id, options)
    if fields.stream:
        return await sse_response(request, _events(services, asked, observation))
    transcript = await _transcribe(request, services, asked, observation)
    if fields.response_format == "json":
        return _json(json_answer(transcript))
    return _render(transcript, asked, fields.response_format, fields.timestamp_granularities)


@router.post(
    "/translations",
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
    options = TranscribeOptions(task="translate", prompt=fields.prompt, temperature=fields.temperature)
    asked = TranscribeRequest(form.audio, model.id, options)
    transcript = await _transcribe(request, services, asked, observation)
    if fields.response_format == "json":
        return _json(TranslationAnswer(text=transcript.text))
    return _render(transcript, asked, fields.response_format, ("segment",))


async def _transcribe(
    request: Request, services: Services, asked: TranscribeRequest, observation: Observation
) -> Transcript:
    """Wait for the whole transcript; the work stops when the client hangs up."""
    info: TranscriptInfo | None = None
    finished: TranscriptFinished | None = None
    segments: list[Segment] = []
    async with stopped_when_client_leaves(request.receive), aclosing(services.asr.transcribe(asked)) as events:
        async for event in events:
            match event:
                case TranscriptInfo():
                    info = event
                case Segment():
                    segments.append(event)
                case TranscriptFinished():
                    finished = event
    if info is None or finished is None:
        raise EngineFailed("The speech recognition ended without an answer.")
    _note_times(observation, finished)
    return Transcript(info, tuple(segments), finished)


async def _events(
    services: Services, asked: TranscribeRequest, observation: Observation
) -> AsyncGenerator[Event, None]:
    text = ""
    languages: tuple[DetectedLanguage, ...] = ()
    async with aclosing(services.asr.transcribe(asked)) as events:
        async for event in events:
            match event:
                case TranscriptInfo():
                    languages = (DetectedLanguage(code=event.language),)
                case Segment():
                    # The leading space of the first segment is no part of the text, see Transcript.text.
                    delta = event.text if text else event.text.lstrip()
                    text += delta
                    if delta:
                        yield TextDeltaEvent(delta=delta).model_dump()
                case TranscriptFinished():
                    _note_times(observation, event)
    yield TextDoneEvent(text=text, languages=languages if text else ()).model_dump()


def _note_times(observation: Observation, finished: TranscriptFinished) -> None:
    observation.record("decode", finished.decode_s)
    observation.record("asr", finished.transcribe_s)


def _render(
    transcript: Transcript, asked: TranscribeRequest, response_format: str, granularities: tuple[Granularity, ...]
) -> Response:
    match response_format:
        case "verbose_json":
            return _json(verbose_answer(transcript, asked.options.task, granularities))
        case "srt":
            return PlainTextResponse(to_srt(transcript.segments), media_type="application/x-subrip; charset=utf-8")
        case "vtt":
            return PlainTextResponse(to_vtt(transcript.segments), media_type="text/vtt")
        case _:
            return PlainTextResponse(transcript.text + "\n")


def _json(answer: BaseModel) -> Response:
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")
