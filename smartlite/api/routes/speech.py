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
from smartlite.api.json_body import read_json
from smartlite.api.observation import Observation, ObservationDep
from smartlite.api.openapi import COMMON_ERRORS, error_responses, json_request_body
from smartlite.api.schemas.speech import SpeechDeltaEvent, SpeechDoneEvent, SpeechRequest, SpeechUsage
from smartlite.api.services import ServicesDep
from smartlite.api.sse import Event, sse_response
from smartlite.domain.audio import CONTENT_TYPES
from smartlite.domain.models import resolve_voice
from smartlite.domain.stages import TTSStage
from smartlite.domain.tts import SpeakRequest, SpeechChunk, SpeechFinished, SynthesizeOptions
from smartlite.errors import EngineFailed, TextEmpty, TextTooLong

router = APIRouter(prefix="/audio", tags=["Audio"])

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
async def create_speech(request: Request, services: ServicesDep, observation: ObservationDep) -> Response:
    """Speech of a text; the first sentence is sent while the next is still being made."""
    body = await read_json(request, SpeechRequest)
    limit = services.settings.max_speech_characters
    if len(body.input) > limit:
        raise TextTooLong(
            f"'input' has {len(body.input)} characters; the longest text that is spoken has {limit}.", "input"
        )
    if not body.input.strip():
        raise TextEmpty("'input' holds no text to speak.", "input")
    model = services.models.resolve(body.model, "tts")
    voice = resolve_voice(model, body.voice_name)
    asked = SpeakRequest(body.input, model.id, SynthesizeOptions(voice.id, body.speed), body.response_format)
    if body.stream_format == "sse":
        return await sse_response(request, _events(services.tts, asked, observation))
    return await byte_response(request, _file(services.tts, asked, observation), CONTENT_TYPES[body.response_format])


async def _speak(
    stage: TTSStage, asked: SpeakRequest, observation: Observation
) -> AsyncGenerator[SpeechChunk | SpeechFinished, None]:
    """The stage's events; what ends without SpeechFinished is a failure, not a short file."""
    began_s = observation.elapsed_s
    finished = False
    is_first = True
    async with aclosing(stage.speak(asked)) as events:
        async for event in events:
            if is_first:
                observation.record("tts_first_audio", observation.elapsed_s - began_s)
                is_first = False
            finished = isinstance(event, SpeechFinished)
            yield event
    if not finished:
        raise EngineFailed("The speech synthesis ended before its end.")


async def _file(stage: TTSStage, asked: SpeakRequest, observation: Observation) -> AsyncGenerator[bytes, None]:
    async with aclosing(_speak(stage, asked, observation)) as events:
        async for event in events:
            if isinstance(event, SpeechChunk):
                yield event.data


async def _events(stage: TTSStage, asked: SpeakRequest, observation: Observation) -> AsyncGenerator[Event, None]:
    async with aclosing(_speak(stage, asked, observation)) as events:
        async for event in events:
            match event:
                case SpeechChunk():
                    yield SpeechDeltaEvent(audio=base64.b64encode(event.data).decode("ascii")).model_dump()
                case SpeechFinished():
                    usage = SpeechUsage(characters=event.characters, seconds=round(event.duration_s, 3))
                    yield SpeechDoneEvent(usage=usage).model_dump()
