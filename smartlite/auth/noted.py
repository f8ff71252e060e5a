"""Who does something, and the line that tells of it in the audit log. Must not know which actions there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from smartlite.domain.identity import AuditEntry
from smartlite.domain.ids import new_id
from smartlite.storage import audit
from smartlite.storage.database import WriteSession

ENTRY: Final = "aud"
"""Prefix of the ids of entries."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, for the audit log."""

    user_id: str | None
    """None: the platform itself, or whoever has its command line."""
    address: str | None = None
    """IP address that it was asked from."""


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


async def note(
    session: WriteSession,
    actor: Actor,
    action: str,
    kind: str,
    target_id: str,
    details: Mapping[str, object] | None = None,
) -> None:
    """Add a line, in the unit of work that does what it tells of."""
    entry = AuditEntry(
        new_id(ENTRY), utc_now(), actor.user_id, action, kind, target_id, actor.address, dict(details or {})
    )
    await audit.add(session, entry)
