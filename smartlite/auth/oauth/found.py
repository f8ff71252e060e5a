"""What an access token of a client hangs on, and who shows it. Must not know the store's tables.

Whatever a client was given, it never does more than its user may at that moment.
"""

from dataclasses import dataclass
from datetime import datetime

from smartlite.auth.oauth.scope_text import scopes_of
from smartlite.auth.scopes import BUILT_IN_ROLES, in_both, role_grants
from smartlite.auth.token_guard import AccessToken
from smartlite.domain.oauth import HeldClient, HeldGrant
from smartlite.domain.principal import Principal
from smartlite.storage import roles
from smartlite.storage.database import ReadSession


@dataclass(frozen=True, slots=True)
class FoundGrant:
    """A client acts for a user."""

    held: HeldGrant
    role_scopes: frozenset[str]

    def is_good(self, token: AccessToken, now: datetime) -> bool:
        """Whether a token of the grant counts."""
        is_theirs = token.user_id == self.held.user.id and token.client_id == self.held.client.id
        return is_theirs and self.goes_on(now)

    def goes_on(self, now: datetime) -> bool:
        """Whether nobody of those who may has ended it."""
        session = self.held.session
        is_wanted = session.revoked_at is None and self.held.client.revoked_at is None
        return is_wanted and self.held.user.is_active and now < session.expires_at

    def principal(self, token: AccessToken) -> Principal:
        """The user, as far as they let the client."""
        user = self.held.user
        given = in_both(self.held.grant.scopes, scopes_of(token.scope))
        return Principal(
            user_id=user.id,
            key_id=None,
            roles=tuple(sorted(self.held.roles)),
            scopes=in_both(self.role_scopes, given),
            name=user.name,
            session_id=self.held.session.id,
            client_id=self.held.client.id,
        )


@dataclass(frozen=True, slots=True)
class FoundClient:
    """A client acts for itself, and its owner answers for it."""

    held: HeldClient
    role_scopes: frozenset[str]

    def is_good(self, token: AccessToken, now: datetime) -> bool:
        """Whether a token of the client counts."""
        client = self.held.client
        is_own = token.user_id == token.client_id == client.id and token.token_id not in self.held.revoked_tokens
        return is_own and client.revoked_at is None and self.held.user.is_active

    @property
    def scopes(self) -> frozenset[str]:
        """The most that it may do for itself."""
        return in_both(self.role_scopes, self.held.client.scopes)

    def principal(self, token: AccessToken) -> Principal:
        """The owner, as far as the client may, under the client's name."""
        return Principal(
            user_id=self.held.user.id,
            key_id=None,
            roles=tuple(sorted(self.held.roles)),
            scopes=in_both(self.scopes, scopes_of(token.scope)),
            name=self.held.client.name,
            client_id=self.held.client.id,
        )


async def granted(session: ReadSession, role_names: frozenset[str]) -> frozenset[str]:
    """What roles grant together; a name that nobody knows grants nothing."""
    made = await roles.named(session, role_names - BUILT_IN_ROLES.keys())
    return role_grants(role_names, {role.name: role.scopes for role in made})
