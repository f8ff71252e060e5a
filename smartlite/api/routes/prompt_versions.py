"""``/v1/prompts/{prompt}/versions``, ``/diff``, ``/render``: what versions say. Must not know how they are kept."""

import json
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from smartlite.api.json_body import read_json
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs
from smartlite.api.principal import PrincipalDep
from smartlite.api.prompt_access import prompt_of, prompt_version_of
from smartlite.api.schemas.prompts import (
    PromptDiff,
    PromptVersionDetail,
    PromptVersionList,
    PromptVersionObject,
    RenderedPrompt,
    RenderRequest,
)
from smartlite.api.services import PromptsDep, ServicesDep
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import Access
from smartlite.domain.prompts import PromptVersion
from smartlite.errors import InvalidRequest
from smartlite.jobs.prompts import filled, template_of
from smartlite.pipeline.spec import diff

router = APIRouter(prefix="/prompts/{prompt}", tags=["Prompts"])

_READ: Final = [needs(Scope.PROMPTS_READ)]
_ABSENT: Final = error_responses(400, 404)
_After = Annotated[str | None, Query(max_length=128, description="`next` of the part before.")]
_Limit = Annotated[int, Query(ge=1, le=200, description="Most entries.")]


@router.get("/versions", summary="List versions of a prompt", dependencies=_READ, responses=_ABSENT)
async def list_prompt_versions(
    prompt: str,
    services: ServicesDep,
    prompts: PromptsDep,
    principal: PrincipalDep,
    after: _After = None,
    limit: _Limit = 50,
) -> PromptVersionList:
    """The newest first, without their templates."""
    found = await prompt_of(services, principal, prompt, Access.READ)
    if after is not None and not (after.isascii() and after.isdecimal() and len(after) <= 9):
        raise InvalidRequest("'after' must be what the page before gave.", "after")
    page = await prompts.page_versions(found, after, limit)
    data = [PromptVersionObject.of(found, version) for version in page.items]
    return PromptVersionList(data=data, has_more=page.next is not None, next=page.next)


@router.get("/versions/{version}", summary="Retrieve a version of a prompt", dependencies=_READ, responses=_ABSENT)
async def retrieve_prompt_version(
    prompt: str, version: str, services: ServicesDep, principal: PrincipalDep
) -> PromptVersionDetail:
    """By its number, or `latest`."""
    found = await prompt_of(services, principal, prompt, Access.READ)
    return PromptVersionDetail.with_template(found, await prompt_version_of(services, found, version))


@router.get("/diff", summary="Compare two versions of a prompt", dependencies=_READ, responses=_ABSENT)
async def compare_prompt_versions(
    prompt: str,
    services: ServicesDep,
    prompts: PromptsDep,
    principal: PrincipalDep,
    from_: Annotated[
        int | None, Query(alias="from", ge=1, le=999_999_999, description="By default the one before `to`.")
    ] = None,
    to: Annotated[int | None, Query(ge=1, le=999_999_999, description="By default the latest.")] = None,
) -> PromptDiff:
    """Line by line."""
    found = await prompt_of(services, principal, prompt, Access.READ)
    new = await prompts.version(found, to)
    old = await prompts.version(found, from_ or max(new.version - 1, 1))
    return PromptDiff(
        prompt_id=found.id, from_version=old.version, to_version=new.version, text=diff(_lines(old), _lines(new))
    )


@router.post(
    "/render",
    summary="Fill a prompt",
    dependencies=_READ,
    responses=_ABSENT,
    openapi_extra=json_request_body(
        RenderRequest, {"translate": {"summary": "A variable", "value": {"variables": {"language": "German"}}}}
    ),
)
async def render_prompt(
    request: Request, prompt: str, services: ServicesDep, prompts: PromptsDep, principal: PrincipalDep
) -> RenderedPrompt:
    """The messages that a model would be sent."""
    body = await read_json(request, RenderRequest)
    version = await prompts.version(await prompt_of(services, principal, prompt, Access.READ), body.version)
    made = await filled(template_of(version), body.variables, "variables")
    return RenderedPrompt.of(version, made.messages)


def _lines(version: PromptVersion) -> str:
    return json.dumps(json.loads(version.source), ensure_ascii=False, indent=2) + "\n"
