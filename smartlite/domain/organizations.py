"""Organisations with members, and what is shared with whom. Must not know how it is kept, nor what follows from it.

Ids are those of ``smartlite.domain.ids``; every time is an aware ``datetime`` in UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OrganizationRole(StrEnum):
    """What somebody is in an organisation."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


MANAGERS = frozenset({OrganizationRole.OWNER, OrganizationRole.ADMIN})
"""Who handles what belongs to an organisation."""

Memberships = Mapping[str, OrganizationRole]
"""What a user is in which organisation, by its id; those that are inactive are left out."""


@dataclass(frozen=True, slots=True)
class Organization:
    """A group of users that things can belong to."""

    id: str
    name: str
    """For people; several may have the same."""
    is_active: bool
    """False: nobody acts for it."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """A user in an organisation."""

    organization_id: str
    user_id: str
    email: str
    name: str
    role: OrganizationRole
    created_at: datetime


class SubjectKind(StrEnum):
    """With whom something can be shared."""

    USER = "user"
    ROLE = "role"
    ORGANIZATION = "organization"


class Access(StrEnum):
    """What somebody may do with one thing."""

    READ = "read"
    WRITE = "write"
    """Includes reading."""


@dataclass(frozen=True, slots=True)
class Share:
    """One thing, shared with somebody."""

    resource_kind: str
    """Such as ``request``."""
    resource_id: str
    subject_kind: SubjectKind
    subject_id: str
    """Id of a user or of an organisation, or name of a role."""
    access: Access
    created_by: str | None
    """Id of the user; None: whoever has the command line."""
    created_at: datetime
