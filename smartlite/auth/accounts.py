"""All that signing in takes, put together over one database. Must not know who uses it: a gateway or a command."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from smartlite.auth.attempts import Attempts
from smartlite.auth.key_ring import KeyRing
from smartlite.auth.noted import utc_now
from smartlite.auth.oauth.server import OAuth, open_oauth
from smartlite.auth.oidc.providers import KnownProvider
from smartlite.auth.oidc.sign_in import ExternalSignIns
from smartlite.auth.passwords import Passwords
from smartlite.auth.session_check import SessionCheck
from smartlite.auth.sessions import Sessions
from smartlite.auth.sign_in import SignIn
from smartlite.auth.token_self_test import self_test
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher

LOCAL_ISSUER: Final = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Accounts:
    """One of each, for one process."""

    keys: KeyRing
    sessions: Sessions
    sign_in: SignIn
    check: SessionCheck
    """Knows who shows an access token; the authenticator's ``find_by_token`` is its ``find``."""
    oauth: OAuth
    """Programs that act for users, or for themselves."""
    external: ExternalSignIns
    """Signing in through another provider."""


def open_accounts(
    database: Database,
    clock: Callable[[], datetime] = utc_now,
    passwords: Passwords | None = None,
    attempts: Attempts | None = None,
    issuer: str = LOCAL_ISSUER,
    providers: Sequence[KnownProvider] = (),
    cipher: Cipher | None = None,
) -> Accounts:
    """Put it together; nothing is asked of the database yet.

    Args:
        database: Where users, sessions and signing keys are.
        clock: Tells the time in UTC.
        passwords: Hashes as tests want it.
        attempts: Counts as tests want it.
        issuer: URL of the platform, which clients of OAuth know it by: ``Settings.issuer``.
        providers: Others that people may sign in through.
        cipher: Encrypts the private keys of tokens; None: they are stored as they are.

    Raises:
        ConfigurationError: The library that checks access tokens does not refuse a bad one.
    """
    self_test(clock())
    keys = KeyRing(database, clock, cipher)
    sessions = Sessions(database, keys, clock)
    sign_in = SignIn(database, sessions, passwords or Passwords(), attempts or Attempts())
    oauth, check = open_oauth(database, keys, sessions, sign_in, issuer, clock)
    external = ExternalSignIns(database, sessions, providers, issuer, clock)
    return Accounts(keys, sessions, sign_in, check, oauth, external)
