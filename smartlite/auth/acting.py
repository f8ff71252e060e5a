"""For which organisation somebody asks. Must not know how they proved who they are, nor HTTP.

A key may have an organisation of its own; whoever has none may name one that they are a member of. What the database
said of somebody's memberships is believed as ever: see ``smartlite.auth.remembered``.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from smartlite.auth.changes import UNWATCHED, Watch
from smartlite.auth.recent import Recent
from smartlite.auth.remembered import FIND_TIMEOUT_S, MAX_KNOWN, Remembered
from smartlite.domain.organizations import Memberships
from smartlite.domain.principal import Principal
from smartlite.errors import OrganizationMismatch

FindMemberships = Callable[[str], Awaitable[Memberships]]
"""From a user's id to what they are in which active organisation. Raises Unavailable where nobody can be asked."""

_MISMATCH: Final = "The header 'OpenAI-Organization' names no organization that this credential can act for."
"""The same whether there is such an organisation or not."""

_FOR_EVER: Final = datetime.max.replace(tzinfo=UTC)

_Credential = tuple[str | None, str | None, str | None, str | None]


class Acting:
    """Completes principals. One for each process; every method runs in its event loop.

    Args:
        find: Asks the store; None where there are no organisations.
        clock: Tells the time in UTC.
        find_timeout_s: After so long the store counts as away.
        limit: So many users are remembered.
        changes: Tells whether anything changed.
    """

    def __init__(
        self,
        find: FindMemberships | None,
        clock: Callable[[], datetime],
        find_timeout_s: float = FIND_TIMEOUT_S,
        limit: int = MAX_KNOWN,
        changes: Watch = UNWATCHED,
    ) -> None:
        self._memberships = None if find is None else Remembered(find, clock, find_timeout_s, limit, changes)
        self._made: Recent[_Credential, tuple[Principal, Memberships, Principal]] = Recent(limit)

    def true_until(self, user_id: str | None) -> datetime | None:
        """See ``Remembered.true_until``, of somebody's memberships."""
        if self._memberships is None or user_id is None:
            return _FOR_EVER
        return self._memberships.true_until(user_id)

    async def complete(self, principal: Principal, organization_id: str | None) -> Principal | None:
        """Who asks, with their memberships and the organisation that they ask for.

        The same object as before while nothing has changed, since others remember things by it.

        Args:
            principal: Who asks, as the credential says it.
            organization_id: The one that they named; None: none.

        Returns:
            None where the credential is one of an organisation that its user can act for no more.

        Raises:
            OrganizationMismatch: 401, they cannot act for the one that they named.
            Unavailable: 503, the store cannot be asked, and did not tell of this user within the last minute.
        """
        memberships: Memberships = {}
        if self._memberships is not None and principal.user_id is not None:
            memberships = await self._memberships.get(principal.user_id) or {}
        own = principal.organization_id
        if own is not None and own not in memberships:
            return None
        if organization_id is not None and organization_id != own and (own or organization_id not in memberships):
            raise OrganizationMismatch(_MISMATCH)
        return self._completed(principal, memberships, own or organization_id)

    def _completed(self, principal: Principal, memberships: Memberships, organization_id: str | None) -> Principal:
        if not memberships:
            return principal
        credential = (principal.key_id, principal.session_id, principal.client_id, organization_id)
        known = self._made.get(credential)
        if known is not None and known[0] == principal and known[1] == memberships:
            return known[2]
        made = replace(principal, memberships=memberships, organization_id=organization_id)
        self._made.put(credential, (principal, memberships, made))
        return made
