"""Who asked some time ago, as they are now: for what is done when their request has ended. Must not know HTTP."""

from smartlite.auth.scopes import BUILT_IN_ROLES, in_both, role_grants
from smartlite.domain.principal import Principal
from smartlite.errors import Unauthorized
from smartlite.storage import api_keys, organizations, roles, users
from smartlite.storage.database import Database


async def find_again(
    database: Database,
    user_id: str,
    organization_id: str | None,
    key_id: str | None,
    scopes: frozenset[str] | None,
) -> Principal:
    """Somebody with what they may do by now, and no more than they might do then.

    A key that has expired since was good when it was shown; one that was revoked was taken away.

    Args:
        database: Where users are.
        user_id: Who.
        organization_id: What it is done for.
        key_id: The key that was shown, None where it was another credential.
        scopes: What the credential granted then; None: what the user's roles grant.

    Raises:
        Unauthorized: 401, the user is kept out, left the organisation, or the key was revoked.
        DatabaseUnavailable: 503.
    """
    async with database.reading() as session:
        user = await users.get(session, user_id)
        key = None if key_id is None else await api_keys.get(session, key_id)
        held = await users.roles_of(session, user_id)
        made = await roles.named(session, held - BUILT_IN_ROLES.keys())
        memberships = await organizations.memberships(session, user_id)
    if user is None or not user.is_active:
        raise Unauthorized("Whoever asked for this may not use the platform any more.")
    if key_id is not None and (key is None or key.revoked_at is not None):
        raise Unauthorized("The API key that this was asked for with was revoked.")
    if organization_id is not None and organization_id not in memberships:
        raise Unauthorized("Whoever asked for this cannot act for the organization any more.")
    of_roles = role_grants(held, {role.name: role.scopes for role in made})
    return Principal(
        user_id=user.id,
        key_id=key_id,
        roles=tuple(sorted(held)),
        scopes=of_roles if scopes is None else in_both(of_roles, scopes),
        name=user.name,
        organization_id=organization_id,
        memberships=memberships,
        has_own_scopes=key is not None and key.scopes is not None,
    )
