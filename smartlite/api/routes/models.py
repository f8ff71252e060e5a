"""``/v1/models``: every name that requests may use. Must not know where models come from."""

from fastapi import APIRouter

from smartlite.api.openapi import error_responses
from smartlite.api.schemas.models import ModelList, ModelObject
from smartlite.api.services import ServicesDep

router = APIRouter(tags=["Models"])


@router.get("/models", summary="List models", responses=error_responses(405))
async def list_models(services: ServicesDep) -> ModelList:
    """Ids first, then aliases such as `whisper-1` and `tts-1`."""
    return ModelList(data=[ModelObject.of(name, model) for name, model in services.models.names()])


@router.get("/models/{model:path}", summary="Retrieve a model", responses=error_responses(404, 405))
async def retrieve_model(model: str, services: ServicesDep) -> ModelObject:
    """By id or alias; an alias is answered under its own name."""
    return ModelObject.of(model, services.models.find(model))
