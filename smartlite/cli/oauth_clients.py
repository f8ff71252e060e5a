"""``smartlite oauth-clients``: programs that act for users, straight in the database. Must not know HTTP.

Whoever can run these has the database anyway, so they ask for no credential; changes are noted without an actor.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Annotated, Final, TypeVar

import typer

from smartlite.auth.accounts import open_accounts
from smartlite.auth.identity import Identity
from smartlite.auth.noted import Actor
from smartlite.auth.oauth.server import OAuth
from smartlite.cli.display_table import show_table
from smartlite.cli.identity import tell_done
from smartlite.cli.session import JsonOption, print_json
from smartlite.config import load_settings
from smartlite.domain.oauth import ClientKind, GrantType, OAuthClient
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate

T = TypeVar("T")

_ACTOR: Final = Actor(None)
_PAGE: Final = 200

oauth_clients = typer.Typer(
    help="Programs that act for users, by OAuth 2.0.", no_args_is_help=True, pretty_exceptions_enable=False
)

_User = Annotated[str, typer.Argument(metavar="USER", help="Whose: id or e-mail address.")]


class _Kind(StrEnum):
    """For the command line."""

    PUBLIC = "public"
    CONFIDENTIAL = "confidential"


@oauth_clients.command("list")
def list_clients(user: _User, as_json: JsonOption = False) -> None:
    """Show a user's clients, the revoked ones too."""

    async def find(oauth: OAuth, identity: Identity) -> list[OAuthClient]:
        owner = (await identity.find_user(user)).user.id
        found: list[OAuthClient] = []
        after: str | None = None
        while True:
            page = await oauth.clients.page(owner, after, _PAGE)
            found += page.items
            if (after := page.next) is None:
                return found

    rows = [_client(client) for client in _run(find)]
    if as_json:
        print_json({"oauth_clients": rows})
        return
    columns = ("id", "name", "kind", "state")
    show_table(tuple(map(str.upper, columns)), [[row[name] for name in columns] for row in rows])


@oauth_clients.command("add")
def add_client(
    user: _User,
    name: Annotated[str, typer.Option("--name", help="Users see it when they are asked.")],
    scope: Annotated[list[str], typer.Option("--scope", help="Such as llm:chat; may be given several times.")],
    redirect_uri: Annotated[
        list[str] | None, typer.Option("--redirect-uri", help="Compared character by character; several times.")
    ] = None,
    kind: Annotated[_Kind, typer.Option("--kind", help="public: it can keep no secret.")] = _Kind.PUBLIC,
    for_itself: Annotated[
        bool, typer.Option("--for-itself", help="It may act for itself, by its secret; confidential ones alone.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Register a client, and show its secret, this once."""
    grant_types = {GrantType.CLIENT_CREDENTIALS} if for_itself else set()
    if redirect_uri:
        grant_types |= {GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}

    async def make(oauth: OAuth, identity: Identity) -> tuple[OAuthClient, str | None]:
        owner = (await identity.find_user(user)).user.id
        uris = redirect_uri or []
        return await oauth.clients.add(_ACTOR, owner, name, ClientKind(kind.value), grant_types, scope, uris)

    client, secret = _run(make)
    if as_json:
        print_json(_client(client) | {"client_secret": secret})
        return
    typer.echo(f"added {client.id}" + ("" if secret is None else "; its secret, shown this once:"), err=True)
    typer.echo(client.id if secret is None else secret)


@oauth_clients.command("revoke")
def revoke_client(
    client: Annotated[str, typer.Argument(metavar="CLIENT", help="Id, such as client_...")], as_json: JsonOption = False
) -> None:
    """Revoke a client for good, with all that users gave it; it stops within two seconds."""

    async def revoke(oauth: OAuth, _: Identity) -> None:
        await oauth.clients.revoke(_ACTOR, (await oauth.clients.get(client)).id)

    _run(revoke)
    tell_done(f"revoked {client}", client, as_json)


def _run(work: Callable[[OAuth, Identity], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(load_settings().sql_url)
        try:
            await migrate(database)
            return await work(open_accounts(database).oauth, Identity(database))
        finally:
            await database.close()

    return asyncio.run(run())


def _client(client: OAuthClient) -> dict[str, object]:
    return {
        "id": client.id,
        "name": client.name,
        "kind": client.kind.value,
        "grant_types": sorted(each.value for each in client.grant_types),
        "scopes": sorted(client.scopes),
        "state": "revoked" if client.revoked_at else "works",
        "redirect_uris": list(client.redirect_uris),
    }
