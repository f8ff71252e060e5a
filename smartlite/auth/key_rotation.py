"""A key in place of another, both good for a while. Must not know HTTP, nor who may."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from smartlite.auth.api_keys import new_key
from smartlite.auth.noted import Actor, note, utc_now
from smartlite.domain.identity import ApiKey
from smartlite.domain.ids import new_id
from smartlite.errors import InvalidRequest, NotFound
from smartlite.storage import api_keys, quotas
from smartlite.storage.database import Database, retried

DEFAULT_OVERLAP_S: Final = 24 * 3600
MAX_OVERLAP_S: Final = 30 * 24 * 3600


async def rotate_key(database: Database, actor: Actor, key_id: str, overlap_s: float) -> tuple[ApiKey, str]:
    """Make a key that may do the same, with the same limits of its own; the old one stops after a while.

    What the old one has used of its limits is not counted again for the new one.

    Args:
        database: Where keys are.
        actor: Who rotates.
        key_id: The old one.
        overlap_s: So long both are good; the old one never longer than it was to be.

    Returns:
        The new key and its text, which is kept nowhere.

    Raises:
        NotFound: 404, there is no such key.
        InvalidRequest: 400, it was revoked or has expired: there is nothing to follow it.
    """

    async def work() -> tuple[ApiKey, str]:
        now = utc_now()
        made = new_key()
        async with database.writing() as session:
            old = await api_keys.get(session, key_id)
            if old is None:
                raise NotFound(f"There is no API key '{key_id[:64]}'.", "key_id")
            if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= now):
                raise InvalidRequest("This key is not good any more; make a new one.", "key_id")
            fresh = replace(
                old,
                id=new_id("key"),
                public_id=made.public_id,
                secret_hash=made.secret_hash,
                created_at=now,
                last_used_at=None,
            )
            await api_keys.add(session, fresh)
            await api_keys.expire(session, old.id, now + timedelta(seconds=overlap_s))
            for quota in await quotas.of_subjects(session, [("key", old.id)]):
                await quotas.put(session, replace(quota, id=new_id("quota"), subject_id=fresh.id), now)
            await note(session, actor, "api_key.rotate", "api_key", old.id, {"next": fresh.id, "overlap_s": overlap_s})
        return fresh, made.text

    return await retried(work)
