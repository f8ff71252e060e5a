"""``/v1/pipelines/{pipeline}/versions``, ``/diff``, ``/graph``: what versions say. Must not know how they are kept."""

from dataclasses import asdict
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import PlainTextResponse, Response

from smartlite.api.document_body import YAML
from smartlite.api.openapi import error_responses
from smartlite.api.permissions import needs
from smartlite.api.pipeline_access import pipeline_of, version_of
from smartlite.api.principal import PrincipalDep
from smartlite.api.schemas.pipelines import ChangedNames, DiffObject, VersionDetail, VersionList, VersionObject
from smartlite.api.services import PipelinesDep, ServicesDep
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import Access
from smartlite.errors import InvalidRequest
from smartlite.pipeline.spec import changes, diff, mermaid, svg

router = APIRouter(prefix="/pipelines/{pipeline}", tags=["Pipelines"])

_READ: Final = [needs(Scope.PIPELINES_READ)]
_ABSENT: Final = error_responses(400, 404)
_After = Annotated[str | None, Query(max_length=128, description="`next` of the part before.")]
_Limit = Annotated[int, Query(ge=1, le=200, description="Most entries.")]
_Number = Annotated[int | None, Query(ge=1, le=999_999_999)]
_TEXT: Final = {"schema": {"type": "string"}}
_SVG: Final = "image/svg+xml"
_INERT: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Of a picture that somebody else's text is in."""


def _answers(description: str, *media_types: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": description, "content": dict.fromkeys(media_types, _TEXT)}, **_ABSENT}


@router.get("/versions", summary="List versions", dependencies=_READ, responses=_ABSENT)
async def list_versions(
    pipeline: str,
    services: ServicesDep,
    pipelines: PipelinesDep,
    principal: PrincipalDep,
    after: _After = None,
    limit: _Limit = 50,
) -> VersionList:
    """The newest first, without their documents."""
    found = await pipeline_of(services, principal, pipeline, Access.READ)
    if after is not None and not (after.isascii() and after.isdecimal() and len(after) <= 9):
        raise InvalidRequest("'after' must be what the page before gave.", "after")
    page = await pipelines.page_versions(found, after, limit)
    data = [VersionObject.of(found, version) for version in page.items]
    return VersionList(data=data, has_more=page.next is not None, next=page.next)


@router.get(
    "/versions/{version}",
    summary="Retrieve a version",
    dependencies=_READ,
    response_model=VersionDetail,
    responses={
        200: {"content": {YAML: _TEXT}, "description": "The version; where YAML is accepted, its text alone."},
        **_ABSENT,
    },
)
async def retrieve_version(
    request: Request, pipeline: str, version: str, services: ServicesDep, principal: PrincipalDep
) -> VersionDetail | Response:
    """By its number, or `latest`. `Accept: application/yaml` gives the document as it was written."""
    found = await pipeline_of(services, principal, pipeline, Access.READ)
    wanted = await version_of(services, found, version)
    if "yaml" in request.headers.get("accept", "").lower():
        name = f"{found.name}.v{wanted.version}.yaml"
        return Response(
            wanted.source, media_type=YAML, headers={"content-disposition": f'attachment; filename="{name}"'}
        )
    return VersionDetail.with_source(found, wanted)


@router.get("/diff", summary="Compare two versions", dependencies=_READ, responses=_ABSENT)
async def compare_versions(
    pipeline: str,
    services: ServicesDep,
    pipelines: PipelinesDep,
    principal: PrincipalDep,
    from_: Annotated[
        int | None, Query(alias="from", ge=1, le=999_999_999, description="By default the one before `to`.")
    ] = None,
    to: Annotated[int | None, Query(ge=1, le=999_999_999, description="By default the latest.")] = None,
) -> DiffObject:
    """The texts line by line, and what became of steps, inputs and outputs."""
    found = await pipeline_of(services, principal, pipeline, Access.READ)
    new = await pipelines.version(found, to)
    old = await pipelines.version(found, from_ or max(new.version - 1, 1))
    between = changes(pipelines.document(old), pipelines.document(new))
    return DiffObject(
        pipeline_id=found.id,
        from_version=old.version,
        to_version=new.version,
        text=diff(old.source, new.source),
        description_changed=between.description,
        steps=ChangedNames(**asdict(between.steps)),
        inputs=ChangedNames(**asdict(between.inputs)),
        outputs=ChangedNames(**asdict(between.outputs)),
    )


@router.get(
    "/graph",
    summary="Draw a pipeline",
    dependencies=_READ,
    response_class=Response,
    responses=_answers("The graph of the steps.", "text/plain", _SVG),
)
async def draw_graph(
    pipeline: str,
    services: ServicesDep,
    pipelines: PipelinesDep,
    principal: PrincipalDep,
    format: Annotated[Literal["mermaid", "svg"], Query()] = "mermaid",
    version: _Number = None,
) -> Response:
    """As Mermaid text, or as a picture."""
    found = await pipeline_of(services, principal, pipeline, Access.READ)
    document = pipelines.document(await pipelines.version(found, version))
    if format == "svg":
        return Response(svg(document), media_type=_SVG, headers={"content-security-policy": _INERT})
    return PlainTextResponse(mermaid(document))
