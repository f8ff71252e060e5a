"""``/audio/voices``: which voices speak, an extension; and OpenAI's making of voices, which is not offered.

Must not know how speech is made.
"""

from typing import Annotated

from fastapi import APIRouter, Query

from smartlite.api.openapi import error_responses
from smartlite.api.permissions import needs
from smartlite.api.schemas.voices import SpeechVoice, VoiceList
from smartlite.api.services import ServicesDep
from smartlite.auth.scopes import Scope
from smartlite.domain.language_tags import distance, read_tag
from smartlite.domain.speaking import spoken_by
from smartlite.errors import InvalidRequest, UnsupportedParameter

router = APIRouter(prefix="/audio", tags=["Audio"], dependencies=[needs(Scope.MODELS_READ)])

_Model = Annotated[str | None, Query(min_length=1, max_length=256, description="Only voices of this model.")]
_Language = Annotated[
    str | None, Query(min_length=2, max_length=35, description="Only voices that speak this language, such as `de`.")
]


@router.get("/voices", summary="List voices", responses=error_responses(400, 404, 405))
async def list_voices(services: ServicesDep, model: _Model = None, language: _Language = None) -> VoiceList:
    """Every voice of every speech synthesis model, the default model's first."""
    directory = await services.directory()
    if model is not None:
        models = [directory.resolve(model, "tts")]
    else:
        models = [each for each in directory.models if each.task == "tts"]
    tag = None if language is None else read_tag(language)
    if language is not None and tag is None:
        raise InvalidRequest(f"'{language}' is not the tag of a language, such as 'de' or 'pt-BR'.", "language")
    return VoiceList(
        data=[
            SpeechVoice.of(each, voice)
            for each in models
            for voice in each.voices
            if tag is None or any(distance(tag, spoken) is not None for spoken in spoken_by(voice))
        ]
    )


@router.post("/voices", include_in_schema=False)
@router.delete("/voices/{voice_id}", include_in_schema=False)
@router.get("/voice_consents", include_in_schema=False)
@router.post("/voice_consents", include_in_schema=False)
@router.get("/voice_consents/{consent_id}", include_in_schema=False)
@router.post("/voice_consents/{consent_id}", include_in_schema=False)
@router.delete("/voice_consents/{consent_id}", include_in_schema=False)
async def refuse_making() -> None:
    """Not offered: always a 400 that says so."""
    raise UnsupportedParameter(
        "This server makes no voices out of recordings or prompts, so it keeps no voices or consents of its clients. "
        "GET /v1/audio/voices lists the voices that speak."
    )
