"""Which rows somebody may read: their own, those of their organisations, and what is shared with them.

Must not know what the rows are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import InstrumentedAttribute

from smartlite.domain.organizations import SubjectKind
from smartlite.storage.organizations_tables import ShareRow


@dataclass(frozen=True, slots=True)
class Reader:
    """Whose things are asked for: their own, those of their organisations, and what is shared with them."""

    user_id: str
    roles: Sequence[str] = ()
    organization_ids: Sequence[str] = ()


def within_reach(
    reader: Reader,
    kind: str,
    thing_id: InstrumentedAttribute[str],
    owner_id: InstrumentedAttribute[str],
    organization_id: InstrumentedAttribute[str | None],
) -> ColumnElement[bool]:
    """The condition on rows.

    Args:
        reader: Who asks.
        kind: Under which shares name such a thing.
        thing_id: Column of its id.
        owner_id: Column of its owner.
        organization_id: Column of the organisation that it belongs to.
    """
    organizations = list(reader.organization_ids)
    shared_with = or_(
        (ShareRow.subject_kind == SubjectKind.USER.value) & (ShareRow.subject_id == reader.user_id),
        (ShareRow.subject_kind == SubjectKind.ROLE.value) & ShareRow.subject_id.in_(list(reader.roles)),
        (ShareRow.subject_kind == SubjectKind.ORGANIZATION.value) & ShareRow.subject_id.in_(organizations),
    )
    shared = select(ShareRow.resource_id).where(ShareRow.resource_kind == kind, shared_with)
    return or_(owner_id == reader.user_id, organization_id.in_(organizations), thing_id.in_(shared))
