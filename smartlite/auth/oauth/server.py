"""All that OAuth takes, put together over one database. Must not know who uses it: a gateway or a command."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from smartlite.auth.key_ring import KeyRing
from smartlite.auth.oauth.authorization import Authorization
from smartlite.auth.oauth.clients import CLIENT, Clients
from smartlite.auth.oauth.grants import GRANT, Grants
from smartlite.auth.oauth.inspection import Inspection
from smartlite.auth.oauth.seal import Seal
from smartlite.auth.session_check import Found, SessionCheck
from smartlite.auth.sessions import Sessions
from smartlite.auth.sign_in import SignIn
from smartlite.storage.database import Database


@dataclass(frozen=True, slots=True)
class OAuth:
    """One of each, for one process."""

    issuer: str
    """URL of the platform: what RFC 8414's metadata and RFC 9207's ``iss`` say."""
    clients: Clients
    grants: Grants
    authorization: Authorization
    inspection: Inspection


class Holders:
    """Finds what an access token hangs on by its ``sid``: a session, what a client was given, or the client itself."""

    def __init__(self, sessions: Sessions, grants: Grants, clients: Clients) -> None:
        self._sessions = sessions
        self._grants = grants
        self._clients = clients

    async def find(self, holder_id: str) -> Found | None:
        """See ``SessionCheck``."""
        kind = holder_id.partition("_")[0]
        if kind == GRANT:
            return await self._grants.find(holder_id)
        if kind == CLIENT:
            return await self._clients.find(holder_id)
        return await self._sessions.find(holder_id)


def open_oauth(
    database: Database,
    keys: KeyRing,
    sessions: Sessions,
    sign_in: SignIn,
    issuer: str,
    clock: Callable[[], datetime],
) -> tuple[OAuth, SessionCheck]:
    """Put it together; nothing is asked of the database yet.

    Returns:
        OAuth, and who knows every access token, those of sessions too.
    """
    clients = Clients(database, clock)
    grants = Grants(database, sessions, keys, clock)
    check = SessionCheck(keys, Holders(sessions, grants, clients).find, clock)
    authorization = Authorization(database, sign_in, Seal(keys, clock), issuer, clock)
    inspection = Inspection(database, check, clients, grants, clock)
    return OAuth(issuer, clients, grants, authorization, inspection), check
