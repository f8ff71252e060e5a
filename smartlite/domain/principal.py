"""Who asks, once it is known, and what that one may do. Must not know how it was found out, nor which scopes there are.

Standard library only.
"""

from dataclasses import dataclass


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

    def may(self, scope: str) -> bool:
        """Whether exactly this was granted; ``smartlite.auth.permissions`` decides about grants for single models."""
        return scope in self.scopes
