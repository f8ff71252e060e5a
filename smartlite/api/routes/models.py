"""``/v1/models``: every name that requests may use, and the state of its model. Must not know where models come from.

The list is asked for often and changes seldom: it is rendered once for each change of a state.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from smartlite.api.flat import flat
from smartlite.api.openapi import error_responses
from smartlite.api.permissions import needs
from smartlite.api.schemas.models import ModelList, ModelObject
from smartlite.api.services import ServicesDep
from smartlite.auth.scopes import Scope
from smartlite.domain.models import ModelDirectory, ModelState, ServedModel

router = APIRouter(tags=["Models"], dependencies=[needs(Scope.MODELS_READ)])


@dataclass(frozen=True, slots=True)
class _Rendered:
    states: Mapping[str, ModelState]
    models: ModelDirectory
    response: Response
    """Sent as often as it is asked for: nothing in it is of one request."""


@router.get("/models", summary="List models", response_model=ModelList, responses=error_responses(405))
@flat
async def list_models(request: Request, services: ServicesDep) -> Response:
    """Ids first, then aliases such as `whisper-1` and `tts-1`."""
    states, models = await services.status.models(), await services.directory()
    rendered: _Rendered | None = getattr(request.app.state, "rendered_models", None)
    if rendered is None or rendered.states != states or rendered.models != models:
        listed = [_describe(models, name, model, states) for name, model in models.names()]
        body = ModelList(data=listed).model_dump_json()
        rendered = _Rendered(dict(states), models, Response(body, media_type="application/json"))
        request.app.state.rendered_models = rendered
    return rendered.response


@router.get("/models/{model:path}", summary="Retrieve a model", responses=error_responses(404, 405))
async def retrieve_model(model: str, services: ServicesDep) -> ModelObject:
    """By id or alias; an alias is answered under its own name."""
    models = await services.directory()
    found = models.find(model)
    return _describe(models, model, found, await services.status.models())


def _describe(models: ModelDirectory, name: str, model: ServedModel, states: Mapping[str, ModelState]) -> ModelObject:
    is_default = models.default(model.task).id == model.id
    return ModelObject.of(name, model, states.get(model.id, "loading"), is_default)
