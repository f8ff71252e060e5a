"""``/v1/runs/{run_id}/result``: what a request that became a run was answered. Must not know who answered it."""

from typing import Any, Final

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from smartlite.api.openapi import error_responses
from smartlite.api.permissions import needs
from smartlite.api.pipeline_access import run_of
from smartlite.api.prefer import preference_of
from smartlite.api.principal import PrincipalDep
from smartlite.api.run_answer import PREFER
from smartlite.api.run_stream import run_object
from smartlite.api.schemas.runs import RunObject
from smartlite.api.services import MediaDep, RunsDep, ServicesDep
from smartlite.api.streaming import stopped_when_client_leaves
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import Access
from smartlite.domain.pipelines import ENDED, Run
from smartlite.errors import NotFound, RunUnanswered
from smartlite.jobs.media import TenantMedia, tenant_of
from smartlite.jobs.request_answers import answer_of
from smartlite.jobs.request_document import is_request

router = APIRouter(prefix="/runs/{run_id}", tags=["Pipelines"])

_AGAIN_S: Final = 1
_BYTES: Final = {"schema": {"type": "string", "format": "binary"}}
_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "What the request was answered.", "content": {"*/*": _BYTES}},
    202: {
        "model": RunObject,
        "description": "The run, which goes on.",
        "headers": {"retry-after": {"description": "When to ask again, in seconds.", "schema": {"type": "integer"}}},
    },
}


@router.get(
    "/result",
    summary="Retrieve what a request was answered",
    dependencies=[needs(Scope.PIPELINES_READ)],
    response_class=Response,
    responses={**_ANSWERS, **error_responses(400, 404, 409, 413, 422, 502, 504)},
    openapi_extra={"parameters": [PREFER]},
)
async def retrieve_result(
    request: Request, run_id: str, services: ServicesDep, runs: RunsDep, media: MediaDep, principal: PrincipalDep
) -> Response:
    """Of a request that was sent with `Prefer: respond-async`: its answer, status and bytes, errors included.

    While the run goes on 202, with `Prefer: wait=N` after up to N seconds. One that was cancelled has no answer: 409.
    """
    run = await run_of(services, principal, run_id, Access.READ)
    if not is_request(run):
        raise NotFound("This run is one of a pipeline: its outputs are in the run itself.", "run_id")
    preference = preference_of(request)
    if preference.wait_s and run.state not in ENDED:
        async with stopped_when_client_leaves(request.scope, request.receive):
            run = await runs.wait(run.id, preference.wait_s)
    if run.state not in ENDED:
        headers = {"retry-after": str(_AGAIN_S), **preference.applied}
        return JSONResponse(run_object(run).model_dump(mode="json"), 202, headers)
    answer = await answer_of(run, TenantMedia(media, tenant_of(run)))
    if answer is None:
        raise RunUnanswered(f"The request was answered nothing: {_why(run)}")
    return Response(answer.body, answer.status, {**answer.headers, **preference.applied})


def _why(run: Run) -> str:
    return "its run was cancelled." if run.error is None else run.error.message
