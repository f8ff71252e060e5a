"""``POST /v1/pipelines/{pipeline}/runs``: a run is started, and waited for or followed. Must not know how steps run."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from smartlite.api.kept_inputs import with_kept_files
from smartlite.api.openapi import error_responses
from smartlite.api.permissions import needs
from smartlite.api.pipeline_access import owner_of, pipeline_of
from smartlite.api.principal import PrincipalDep
from smartlite.api.run_answer import ACCEPTED, PREFER, answer_with
from smartlite.api.run_request import discard, given_inputs, media_of, read_run, run_request_body, store
from smartlite.api.run_rights import check_steps
from smartlite.api.run_stream import run_events
from smartlite.api.services import MediaDep, PipelinesDep, RunsDep, ServicesDep
from smartlite.api.sse import sse_response
from smartlite.auth.permissions import decide
from smartlite.auth.scopes import Scope
from smartlite.domain.ids import new_id
from smartlite.domain.organizations import Access
from smartlite.errors import RunQueueFull
from smartlite.jobs.media import TenantMedia
from smartlite.jobs.runs import Submission
from smartlite.pipeline.spec import bound_inputs

router = APIRouter(prefix="/pipelines/{pipeline}", tags=["Pipelines"])


@router.post(
    "/runs",
    summary="Start a run",
    dependencies=[needs(Scope.PIPELINES_RUN)],
    response_class=Response,
    responses={**ACCEPTED, **error_responses(400, 404, 413, 415, 429, 503)},
    openapi_extra={**run_request_body(), "parameters": [PREFER]},
)
async def start_run(
    request: Request,
    pipeline: str,
    services: ServicesDep,
    pipelines: PipelinesDep,
    runs: RunsDep,
    media: MediaDep,
    principal: PrincipalDep,
) -> Response:
    """With values for its inputs, or as a form with a file for each input that is audio or a file.

    In JSON such an input may be `{"file_id": "file_..."}`, a file that you keep.

    It goes on whether its client stays or leaves. What its steps do needs the scopes that the same requests need.
    """
    found = await pipeline_of(services, principal, pipeline, Access.READ)
    asked = await read_run(request, services.settings.max_upload_bytes)
    if asked.body.priority > 0:
        decide(principal, Scope.RESOURCES_ADMIN)
    version = await pipelines.version(found, asked.body.version)
    document = await asyncio.to_thread(pipelines.document, version)
    check_steps(principal, document, services.models)
    run_id = new_id("run")
    asked = await with_kept_files(services, principal, asked, document.inputs, request.scope)
    refs = media_of(asked, document.inputs, run_id)
    submission = Submission(
        user_id=owner_of(principal),
        organization_id=principal.organization_id,
        pipeline_id=found.id,
        pipeline_name=found.name,
        version=version.version,
        source=version.source,
        inputs=bound_inputs(document.inputs, given_inputs(asked, refs)),
        priority=asked.body.priority,
        run_id=run_id,
    )
    objects = TenantMedia(media, submission.user_id)
    await store(objects, asked, refs)
    try:
        run = await runs.submit(submission)
    except RunQueueFull:
        await discard(objects, refs)
        raise
    if asked.body.stream:
        events = run_events(runs, run, audio=asked.body.stream_audio)
        return await sse_response(request, events, named=True)
    return await answer_with(request, runs, run)
