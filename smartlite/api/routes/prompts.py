"""``/v1/prompts``: templates that are kept in versions. Must not know how they are kept or filled.

A prompt is named by its id, or one's own by its name.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response

from smartlite.api.json_body import read_json
from smartlite.api.openapi import error_responses, json_request_body
from smartlite.api.permissions import needs
from smartlite.api.pipeline_access import owner_of, reader_of
from smartlite.api.principal import PrincipalDep
from smartlite.api.prompt_access import prompt_of
from smartlite.api.schemas.prompts import (
    LatestPromptVersion,
    NewPrompt,
    NewPromptVersion,
    PromptDetail,
    PromptList,
    PromptObject,
    PromptVersionDetail,
)
from smartlite.api.services import PromptsDep, ServicesDep
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import Access
from smartlite.errors import InvalidRequest

router = APIRouter(prefix="/prompts", tags=["Prompts"])

_After = Annotated[str | None, Query(max_length=128, description="`next` of the part before.")]
_Limit = Annotated[int, Query(ge=1, le=200, description="Most entries.")]
_BAD: Final = error_responses(400, 413, 415)
_ABSENT: Final = error_responses(400, 404)
_READ: Final = [needs(Scope.PROMPTS_READ)]
_WRITE: Final = [needs(Scope.PROMPTS_WRITE)]
_TEMPLATE: Final = {
    "description": "Answers in another language.",
    "variables": {
        "language": {"type": "string"},
        "formal": {"type": "boolean", "required": False, "default": False},
    },
    "system": "You translate into {{ language }}{% if formal %}, in formal words{% endif %}.",
    "examples": [{"user": "Good morning.", "assistant": "Guten Morgen."}],
}
_NEW: Final = {"translate": {"summary": "A translator", "value": {"name": "translate", **_TEMPLATE}}}
_AGAIN: Final = {"translate": {"summary": "The translator again", "value": _TEMPLATE}}


@router.get("", summary="List prompts", dependencies=_READ, responses=error_responses(400))
async def list_prompts(
    prompts: PromptsDep, principal: PrincipalDep, after: _After = None, limit: _Limit = 50
) -> PromptList:
    """Your own, those of your organizations, and those that are shared with you."""
    page = await prompts.page(reader_of(principal), after, limit)
    return PromptList(data=list(map(PromptObject.of, page.items)), has_more=page.next is not None, next=page.next)


@router.post(
    "",
    summary="Make a prompt",
    status_code=201,
    dependencies=_WRITE,
    responses=_BAD,
    openapi_extra=json_request_body(NewPrompt, _NEW),
)
async def add_prompt(request: Request, prompts: PromptsDep, principal: PrincipalDep) -> PromptVersionDetail:
    """With its version 1; it belongs to the organization that you ask for, if any."""
    body = await read_json(request, NewPrompt)
    saved = await prompts.add(owner_of(principal), principal.organization_id, body.name, body.template())
    return PromptVersionDetail.with_template(saved.prompt, saved.version)


@router.get("/{prompt}", summary="Retrieve a prompt", dependencies=_READ, responses=_ABSENT)
async def retrieve_prompt(
    prompt: str, services: ServicesDep, prompts: PromptsDep, principal: PrincipalDep
) -> PromptDetail:
    """With what its latest version says."""
    found = await prompt_of(services, principal, prompt, Access.READ)
    return PromptDetail.with_version(found, await prompts.version(found))


@router.put(
    "/{prompt}",
    summary="Make a version of a prompt",
    dependencies=_WRITE,
    responses={
        201: {"model": PromptVersionDetail, "description": "A new version."},
        **error_responses(400, 404, 413, 415),
    },
    openapi_extra=json_request_body(NewPromptVersion, _AGAIN),
)
async def put_prompt_version(
    request: Request,
    response: Response,
    prompt: str,
    services: ServicesDep,
    prompts: PromptsDep,
    principal: PrincipalDep,
) -> PromptVersionDetail:
    """It is the latest from then on. A template that was a version before is that version again."""
    body = await read_json(request, NewPromptVersion)
    found = await prompt_of(services, principal, prompt, Access.WRITE)
    if body.name not in {None, found.name}:
        raise InvalidRequest(f"'name': this prompt is called '{found.name}', which cannot be changed.", "name")
    saved = await prompts.put_version(found, body.template(), owner_of(principal))
    response.status_code = 201 if saved.is_new else 200
    return PromptVersionDetail.with_template(saved.prompt, saved.version)


@router.delete(
    "/{prompt}", summary="Remove a prompt", status_code=204, dependencies=_WRITE, responses=error_responses(404)
)
async def remove_prompt(prompt: str, services: ServicesDep, prompts: PromptsDep, principal: PrincipalDep) -> Response:
    """With its versions; pipelines that use it fail from then on."""
    await prompts.remove(await prompt_of(services, principal, prompt, Access.WRITE))
    return Response(status_code=204)


@router.post(
    "/{prompt}/latest",
    summary="Choose the latest version of a prompt",
    dependencies=_WRITE,
    responses=_ABSENT,
    openapi_extra=json_request_body(LatestPromptVersion, {}),
)
async def set_latest_prompt_version(
    request: Request, prompt: str, services: ServicesDep, prompts: PromptsDep, principal: PrincipalDep
) -> PromptObject:
    """The one that is meant where none is named; an older one, to go back."""
    body = await read_json(request, LatestPromptVersion)
    found = await prompt_of(services, principal, prompt, Access.WRITE)
    return PromptObject.of(await prompts.set_latest(found, body.version))
