"""Who asks, once it is known, and what that one may do. Must not know how it was found out, nor which scopes there are.

Standard library only.
"""

from dataclasses import dataclass, field

from smartlite.domain.organizations import Memberships


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody whose credential was accepted."""

    user_id: str | None
    """None where nobody has to say who they are."""
    key_id: str | None
    """The API key that was shown; None where it was another credential, or none."""
    roles: tuple[str, ...]
    scopes: frozenset[str]
    """What is granted after everything was taken into account; roles add nothing to it."""
    name: str
    """For people who read logs and lists."""
    session_id: str | None = None
    """The session whose access token was shown; None where it was another credential, or none."""
    organization_id: str | None = None
    """The organisation that the request is made for; None: for the user alone."""
    client_id: str | None = None
    """The OAuth client that asks for the user, or for itself; None where it was another credential."""
    memberships: Memberships = field(default_factory=dict, hash=False)
    """What the user is in which organisation; not only in the one that the request is made for."""
    has_own_scopes: bool = False
    """Whether the key that was shown is limited to a list of scopes."""

    @property
    def is_limited(self) -> bool:
        """Whether it is a program's credential, which may do less than its user; one that signed in is not."""
        return self.key_id is not None or self.client_id is not None

    @property
    def is_narrowed(self) -> bool:
        """Whether the credential was given only a part of what its user may."""
        return self.has_own_scopes or self.client_id is not None

    def may(self, scope: str) -> bool:
        """Whether exactly this was granted; ``smartlite.auth.permissions`` decides about grants for single models."""
        return scope in self.scopes
