"""``POST /audio/speech``: text in, speech out as it is made, as OpenAI's API does it.

Must not know engines or codecs: the TTS stage gives the bytes of the file.
"""

import base64
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from smartlite.api.byte_stream import byte_response
from smartlite.api.flat import flat
from smartlite.api.json_body import read_json
from smartlite.api.kept_results import spoken
from smartlite.api.observation import Observation, observe
from smartlite.api.openapi import COMMON_ERRORS, error_responses, json_request_body
from smartlite.api.permissions import allowed_models, check_model, needs
from smartlite.api.schemas.speech import SpeechDeltaEvent, SpeechDoneEvent, SpeechRequest, SpeechUsage
from smartlite.api.services import Services, ServicesDep
from smartlite.api.spending import Spending, spending_of
from smartlite.api.sse import Event, sse_response
from smartlite.auth.scopes import Scope
from smartlite.domain.audio import CONTENT_TYPES
from smartlite.domain.language_tags import read_tag
from smartlite.domain.models import resolve_voice
from smartlite.domain.scripts import writing_of
from smartlite.domain.speaking import Speaker, choose_speaker, guess_language, languages_spoken, refuse_language
from smartlite.domain.stages import TTSStage
from smartlite.domain.tts import SpeakRequest, SpeechChunk, SpeechFinished, SynthesizeOptions
from smartlite.domain.usage import ModelUsage
from smartlite.errors import EngineFailed, InvalidRequest, TextEmpty, TextTooLong
from smartlite.language_detection import detect_language

router = APIRouter(prefix="/audio", tags=["Audio"], dependencies=[needs(Scope.TTS_SYNTHESIZE, is_reserving=True)])

_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The speech as one file, sent as it is made; or its events.",
        "content": {
            **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in CONTENT_TYPES.values()},
            "text/event-stream": {"schema": {"type": "string"}},
        },
    },
    **error_responses(*COMMON_ERRORS),
}
_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "short": {
        "summary": "An mp3 file",
        "value": {"model": "tts-1", "voice": "alloy", "input": "Speech recognition, language models and a voice."},
    },
    "slow": {
        "summary": "Slower, as wav, with the voice as an object",
        "value": {
            "model": "tts-1",
            "voice": {"id": "alloy"},
            "input": "One thing at a time.",
            "speed": 0.8,
            "response_format": "wav",
        },
    },
}


@router.post(
    "/speech",
    summary="Speak a text",
    response_class=Response,
    responses=_ANSWERS,
    openapi_extra=json_request_body(SpeechRequest, _EXAMPLES),
)
@flat
async def create_speech(request: Request, services: ServicesDep) -> Response:
    """Speech of a text; the first sentence is sent while the next is still being made."""
    body = await read_json(request, SpeechRequest)
    limit = services.settings.max_speech_characters
    if len(body.input) > limit:
        raise TextTooLong(
            f"'input' has {len(body.input)} characters; the longest text that is spoken has {limit}.", "input"
        )
    if not body.input.strip():
        raise TextEmpty("'input' holds no text to speak.", "input")
    speaker = await _choose(request, services, body)
    options = SynthesizeOptions(speaker.voice.id, body.speed, speaker.language, body.instructions)
    asked = SpeakRequest(body.input, speaker.model.id, options, body.response_format)
    worked = await spoken(request, services, body.cache, speaker.model, asked)
    spending = spending_of(request)
    if not worked.is_kept:
        await spending.reserve(ModelUsage(speaker.model.id, characters=len(body.input)))
    events = worked.stage.speak(asked) if worked.is_kept else _speak(worked.stage, asked, observe(request), spending)
    if body.stream_format == "sse":
        response = await sse_response(request, _events(events))
    else:
        file = _file(events)
        response = await byte_response(request, file, CONTENT_TYPES[body.response_format])
    response.headers.update(_headers(speaker) | worked.headers)
    return response


async def _choose(request: Request, services: Services, body: SpeechRequest) -> Speaker:
    """Who speaks: the voice asked for, or one that knows the text's language.

    Raises:
        InvalidRequest: 400, the language asked for is none, or nobody speaks it.
    """
    models = await services.directory()
    model = models.resolve(body.model, "tts")
    check_model(request, Scope.TTS_SYNTHESIZE, model.id)
    # Another model may speak in its place, but none that the key is not for.
    models = allowed_models(request, Scope.TTS_SYNTHESIZE, models)
    voice = resolve_voice(model, body.voice_name)
    if body.language is not None:
        language = read_tag(body.language)
        if language is None:
            raise InvalidRequest(
                f"'{body.language}' is not the tag of a language, such as 'de' or 'pt-BR'.", "language"
            )
        speaker = choose_speaker(models, model, voice, language)
        if speaker is None:
            raise refuse_language(models, body.language)
        return speaker
    if not services.settings.speech_language_detection:
        return Speaker(model, voice, voice.language)
    writing = writing_of(body.input)
    # The model is loaded only for a text that more than its script could tell something about.
    is_told = len(writing.languages) == 1 or not writing.letters or len(languages_spoken(models)) == 1
    likelihood = {} if is_told else await detect_language(body.input)
    for known in (likelihood, {}):
        language = guess_language(voice, writing, known)
        if speaker := choose_speaker(models, model, voice, language):
            return speaker
    return Speaker(model, voice, voice.language)


def _headers(speaker: Speaker) -> dict[str, str]:
    headers = {
        "x-smartlite-model": speaker.model.id,
        "x-smartlite-voice": speaker.voice.id,
        "x-smartlite-language": speaker.language,
    }
    if speaker.why:
        headers |= {"x-smartlite-fallback": speaker.model.engine, "x-smartlite-fallback-reason": speaker.why}
    return headers


async def _speak(
    stage: TTSStage, asked: SpeakRequest, observation: Observation, spending: Spending
) -> AsyncGenerator[SpeechChunk | SpeechFinished, None]:
    """The stage's events; what ends without SpeechFinished is a failure, not a short file."""
    began_s = observation.elapsed_s
    finished = False
    is_first = True
    try:
        async with aclosing(stage.speak(asked)) as events:
            async for event in events:
                if is_first:
                    observation.record("tts_first_audio", observation.elapsed_s - began_s)
                    is_first = False
                if isinstance(event, SpeechFinished):
                    finished = True
                    spending.use(ModelUsage(asked.model, audio_output_s=event.duration_s, characters=event.characters))
                yield event
    finally:
        if not is_first and not finished:  # who hangs up has had the text begun
            spending.use(ModelUsage(asked.model, characters=len(asked.text)))
    if not finished:
        raise EngineFailed("The speech synthesis ended before its end.")


async def _file(spoken: AsyncGenerator[SpeechChunk | SpeechFinished, None]) -> AsyncGenerator[bytes, None]:
    async with aclosing(spoken) as events:
        async for event in events:
            if isinstance(event, SpeechChunk):
                yield event.data


async def _events(spoken: AsyncGenerator[SpeechChunk | SpeechFinished, None]) -> AsyncGenerator[Event, None]:
    async with aclosing(spoken) as events:
        async for event in events:
            match event:
                case SpeechChunk():
                    yield SpeechDeltaEvent(audio=base64.b64encode(event.data).decode("ascii")).model_dump()
                case SpeechFinished():
                    yield SpeechDoneEvent(usage=SpeechUsage.of(event)).model_dump()
