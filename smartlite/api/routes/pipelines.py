"""``/v1/pipelines``: documents that are kept in versions. Must not know how they are kept, nor how they are run.

A pipeline is named by its id, or by its name: one's own, else the one that ships.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from smartlite.api.document_body import document_request_body, read_source
from smartlite.api.json_body import read_json
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs
from smartlite.api.pipeline_access import owner_of, pipeline_of, reader_of
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.pipelines import NewLatest, PipelineDetail, PipelineList, PipelineObject, VersionDetail
from smartlite.api.services import PipelinesDep, ServicesDep
from smartlite.api.visitor import actor_of
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import Access
from smartlite.pipeline.spec import json_schema

router = APIRouter(prefix="/pipelines", tags=["Pipelines"])

_After = Annotated[str | None, Query(max_length=128, description="`next` of the part before.")]
_Limit = Annotated[int, Query(ge=1, le=200, description="Most entries, beside those that ship.")]
_BAD: Final = error_responses(400)
_ABSENT: Final = error_responses(400, 404)
_READ: Final = [needs(Scope.PIPELINES_READ)]
_WRITE: Final = [needs(Scope.PIPELINES_WRITE)]


@router.get("", summary="List pipelines", dependencies=_READ, responses=_BAD)
async def list_pipelines(
    pipelines: PipelinesDep, principal: PrincipalDep, after: _After = None, limit: _Limit = 50
) -> PipelineList:
    """Those that ship first; then your own, those of your organizations, and those that are shared with you."""
    page = await pipelines.page(reader_of(principal), after, limit)
    found = [*(() if after else pipelines.built_in), *page.items]
    return PipelineList(data=list(map(PipelineObject.of, found)), has_more=page.next is not None, next=page.next)


@router.post(
    "",
    summary="Make a pipeline",
    status_code=201,
    dependencies=_WRITE,
    responses=_BAD,
    openapi_extra=document_request_body(),
)
async def add_pipeline(request: Request, pipelines: PipelinesDep, principal: PrincipalDep) -> VersionDetail:
    """Called as its document says, which is its version 1; it belongs to the organization that you ask for, if any."""
    source = await read_source(request)
    actor = await actor_of(request, principal)
    saved = await pipelines.add(owner_of(principal), principal.organization_id, source, actor)
    return VersionDetail.with_source(saved.pipeline, saved.version)


@router.get("/schema", summary="Retrieve the schema of documents", dependencies=_READ)
async def retrieve_schema(pipelines: PipelinesDep) -> dict[str, object]:
    """JSON Schema, for editors and other programs; with the steps of packages that the operator installed."""
    return json_schema(pipelines.kinds)


@router.get("/{pipeline}", summary="Retrieve a pipeline", dependencies=_READ, responses=_ABSENT)
async def retrieve_pipeline(
    pipeline: str, services: ServicesDep, pipelines: PipelinesDep, principal: PrincipalDep
) -> PipelineDetail:
    """With what its latest version takes and does."""
    found = await pipeline_of(services, principal, pipeline, Access.READ)
    return PipelineDetail.with_document(found, pipelines.document(await pipelines.version(found)))


@router.put(
    "/{pipeline}",
    summary="Make a version",
    dependencies=_WRITE,
    responses={201: {"model": VersionDetail, "description": "A new version."}, **_ABSENT},
    openapi_extra=document_request_body(),
)
async def put_version(
    request: Request,
    response: Response,
    pipeline: str,
    services: ServicesDep,
    pipelines: PipelinesDep,
    principal: PrincipalDep,
) -> VersionDetail:
    """It is the latest from then on. A text that was a version before is that version again, and makes no new one."""
    source = await read_source(request)
    found = await pipeline_of(services, principal, pipeline, Access.WRITE)
    saved = await pipelines.put_version(found, source, owner_of(principal), await actor_of(request, principal))
    response.status_code = 201 if saved.is_new else 200
    return VersionDetail.with_source(saved.pipeline, saved.version)


@router.delete(
    "/{pipeline}", summary="Remove a pipeline", status_code=204, dependencies=_WRITE, responses=error_responses(404)
)
async def remove_pipeline(
    request: Request, pipeline: str, services: ServicesDep, pipelines: PipelinesDep, principal: PrincipalDep
) -> Response:
    """With its versions; its runs stay, with the document that they run."""
    found = await pipeline_of(services, principal, pipeline, Access.WRITE)
    await pipelines.remove(found, await actor_of(request, principal))
    return Response(status_code=204)


@router.post(
    "/{pipeline}/latest",
    summary="Choose the latest version",
    dependencies=_WRITE,
    responses=_ABSENT,
    openapi_extra=json_request_body(NewLatest, {}),
)
async def set_latest(
    request: Request, pipeline: str, services: ServicesDep, pipelines: PipelinesDep, principal: PrincipalDep
) -> PipelineObject:
    """The one that is meant where none is named; an older one, to go back."""
    body = await read_json(request, NewLatest)
    found = await pipeline_of(services, principal, pipeline, Access.WRITE)
    return PipelineObject.of(await pipelines.set_latest(found, body.version, await actor_of(request, principal)))
