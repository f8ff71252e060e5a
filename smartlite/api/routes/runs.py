"""``/v1/runs``: what became of runs of pipelines; whoever may ends or repeats them. Must not know how steps run."""

import asyncio
import re
from dataclasses import replace
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from smartlite.api.openapi import error_responses
from smartlite.api.permissions import needs
from smartlite.api.pipeline_access import owner_of, pipeline_of, run_of
from smartlite.api.principal import PrincipalDep, caller_of
from smartlite.api.run_answer import ACCEPTED, PREFER, answer_with
from smartlite.api.run_media import linked, linked_ref
from smartlite.api.run_rights import check_steps
from smartlite.api.run_stream import run_object
from smartlite.api.schemas.runs import AttemptObject, RunDetail, RunList, RunObject, RunSummary, StepList, StepObject
from smartlite.api.schemas.times import Instant
from smartlite.api.schemas.usage import ModelUsageObject
from smartlite.api.schemas.waterfall import WaterfallObject
from smartlite.api.services import PipelinesDep, RetentionDep, RunsDep, Services, ServicesDep
from smartlite.api.visitor import actor_of
from smartlite.auth.policies import missing, role_in
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import Access
from smartlite.domain.pipelines import PipelineQuery, RunState, StepRun
from smartlite.domain.principal import Principal
from smartlite.errors import InvalidRequest, NotFound, PermissionDenied
from smartlite.jobs.pipelines import PIPELINE_ID
from smartlite.jobs.request_document import REQUEST_ID
from smartlite.pipeline.spec import bound_inputs
from smartlite.pipeline.spec.kinds import GATEWAY_REQUEST
from smartlite.pipeline.waterfall import waterfall_of

router = APIRouter(prefix="/runs", tags=["Pipelines"])

_After = Annotated[str | None, Query(max_length=128, description="`next` of the part before.")]
_Limit = Annotated[int, Query(ge=1, le=200, description="Most entries.")]
_Id = Annotated[str | None, Query(max_length=64)]
_Time = Annotated[Instant | None, Query(description="With its time zone.")]
_ABSENT: Final = error_responses(400, 404)
_READ: Final = [needs(Scope.PIPELINES_READ)]
_RUN: Final = [needs(Scope.PIPELINES_RUN)]
_STEPS_AT_ONCE: Final = 1000


@router.get("", summary="List runs", dependencies=_READ, responses=_ABSENT)
async def list_runs(
    services: ServicesDep,
    runs: RunsDep,
    principal: PrincipalDep,
    pipeline: Annotated[
        str | None, Query(max_length=64, description="Its name or id; `gateway.request`: requests that became runs.")
    ] = None,
    state: Annotated[list[RunState] | None, Query(description="Several: any of them.")] = None,
    user_id: _Id = None,
    organization_id: _Id = None,
    since: _Time = None,
    until: _Time = None,
    after: _After = None,
    limit: _Limit = 50,
) -> RunList:
    """Newest first. Your own; as a member of an organization those that are for it, where you name it.

    With the scope `resources:admin` anybody's, or everybody's where no `user_id` is given.
    """
    query = PipelineQuery(
        pipeline_id=await _pipeline_id(services, principal, pipeline),
        user_id=_whose(principal, user_id, organization_id),
        organization_id=organization_id,
        states=tuple(state or ()),
        since=since,
        until=until,
    )
    page = await runs.page(query, after=after, limit=limit)
    data = [RunSummary(**RunSummary.summary(run)) for run in page.items]
    return RunList(data=data, has_more=page.next is not None, next=page.next)


@router.get("/{run_id}", summary="Retrieve a run", dependencies=_READ, responses=_ABSENT)
async def retrieve_run(
    run_id: str,
    services: ServicesDep,
    runs: RunsDep,
    principal: PrincipalDep,
    step_outputs: Annotated[bool, Query(description="Whether the output of each step is told too.")] = False,
) -> RunDetail:
    """With its steps and their attempts, 1000 of each at most; `/steps` has all of them."""
    run = await run_of(services, principal, run_id, Access.READ)
    steps = await runs.steps(run.id)
    attempts = await runs.attempts(run.id)
    usage = await runs.usage(run.id)
    return RunDetail(
        **run_object(run).model_dump(),
        steps=[_step(step, run.id, step_outputs) for step in steps],
        attempts=list(map(AttemptObject.of, attempts)),
        waterfall=WaterfallObject.of(waterfall_of(run, steps, attempts)),
        usage=[ModelUsageObject.of(used) for used in usage],
        cost_micros=sum(used.cost_micros for used in usage),
    )


@router.get("/{run_id}/steps", summary="List the steps of a run", dependencies=_READ, responses=_ABSENT)
async def list_steps(
    run_id: str,
    services: ServicesDep,
    runs: RunsDep,
    principal: PrincipalDep,
    after: _After = None,
    limit: Annotated[int, Query(ge=1, le=_STEPS_AT_ONCE, description="Most entries.")] = 100,
) -> StepList:
    """With their outputs; a large one is told by its address. Items of `for_each` follow their step."""
    run = await run_of(services, principal, run_id, Access.READ)
    found = await runs.steps(run.id, after=_place(after), limit=limit + 1)
    data = [_step(step, run.id, True) for step in found[:limit]]
    last = found[limit - 1] if len(found) > limit else None
    return StepList(data=data, has_more=last is not None, next=None if last is None else f"{last.item}:{last.step_id}")


@router.delete(
    "/{run_id}",
    summary="Remove a run",
    dependencies=_RUN,
    status_code=204,
    response_class=Response,
    responses=error_responses(400, 404, 409, 503),
)
async def remove_run(run_id: str, services: ServicesDep, retention: RetentionDep, principal: PrincipalDep) -> Response:
    """With its media. One that goes on is a 409, and so is one of which there is a replay, which shows what it made."""
    run = await run_of(services, principal, run_id, Access.WRITE)
    await retention.remove(run)
    return Response(status_code=204)


@router.post("/{run_id}/cancel", summary="Cancel a run", dependencies=_RUN, responses=_ABSENT)
async def cancel_run(
    request: Request, run_id: str, services: ServicesDep, runs: RunsDep, principal: PrincipalDep
) -> RunObject:
    """One that waits ends at once, one that runs within a second; one that has ended stays as it is."""
    run = await run_of(services, principal, run_id, Access.WRITE)
    is_own = run.user_id == owner_of(principal)
    return run_object(await runs.cancel(run.id, None if is_own else await actor_of(request, principal)))


@router.post(
    "/{run_id}/replay",
    summary="Run the same again",
    dependencies=_RUN,
    response_class=Response,
    responses={**ACCEPTED, **error_responses(400, 404, 429, 503)},
    openapi_extra={"parameters": [PREFER]},
)
async def replay_run(
    request: Request,
    run_id: str,
    services: ServicesDep,
    runs: RunsDep,
    pipelines: PipelinesDep,
    principal: PrincipalDep,
    from_: Annotated[
        str | None,
        Query(alias="from", max_length=64, description="A step: it is run again, and all that wait for it."),
    ] = None,
    version: Annotated[int | None, Query(ge=1, le=999_999_999, description="By default the run's own.")] = None,
) -> Response:
    """A new run with the same inputs; what steps gave that are not run again is taken over.

    Without `from`, those are run again that did not succeed. On another version, steps of the same ids count as the
    same. Only whose run it is replays it: what it reads and costs is theirs.
    """
    run = await run_of(services, principal, run_id, Access.WRITE)
    if run.user_id != owner_of(principal):
        raise PermissionDenied("A run is replayed only by whose it is.")
    on = None
    if version is not None:
        on = await pipelines.version(await pipeline_of(services, principal, run.pipeline_id, Access.READ), version)
    document = await asyncio.to_thread(pipelines.read, on.source if on else await runs.source(run.id))
    check_steps(principal, document, services.models)
    known = {name: value for name, value in run.inputs.items() if name in document.inputs}
    whose = caller_of(principal)
    asked = replace(run, inputs=bound_inputs(document.inputs, known), key_id=whose.key_id, scopes=whose.scopes)
    return await answer_with(request, runs, await runs.replay(asked, from_, on))


async def _pipeline_id(services: Services, principal: Principal, reference: str | None) -> str | None:
    """A pipeline that is no more still has runs, which are asked for by its id."""
    if reference is None or reference.startswith(PIPELINE_ID):
        return reference
    if reference in {GATEWAY_REQUEST, REQUEST_ID}:
        return REQUEST_ID
    return (await pipeline_of(services, principal, reference, Access.READ)).id


def _whose(principal: Principal, user_id: str | None, organization_id: str | None) -> str | None:
    """Whose runs are asked for: None for everybody's; another's is nobody's for those who may not see it."""
    if principal.may(Scope.RESOURCES_ADMIN) or role_in(principal, organization_id) is not None:
        return user_id
    if organization_id is not None:
        raise missing("organization", organization_id)
    if user_id not in {None, principal.user_id}:
        raise NotFound(f"There is no user '{user_id}'.", "user_id")
    return owner_of(principal)


def _step(step: StepRun, run_id: str, with_output: bool) -> StepObject:
    output = linked(step.output, run_id) if with_output else None
    return StepObject.of(step, output, linked_ref(step.output_ref, run_id))


def _place(after: str | None) -> tuple[str, int] | None:
    if after is None:
        return None
    item, colon, step_id = after.partition(":")
    if not colon or not re.fullmatch(r"-?[0-9]{1,9}", item, re.ASCII):
        raise InvalidRequest("'after' must be what the page before gave.", "after")
    return step_id, int(item)
