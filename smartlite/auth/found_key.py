"""A key with its owner and what their roles grant: the authenticator's record. Must not know the store's tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from smartlite.domain.identity import HeldKey


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A KeyRecord of the authenticator."""

    held: HeldKey
    role_scopes: frozenset[str]

    @property
    def key_id(self) -> str:
        """See KeyRecord; likewise below."""
        return self.held.key.id

    @property
    def user_id(self) -> str:
        return self.held.user.id

    @property
    def user_name(self) -> str:
        return self.held.user.name

    @property
    def is_active(self) -> bool:
        return self.held.user.is_active

    @property
    def secret_hash(self) -> bytes:
        return self.held.key.secret_hash

    @property
    def expires_at(self) -> datetime | None:
        return self.held.key.expires_at

    @property
    def revoked_at(self) -> datetime | None:
        return self.held.key.revoked_at

    @property
    def scopes(self) -> frozenset[str] | None:
        return self.held.key.scopes

    @property
    def roles(self) -> Sequence[str]:
        return sorted(self.held.roles)

    @property
    def organization_id(self) -> str | None:
        return self.held.key.organization_id
