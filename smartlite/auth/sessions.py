"""Sessions: begun, refreshed, listed, ended. Must not know passwords, nor HTTP.

Each refresh token is used once. Whoever uses it again within half a minute gets what came of it the first time: an
answer may be lost, and two tabs may ask at once. Later it means that two have it, and the session ends for both.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from secrets import token_bytes
from typing import Final

from smartlite.auth.found_session import FoundSession
from smartlite.auth.key_ring import KeyRing
from smartlite.auth.noted import Actor, note, utc_now
from smartlite.auth.refresh_tokens import (
    PREFIX,
    SALT_BYTES,
    SESSION,
    RefreshToken,
    new_refresh_token,
    parse_refresh_token,
)
from smartlite.auth.scopes import BUILT_IN_ROLES, role_grants
from smartlite.auth.token_guard import AccessToken
from smartlite.auth.tokens import LIFETIME_S, sign
from smartlite.domain.identity import Page, Session
from smartlite.domain.ids import new_id
from smartlite.errors import InvalidGrant, NotFound
from smartlite.storage import roles, sessions, users
from smartlite.storage.database import Database, WriteSession, retried

LASTS: Final = timedelta(days=30)
"""A session, however much it is used; then its user signs in again."""
GRACE: Final = timedelta(seconds=30)
"""So long a refresh token that was used gives its successor again (RFC 9700, section 4.14.2 leaves it to us)."""
MAX_PER_USER: Final = 100
"""Sessions at once; one more ends the oldest."""

_REFUSED: Final = "The refresh token is not valid: it was used, has expired, or its session has ended. Sign in again."


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who signs in, as far as it can be seen."""

    address: str | None = None
    """IP address."""
    user_agent: str = ""
    """What the client says it is."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What whoever signed in works with."""

    session: Session
    access_token: str
    expires_in_s: int
    """Of the access token."""
    refresh_token: str

    def __repr__(self) -> str:
        return f"SignedIn(session={self.session.id!r})"


class Sessions:
    """Sessions on a database. One for each process; every method runs in its event loop.

    Args:
        database: Where they are.
        keys: That access tokens are signed with.
        clock: Tells the time in UTC.
    """

    def __init__(self, database: Database, keys: KeyRing, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._keys = keys
        self._clock = clock

    async def find(self, session_id: str) -> FoundSession | None:
        """A session by its id, with its user: the question of ``SessionCheck``."""
        async with self._database.reading() as session:
            held = await sessions.with_user(session, session_id)
            if held is None:
                return None
            made = await roles.named(session, held.roles - BUILT_IN_ROLES.keys())
        return FoundSession(held, role_grants(held.roles, {role.name: role.scopes for role in made}))

    async def add(
        self, session: WriteSession, user_id: str, visitor: Visitor, prefix: str = PREFIX
    ) -> tuple[Session, RefreshToken]:
        """Begin a session, in the unit of work of whoever made sure that this user may.

        Args:
            session: That unit of work.
            user_id: Whose.
            visitor: Who signs in.
            prefix: Of its refresh tokens; another one where a client of OAuth holds them.
        """
        now = self._clock()
        begun_id = new_id(SESSION)
        token = new_refresh_token(begun_id, prefix)
        begun = Session(
            id=begun_id,
            user_id=user_id,
            created_at=now,
            last_used_at=now,
            expires_at=now + LASTS,
            revoked_at=None,
            user_agent="".join(filter(str.isprintable, visitor.user_agent)),
            address=visitor.address,
            generation=0,
            family_hash=token.family_hash,
            refresh_hash=token.hash,
        )
        await sessions.make_room(session, user_id, now, MAX_PER_USER - 1)
        await sessions.add(session, begun)
        return begun, token

    async def signed_in(self, session: Session, refresh: RefreshToken) -> SignedIn:
        """What whoever holds a session works with, once it is stored."""
        token = self.access_token(session, refresh)
        left_s = max(0, token.expires_at - int(self._clock().timestamp()))
        return SignedIn(session, sign(await self._keys.signer(), token), left_s, refresh.text)

    def access_token(self, session: Session, refresh: RefreshToken) -> AccessToken:
        """What the access token says that goes with a refresh token.

        It says when the refresh token was made, and has the same id each time: of two that repeat a request both get
        tokens that say the same.
        """
        begun_at = int((session.rotated_at or session.created_at).timestamp())
        expires_at = min(begun_at + LIFETIME_S, int(session.expires_at.timestamp()))
        token_id = hashlib.sha256(b"access token of\0" + refresh.hash).hexdigest()[:32]
        return AccessToken(session.user_id, session.id, f"tok_{token_id}", begun_at, expires_at)

    async def refresh(self, text: str, visitor: Visitor) -> SignedIn:
        """Take a refresh token and give the next, with another access token.

        Raises:
            InvalidGrant: 400, it is not good, whatever the reason. If it was used before, its session has ended.
        """
        shown = parse_refresh_token(text)
        if shown is None:
            raise InvalidGrant(_REFUSED, "refresh_token")

        async def work() -> tuple[Session, RefreshToken] | None:
            async with self._database.writing() as session:
                return await self.follow(session, shown, visitor)

        followed = await retried(work)
        if followed is None:
            raise InvalidGrant(_REFUSED, "refresh_token")
        return await self.signed_in(*followed)

    async def page(self, user_id: str, after: str | None, limit: int) -> Page[Session]:
        """A user's sessions that have not ended, the oldest first."""
        async with self._database.reading() as session:
            return await sessions.page_of_user(session, user_id, now=self._clock(), after=after, limit=limit)

    async def revoke(self, actor: Actor, session_id: str, owner_id: str | None = None) -> None:
        """End a session for good, of a certain owner where one is named; nothing where it has ended.

        Raises:
            NotFound: 404, there is none, or it is somebody else's.
        """

        async def work() -> None:
            async with self._database.writing() as session:
                found = await sessions.locked(session, session_id)
                if found is None or owner_id not in {None, found.user_id}:
                    raise NotFound(f"There is no session '{session_id[:64]}'.", "session_id")
                if await sessions.revoke(session, session_id, self._clock()):
                    await note(session, actor, "session.revoke", "session", session_id, {"user": found.user_id})

        await retried(work)

    async def revoke_all(self, actor: Actor, user_id: str, but: str | None = None) -> int:
        """End every session of a user, or every other one.

        Returns:
            How many were ended.
        """

        async def work() -> int:
            async with self._database.writing() as session:
                ended = await sessions.revoke_of_user(session, user_id, self._clock(), but=but)
                if ended:
                    await note(session, actor, "session.revoke_all", "user", user_id, {"sessions": ended})
            return ended

        return await retried(work)

    async def follow(
        self, session: WriteSession, shown: RefreshToken, visitor: Visitor
    ) -> tuple[Session, RefreshToken] | None:
        """Put the next refresh token in the place of the one that was shown, in the unit of work of whoever asks.

        Returns:
            The session and the next token; None where the shown one is not good. If it was used before, the session
            has ended, and the unit of work must be committed.
        """
        now = self._clock()
        held = await sessions.locked(session, shown.session_id)
        if held is None or not shown.is_of_family(held.family_hash):
            return None
        user = await users.get(session, held.user_id)
        if held.revoked_at is not None or now >= held.expires_at or user is None or not user.is_active:
            return None
        if shown.is_one_with(held.refresh_hash):
            salt = token_bytes(SALT_BYTES)
            following = shown.next(salt)
            held = replace(
                held,
                generation=held.generation + 1,
                refresh_hash=following.hash,
                previous_refresh_hash=held.refresh_hash,
                rotated_at=now,
                rotation_salt=salt,
                last_used_at=now,
            )
            return (held, following) if await sessions.rotate(session, held) else None
        # No lower bound: the clock of the replica that rotated may be ahead of ours.
        in_grace = held.rotated_at is not None and now < held.rotated_at + GRACE
        if in_grace and held.rotation_salt is not None and shown.is_one_with(held.previous_refresh_hash):
            return held, shown.next(held.rotation_salt)
        await sessions.revoke(session, held.id, now)
        actor = Actor(held.user_id, visitor.address)
        await note(session, actor, "session.refresh_reused", "session", held.id, {"generation": held.generation})
        return None
