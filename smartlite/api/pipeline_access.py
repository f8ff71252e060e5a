"""Pipelines and runs as whoever asks may reach them; what another keeps is not there. Must not know any route."""

from smartlite.api.resources import PIPELINE, RUN, of_pipeline, of_run, shared
from smartlite.api.services import Services
from smartlite.auth.policies import Resource, decide_access, missing, role_in
from smartlite.auth.scopes import Scope
from smartlite.domain.organizations import Access
from smartlite.domain.pipelines import Pipeline, PipelineVersion, Run
from smartlite.domain.principal import Principal
from smartlite.errors import NotFound
from smartlite.jobs.pipelines import is_built_in
from smartlite.storage.reach import Reader

_MOST_DIGITS = 9


def owner_of(principal: Principal) -> str:
    """Whose things are made; empty where nobody has to say who they are."""
    return principal.user_id or ""


def reader_of(principal: Principal) -> Reader | None:
    """Whose pipelines somebody may list; None: everybody's."""
    if principal.may(Scope.RESOURCES_ADMIN):
        return None
    organizations = [each for each in principal.memberships if role_in(principal, each) is not None]
    return Reader(owner_of(principal), principal.roles, organizations)


async def pipeline_of(services: Services, principal: Principal, reference: str, access: Access) -> Pipeline:
    """A pipeline by its id, or by its name: one's own, else the one that ships, which everybody may read.

    Raises:
        NotFound: 404, there is none, or it is another's.
        PermissionDenied: 403, reading is allowed, and this is not.
    """
    assert services.pipelines is not None  # noqa: S101 - routes that ask are served only with them
    found = await services.pipelines.find(reference, owner_of(principal))
    if found is None or not is_built_in(found.id):
        await decide_on(services, principal, PIPELINE, reference, None if found is None else of_pipeline(found), access)
    if found is None:
        raise missing(PIPELINE, reference)
    return found


async def version_of(services: Services, pipeline: Pipeline, number: str) -> PipelineVersion:
    """A version by its number, or ``latest``.

    Raises:
        NotFound: 404, there is none.
    """
    assert services.pipelines is not None  # noqa: S101 - as above
    if number == "latest":
        return await services.pipelines.version(pipeline)
    if not (number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS):
        raise NotFound(f"There is no version '{number[:64]}' of this pipeline.", "version")
    return await services.pipelines.version(pipeline, int(number))


async def run_of(services: Services, principal: Principal, run_id: str, access: Access) -> Run:
    """A run by its id. Raises what ``pipeline_of`` does."""
    assert services.runs is not None  # noqa: S101 - as above
    try:
        found = await services.runs.get(run_id)
    except NotFound:
        await decide_on(services, principal, RUN, run_id, None, access)
        raise missing(RUN, run_id) from None
    await decide_on(services, principal, RUN, run_id, of_run(found), access)
    return found


async def decide_on(
    services: Services, principal: Principal, kind: str, reference: str, found: Resource | None, access: Access
) -> None:
    """Return if the principal may; raise what ``pipeline_of`` does.

    Args:
        services: What knows with whom it is shared.
        principal: Who asks.
        kind: Of ``resources``.
        reference: How it was asked for.
        found: None: there is none.
        access: What for.
    """
    if services.identity is None:
        if found is None:
            raise missing(kind, reference)
        decide_access(principal, found, access)
        return
    resource = await shared(services, kind, reference if found is None else found.id, found)
    decide_access(principal, resource, access)
