"""``smartlite users | keys | roles``: who may use the platform, straight in its database. Must not know HTTP.

Whoever can run these has the database anyway, so they ask for no key, and an administrator who lost theirs makes
another one here. Everything is noted in the audit log, without an actor.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, Final, TypeVar

import typer

from smartlite.auth.identity import Identity, UserWithRoles
from smartlite.auth.noted import Actor, utc_now
from smartlite.auth.scopes import BUILT_IN_ROLES
from smartlite.cli.display_table import show_table
from smartlite.cli.session import JsonOption, print_json
from smartlite.config import load_settings
from smartlite.domain.identity import ApiKey
from smartlite.storage.database import Database
from smartlite.storage.schema import migrate

T = TypeVar("T")

_ACTOR: Final = Actor(None)
_PAGE: Final = 200

users = typer.Typer(help="Who there is.", no_args_is_help=True, pretty_exceptions_enable=False)
keys = typer.Typer(help="The keys that programs send.", no_args_is_help=True, pretty_exceptions_enable=False)
roles = typer.Typer(help="Names for what somebody may do.", no_args_is_help=True, pretty_exceptions_enable=False)

_User = Annotated[str, typer.Argument(metavar="USER", help="Id or e-mail address.")]
_Roles = Annotated[list[str] | None, typer.Option("--role", help="May be given several times.")]
_Scopes = Annotated[
    list[str] | None, typer.Option("--scope", help="Such as llm:chat, or llm:chat:MODEL; may be given several times.")
]


@users.command("list")
def list_users(as_json: JsonOption = False) -> None:
    """Show every user."""
    found = in_database(lambda identity: every_part(lambda after: identity.page_users(after, _PAGE)))
    if as_json:
        print_json({"users": [_user(each) for each in found]})
        return
    show_table(("ID", "EMAIL", "NAME", "ROLES", "STATE"), [list(_user(each).values()) for each in found])


@users.command("add")
def add_user(email: str, name: str = "", role: _Roles = None, as_json: JsonOption = False) -> None:
    """Add a user; their key is made with `smartlite keys add`."""
    added = in_database(lambda identity: identity.add_user(_ACTOR, email, name, role or ["user"]))
    if as_json:
        print_json(_user(added))
    else:
        typer.echo(f"added {added.user.id} ({', '.join(sorted(added.roles))})")


@users.command("change")
def change_user(
    user: _User,
    role: _Roles = None,
    active: Annotated[bool | None, typer.Option("--let-in/--keep-out", help="Whether their keys work.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Give a user other roles, let them in, or keep them out."""

    async def change(identity: Identity) -> UserWithRoles:
        found = await identity.find_user(user)
        return await identity.change_user(_ACTOR, found.user.id, active, role)

    changed = in_database(change)
    if as_json:
        print_json(_user(changed))
    else:
        typer.echo(" ".join(map(str, _user(changed).values())))


@keys.command("list")
def list_keys(user: _User, as_json: JsonOption = False) -> None:
    """Show a user's keys, the revoked ones too."""

    async def find(identity: Identity) -> list[ApiKey]:
        owner = (await identity.find_user(user)).user.id
        return await every_part(lambda after: identity.page_keys(owner, after, _PAGE))

    rows = [_key(key) for key in in_database(find)]
    if as_json:
        print_json({"keys": rows})
        return
    show_table(("ID", "NAME", "SCOPES", "STATE", "LAST USED"), [list(row.values()) for row in rows])


@keys.command("add")
def add_key(
    user: _User,
    name: str = "",
    scope: _Scopes = None,
    days: Annotated[float | None, typer.Option("--days", min=0.001, max=36_500, help="How long it works.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key for a user and show its text, this once."""

    async def make(identity: Identity) -> tuple[ApiKey, str]:
        owner = (await identity.find_user(user)).user.id
        expires_at = None if days is None else utc_now() + timedelta(days=days)
        return await identity.add_key(_ACTOR, owner, name or "key", scope, expires_at)

    key, text = in_database(make)
    if as_json:
        print_json(_key(key) | {"key": text})
    else:
        typer.echo(f"added {key.id}; its text, shown this once:", err=True)
        typer.echo(text)


@keys.command("revoke")
def revoke_key(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Id, such as key_...")], as_json: JsonOption = False
) -> None:
    """Revoke a key for good; it stops within two seconds."""

    async def revoke(identity: Identity) -> None:
        await identity.revoke_key(_ACTOR, (await identity.find_api_key(key)).id)

    in_database(revoke)
    tell_done(f"revoked {key}", key, as_json)


@keys.command("rotate")
def rotate_key(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Id, such as key_...")],
    overlap_hours: Annotated[
        float, typer.Option("--overlap-hours", min=0, max=720, help="So long the old one stays good.")
    ] = 24,
    as_json: JsonOption = False,
) -> None:
    """Make a key that may do the same and show its text, this once; the old one stops after a while."""
    made, text = in_database(lambda identity: identity.rotate_key(_ACTOR, key, 3600 * overlap_hours))
    if as_json:
        print_json(_key(made) | {"key": text})
    else:
        typer.echo(f"added {made.id} in place of {key}; its text, shown this once:", err=True)
        typer.echo(text)


@roles.command("list")
def list_roles(as_json: JsonOption = False) -> None:
    """Show every role and what it allows."""
    made = in_database(lambda identity: every_part(lambda after: identity.page_roles(after, _PAGE)))
    rows = [{"id": name, "name": name, "scopes": sorted(scopes)} for name, scopes in BUILT_IN_ROLES.items()]
    rows += [{"id": role.id, "name": role.name, "scopes": sorted(role.scopes)} for role in made]
    if as_json:
        print_json({"roles": rows})
        return
    show_table(("ID", "NAME", "SCOPES"), [list(row.values()) for row in rows])


@roles.command("add")
def add_role(name: str, scope: _Scopes = None, as_json: JsonOption = False) -> None:
    """Make a role of scopes."""
    role = in_database(lambda identity: identity.add_role(_ACTOR, name, scope or []))
    tell_done(f"added {role.id}", role.id, as_json)


@roles.command("remove")
def remove_role(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="Id, such as role_...")], as_json: JsonOption = False
) -> None:
    """Take a role away, also from those who have it."""
    in_database(lambda identity: identity.remove_role(_ACTOR, role))
    tell_done(f"removed {role}", role, as_json)


def tell_done(text: str, target_id: str, as_json: bool) -> None:
    """Say what was done, for people or for programs."""
    if as_json:
        print_json({"done": True, "id": target_id})
    else:
        typer.echo(text)


def in_database(work: Callable[[Identity], Awaitable[T]]) -> T:
    """Do something with users, keys, roles and organisations of the platform that the settings name."""

    async def run() -> T:
        database = Database(load_settings().sql_url)
        try:
            await migrate(database)
            return await work(Identity(database))
        finally:
            await database.close()

    return asyncio.run(run())


async def every_part(page: Callable[[str | None], Awaitable[Any]]) -> list[Any]:
    """A whole list, out of its parts."""
    found: list[Any] = []
    after: str | None = None
    while True:
        part = await page(after)
        found += part.items
        if (after := part.next) is None:
            return found


def _user(found: UserWithRoles) -> dict[str, object]:
    user = found.user
    state = "active" if user.is_active else "kept out"
    return {"id": user.id, "email": user.email, "name": user.name, "roles": sorted(found.roles), "state": state}


def _key(key: ApiKey) -> dict[str, object]:
    now = utc_now()
    state = "revoked" if key.revoked_at else "expired" if key.expires_at and key.expires_at <= now else "works"
    used = key.last_used_at.isoformat(timespec="seconds") if key.last_used_at else "never"
    scopes = "all of the user" if key.scopes is None else sorted(key.scopes)
    return {"id": key.id, "name": key.name, "scopes": scopes, "state": state, "last_used": used}
