"""A session with its owner and what their roles grant, and who that is. Must not know the store's tables."""

from dataclasses import dataclass
from datetime import datetime

from smartlite.auth.token_guard import AccessToken
from smartlite.domain.identity import HeldSession
from smartlite.domain.principal import Principal


@dataclass(frozen=True, slots=True)
class FoundSession:
    """What an access token is let in by."""

    held: HeldSession
    role_scopes: frozenset[str]

    def is_good(self, token: AccessToken, now: datetime) -> bool:
        """Whether a token of the session counts."""
        session, user = self.held.session, self.held.user
        return user.id == token.user_id and user.is_active and session.revoked_at is None and now < session.expires_at

    def principal(self, _: AccessToken) -> Principal:
        """Who shows the token."""
        user = self.held.user
        return Principal(
            user_id=user.id,
            key_id=None,
            roles=tuple(sorted(self.held.roles)),
            scopes=self.role_scopes,
            name=user.name,
            session_id=self.held.session.id,
        )
