"""Signing in with a password, and changing it. Must not know HTTP, nor what a session is made of.

Nobody learns whether there is a user: the answer and the work are the same for one who is not there, who is kept out,
who has no password, and who has another.
"""

import asyncio
import logging
from typing import Final

from smartlite.auth.attempts import Attempts
from smartlite.auth.noted import Actor, note, utc_now
from smartlite.auth.passwords import Passwords, check_new
from smartlite.auth.refresh_tokens import RefreshToken
from smartlite.auth.sessions import Sessions, SignedIn, Visitor
from smartlite.domain.identity import Session, User
from smartlite.errors import InvalidRequest, NotFound, SignInRefused, SmartLiteError
from smartlite.storage import sessions, users
from smartlite.storage.database import Database, retried

REFUSED: Final = "There is no user with this e-mail address and this password."
_MAX_NOTING: Final = 100
"""Lines about failed sign-ins that wait for the database; more are not noted."""
_logger = logging.getLogger(__name__)


class SignIn:
    """Passwords and what they open. One for each process; every method runs in its event loop.

    Args:
        database: Where users are.
        opened: Begins sessions.
        passwords: Hashes and compares.
        attempts: Counts those in vain.
    """

    def __init__(self, database: Database, opened: Sessions, passwords: Passwords, attempts: Attempts) -> None:
        self._database = database
        self._sessions = opened
        self._passwords = passwords
        self._attempts = attempts
        self._noting: set[asyncio.Task[None]] = set()

    async def sign_in(self, email: str, password: str, visitor: Visitor) -> SignedIn:
        """Begin a session.

        Raises:
            SignInRefused: 401, the same for every cause.
            TooManySignIns: 429, this account, or this address, failed too often lately.
            Overloaded: 429, too many passwords are being checked.
        """
        user, password_hash = await self.check(email, password, visitor.address)
        fresh_hash = None
        if self._passwords.needs_rehash(password_hash):
            fresh_hash = await self._passwords.hash(password)

        async def work() -> tuple[Session, RefreshToken] | None:
            async with self._database.writing() as session:
                # Meanwhile the password may have been changed, or its user kept out.
                if await users.locked_password(session, user.id) != password_hash:
                    return None
                if fresh_hash is not None:
                    await users.set_password(session, user.id, fresh_hash)
                begun = await self._sessions.add(session, user.id, visitor)
                await note(session, Actor(user.id, visitor.address), "session.sign_in", "session", begun[0].id)
            return begun

        begun = await retried(work)
        if begun is None:
            raise SignInRefused(REFUSED)
        return await self._sessions.signed_in(*begun)

    async def change_password(
        self, user_id: str, current: str, new: str, visitor: Visitor, session_id: str | None = None
    ) -> None:
        """Change one's own password, which ends every other session.

        Args:
            user_id: Whose.
            current: The password until now.
            new: The password from now on.
            visitor: Who asks.
            session_id: The session that goes on.

        Raises:
            InvalidRequest: 400, ``current`` is another one.
            PasswordRefused: 422, ``new`` is too short, too long or too easily guessed.
            TooManySignIns: 429, as in ``sign_in``.
        """
        async with self._database.reading() as session:
            user = await users.get(session, user_id)
        if user is None:
            raise NotFound("There is no such user.", "user_id")
        check_new(new, user.email, "new_password")
        try:
            await self.check(user.email, current, visitor.address)
        except SignInRefused:
            raise InvalidRequest("'current_password' is not your password.", "current_password") from None
        await self._set(Actor(user_id, visitor.address), user, await self._passwords.hash(new), session_id)

    async def set_password(self, actor: Actor, name: str, new: str) -> User:
        """Give a user another password, whatever it was, and end their sessions: for whoever has the command line.

        Args:
            actor: Who wants it.
            name: Id or e-mail address.
            new: The password from now on.

        Raises:
            NotFound: 404, there is no such user.
            PasswordRefused: 422, it is too short, too long or too easily guessed.
        """
        async with self._database.reading() as session:
            user = (await users.by_email(session, name) if "@" in name else None) or await users.get(session, name)
        if user is None:
            raise NotFound(f"There is no user '{name[:64]}'.", "user_id")
        check_new(new, user.email)
        await self._set(actor, user, await self._passwords.hash(new), None)
        return user

    async def settle(self) -> None:
        """Wait until what happened is noted."""
        await asyncio.gather(*self._noting)

    async def check(self, email: str, password: str, address: str | None) -> tuple[User, str]:
        """Compare a password, and begin nothing.

        Returns:
            The user whose it is, and its hash: whoever does something for them makes sure that it still is.

        Raises:
            SignInRefused: 401, as in ``sign_in``; likewise below.
            TooManySignIns: 429.
            Overloaded: 429.
        """
        account = users.email_key(email)
        self._attempts.begin(account, address)
        try:
            async with self._database.reading() as session:
                found = await users.with_password(session, email)
            user, password_hash = found or (None, None)
            is_right = await self._passwords.verify(password_hash, password)
        except SmartLiteError:
            self._attempts.give_back(account, address)  # nobody was told anything; who hangs up might have been
            raise
        if user is None or password_hash is None or not is_right or not user.is_active:
            if user is not None:
                self._note_later(user, address)
            raise SignInRefused(REFUSED)
        self._attempts.succeeded(account, address)
        return user, password_hash

    async def _set(self, actor: Actor, user: User, password_hash: str, session_id: str | None) -> None:
        async def work() -> None:
            async with self._database.writing() as session:
                await users.set_password(session, user.id, password_hash)
                ended = await sessions.revoke_of_user(session, user.id, utc_now(), but=session_id)
                await note(session, actor, "user.password", "user", user.id, {"sessions": ended})

        await retried(work)

    def _note_later(self, user: User, address: str | None) -> None:
        """Beside the answer, which would else take longer where there is a user."""
        if len(self._noting) >= _MAX_NOTING:
            _logger.warning("a failed sign-in was not noted: too many wait", extra={"user": user.id})
            return
        task = asyncio.create_task(self._note_failed(user, address))
        self._noting.add(task)
        task.add_done_callback(self._noting.discard)

    async def _note_failed(self, user: User, address: str | None) -> None:
        try:
            async with self._database.writing() as session:
                await note(session, Actor(None, address), "session.sign_in_failed", "user", user.id)
        except SmartLiteError as error:
            _logger.warning("a failed sign-in was not noted", extra={"user": user.id, "reason": error.message})
