"""``smartlite users password | sessions`` and ``smartlite signing-keys``, straight in the database. Must not know HTTP.

Whoever can run these has the database anyway, so they ask for no credential; changes are noted without an actor.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeVar

import typer

from smartlite.auth.accounts import Accounts, open_accounts
from smartlite.auth.identity import Identity
from smartlite.auth.noted import Actor, utc_now
from smartlite.auth.tokens import TokenKey
from smartlite.cli.display_table import show_table
from smartlite.cli.identity import tell_done, users
from smartlite.cli.session import JsonOption, print_json
from smartlite.config import load_settings
from smartlite.domain.identity import Session
from smartlite.errors import InvalidRequest
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.schema import migrate

T = TypeVar("T")

_ACTOR: Final = Actor(None)
_PAGE: Final = 200

signing_keys = typer.Typer(
    help="The keys that access tokens are signed with.", no_args_is_help=True, pretty_exceptions_enable=False
)

_User = Annotated[str, typer.Argument(metavar="USER", help="Id or e-mail address.")]


@users.command("password")
def set_password(
    user: _User,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read it from standard input, one line.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Give a user a password, whatever it was, and end their sessions."""
    password = _line() if stdin else str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    found = _run(lambda accounts, _: accounts.sign_in.set_password(_ACTOR, user, password))
    tell_done(f"{found.email} signs in with the new password; every session has ended", found.id, as_json)


@users.command("sessions")
def list_sessions(user: _User, as_json: JsonOption = False) -> None:
    """Show where a user is signed in."""

    async def find(accounts: Accounts, identity: Identity) -> list[Session]:
        owner = (await identity.find_user(user)).user.id
        found: list[Session] = []
        after: str | None = None
        while True:
            page = await accounts.sessions.page(owner, after, _PAGE)
            found += page.items
            if (after := page.next) is None:
                return found

    rows = [_session(session) for session in _run(find)]
    if as_json:
        print_json({"sessions": rows})
        return
    show_table(("ID", "BEGAN", "LAST USED", "ENDS", "ADDRESS", "PROGRAM"), [list(row.values()) for row in rows])


@signing_keys.command("list")
def list_signing_keys(as_json: JsonOption = False) -> None:
    """Show which keys sign and which only verify."""
    rows = [_key(key) for key in _run(lambda accounts, _: accounts.keys.published())]
    if as_json:
        print_json({"signing_keys": rows})
        return
    show_table(("ID", "ALGORITHM", "MADE", "STATE"), [list(row.values()) for row in rows])


@signing_keys.command("rotate")
def rotate(
    at_once: Annotated[
        bool,
        typer.Option("--at-once", help="The others verify nothing any more: for a key that somebody else has."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Have a new key sign; nobody is signed out."""
    made = _run(lambda accounts, _: accounts.keys.rotate(_ACTOR, at_once))
    tell_done(f"{made.id} signs from now on", made.id, as_json)


def _run(work: Callable[[Accounts, Identity], Awaitable[T]]) -> T:
    async def run() -> T:
        settings = load_settings()
        database = Database(settings.sql_url)
        try:
            await migrate(database)
            cipher = Cipher(database, settings.encryption_key_ring)
            return await work(open_accounts(database, cipher=cipher), Identity(database))
        finally:
            await database.close()

    return asyncio.run(run())


def _line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise InvalidRequest("There was no password on standard input.", "password")
    return line.rstrip("\r\n")


def _session(session: Session) -> dict[str, str]:
    times = (session.created_at, session.last_used_at, session.expires_at)
    began, used, ends = (time.isoformat(timespec="seconds") for time in times)
    where = {"address": session.address or "unknown", "user_agent": session.user_agent or "unknown"}
    return {"id": session.id, "created_at": began, "last_used_at": used, "expires_at": ends} | where


def _key(key: TokenKey) -> dict[str, str]:
    stored = key.stored
    is_retired = stored.retired_at is not None and stored.retired_at <= utc_now()
    made = stored.created_at.isoformat(timespec="seconds")
    return {"id": key.id, "algorithm": stored.algorithm, "made": made, "state": "verifies" if is_retired else "signs"}
