"""From an access token to a principal. Must not know how tokens are signed, nor how sessions are stored.

A good signature is not enough: the session goes on and its user may come in, as the database said within the last
second. What somebody may do is not in the token either, so that a role that is taken away is gone as fast.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from smartlite.auth.key_ring import KeyRing
from smartlite.auth.noted import utc_now
from smartlite.auth.remembered import Remembered
from smartlite.auth.token_guard import AccessToken
from smartlite.auth.tokens import named_key, verify
from smartlite.domain.principal import Principal


class Found(Protocol):
    """What an access token hangs on, as the store has it: a session, what a client was given, or the client itself."""

    def is_good(self, token: AccessToken, now: datetime, /) -> bool:
        """Whether the token counts."""

    def principal(self, token: AccessToken, /) -> Principal:
        """Who shows it."""


class SessionCheck:
    """Knows who shows an access token. One for each process; every method runs in its event loop.

    Args:
        keys: That tokens are signed with.
        find: Asks the store for what a token's ``sid`` names. Raises Unavailable where it cannot be asked.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        keys: KeyRing,
        find: Callable[[str], Awaitable[Found | None]],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._keys = keys
        self._clock = clock
        self._sessions = Remembered(find, clock)

    async def find(self, text: str) -> Principal | None:
        """Who shows this token; None where it is not good, whatever the reason.

        Raises:
            Unavailable: 503, the store cannot be asked, and did not tell of the session within the last minute.
            Overloaded: 429, too many sessions that nobody remembers are being looked for.
        """
        looked_at = await self.look(text)
        return None if looked_at is None else looked_at[1].principal(looked_at[0])

    async def look(self, text: str) -> tuple[AccessToken, Found] | None:
        """What a token says, and what it hangs on; None where it is not good. Raises as ``find`` does."""
        key_id = named_key(text)
        if key_id is None:
            return None
        token = verify(text, await self._keys.verifiers(key_id), self._clock())
        found = None if token is None else await self._sessions.get(token.session_id)
        if token is None or found is None or not found.is_good(token, self._clock()):
            return None
        return token, found
