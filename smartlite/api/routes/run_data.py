"""``/v1/runs/{run_id}``: its events as they happen, the bytes of its media, its picture. Must not know how it runs."""

from pathlib import PurePosixPath
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from smartlite.api.byte_range import PARTIAL, RANGE_HEADERS, ranged_response
from smartlite.api.openapi import error_responses
from smartlite.api.permissions import needs
from smartlite.api.pipeline_access import run_of
from smartlite.api.principal import PrincipalDep
from smartlite.api.run_media import content_type_in
from smartlite.api.run_stream import last_seen, run_events
from smartlite.api.services import MediaDep, RunsDep, ServicesDep
from smartlite.api.sse import sse_response
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import Access
from smartlite.errors import NotFound
from smartlite.jobs.media import MEDIA_PREFIX, TenantMedia, tenant_of
from smartlite.pipeline.timeline import timeline

router = APIRouter(prefix="/runs/{run_id}", tags=["Pipelines"])

_READ: Final = [needs(Scope.PIPELINES_READ)]
_ABSENT: Final = error_responses(400, 404)
_TEXT: Final = {"schema": {"type": "string"}}
_SVG: Final = "image/svg+xml"
_INERT: Final = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Of what somebody else made, should a browser show it."""
_LAST_EVENT_ID: Final[dict[str, Any]] = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "What a browser sends that comes back: the number of the last event that it has.",
    "schema": {"type": "string", "pattern": "^[0-9]{1,9}$"},
}


@router.get(
    "/events",
    summary="Follow a run",
    dependencies=_READ,
    response_class=Response,
    responses={
        200: {"description": "Server-sent events.", "content": {"text/event-stream": _TEXT}},
        **_ABSENT,
    },
    openapi_extra={"parameters": [_LAST_EVENT_ID]},
)
async def follow_run(
    request: Request,
    run_id: str,
    services: ServicesDep,
    runs: RunsDep,
    principal: PrincipalDep,
    after: Annotated[
        int | None, Query(ge=0, le=999_999_999, description="Only what follows the event of this number.")
    ] = None,
    audio: Annotated[bool, Query(description="Whether speech is told while it is made.")] = False,
) -> Response:
    """What happened so far and what happens until its end; `run` comes first, `run.result` last, both unnumbered.

    `step.audio` has no number either: it is told while it is made, and never again.
    """
    run = await run_of(services, principal, run_id, Access.READ)
    return await sse_response(request, run_events(runs, run, last_seen(request, after), audio=audio), named=True)


@router.get(
    "/media/{key:path}",
    summary="Retrieve media of a run",
    dependencies=_READ,
    response_class=Response,
    responses={
        200: {
            "description": "The bytes.",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        **PARTIAL,
        **error_responses(400, 404, 416),
    },
    openapi_extra={"parameters": list(RANGE_HEADERS)},
)
async def retrieve_media(
    request: Request,
    run_id: str,
    key: str,
    services: ServicesDep,
    runs: RunsDep,
    media: MediaDep,
    principal: PrincipalDep,
) -> Response:
    """What its inputs, outputs and steps hold, by the `url` that is told there; `Range` asks for a part of it."""
    run = await run_of(services, principal, run_id, Access.READ)
    stored = f"{MEDIA_PREFIX}{key}"
    content_type = content_type_in(run, await runs.steps(run.id), stored, await runs.ancestors(run))
    if content_type is None:
        raise NotFound(f"There is no file '{stored[:128]}'.", "key")
    data = await TenantMedia(media, tenant_of(run)).get(stored)
    name = "".join(each if each.isascii() and (each.isalnum() or each in "._-") else "_" for each in _name(key))
    headers = {"content-disposition": f'attachment; filename="{name}"', "content-security-policy": _INERT}
    return ranged_response(request, data, f"{run.user_id}/{stored}", content_type, headers)


@router.get(
    "/timeline.svg",
    summary="Draw a run",
    dependencies=_READ,
    response_class=Response,
    responses={200: {"description": "When which step ran.", "content": {_SVG: _TEXT}}, **_ABSENT},
)
async def draw_timeline(run_id: str, services: ServicesDep, runs: RunsDep, principal: PrincipalDep) -> Response:
    """Its steps over time, as a picture."""
    run = await run_of(services, principal, run_id, Access.READ)
    picture = timeline(run, await runs.steps(run.id), await runs.attempts(run.id))
    return Response(picture, media_type=_SVG, headers={"content-security-policy": _INERT})


def _name(key: str) -> str:
    return PurePosixPath(key).name[-128:]
