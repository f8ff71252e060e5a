"""Files and batches as whoever asks may reach them; what another keeps is not there. Must not know any route."""

from smartlite.api.pipeline_access import decide_on, owner_of
from smartlite.api.resources import BATCH, FILE, of_batch, of_file
from smartlite.api.services import Services
from smartlite.auth.policies import missing, role_in
from smartlite.domain.batches import Batch
from smartlite.domain.files import StoredFile
from smartlite.domain.organizations import Access
from smartlite.domain.principal import Principal


def whose(principal: Principal) -> tuple[str | None, str | None]:
    """Whose files and batches are listed: those of the organisation that is asked for, else of the user.

    Returns:
        The user and the organisation; None: whoever, and whichever.
    """
    if role_in(principal, principal.organization_id) is not None:
        return None, principal.organization_id
    return owner_of(principal), None


async def file_of(services: Services, principal: Principal, file_id: str, access: Access) -> StoredFile:
    """A file by its id.

    Raises:
        NotFound: 404, there is none, or it is another's.
        PermissionDenied: 403, reading is allowed, and this is not.
    """
    assert services.files is not None  # noqa: S101 - routes that ask are served only with them
    found = await services.files.get(file_id)
    await decide_on(services, principal, FILE, file_id, None if found is None else of_file(found), access)
    if found is None:
        raise missing(FILE, file_id)
    return found


async def batch_of(services: Services, principal: Principal, batch_id: str, access: Access) -> Batch:
    """A batch by its id. Raises what ``file_of`` does."""
    assert services.batches is not None  # noqa: S101 - as above
    found = await services.batches.get(batch_id)
    await decide_on(services, principal, BATCH, batch_id, None if found is None else of_batch(found), access)
    if found is None:
        raise missing(BATCH, batch_id)
    return found
