"""``smartlite orgs``: organisations and who is in them, straight in the database. Must not know HTTP.

Whoever can run these has the database anyway, so they ask for no key; everything is noted without an actor.
"""

from typing import Annotated, Final

import typer

from smartlite.auth.identity import Identity
from smartlite.auth.noted import Actor
from smartlite.auth.permissions import ANONYMOUS_ADMIN
from smartlite.cli.display_table import show_table
from smartlite.cli.identity import every_part, in_database, tell_done
from smartlite.cli.session import JsonOption, print_json
from smartlite.domain.organizations import Member, Organization, OrganizationRole

_ACTOR: Final = Actor(None)
_PAGE: Final = 200

orgs = typer.Typer(help="Organizations of users.", no_args_is_help=True, pretty_exceptions_enable=False)

_Organization = Annotated[str, typer.Argument(metavar="ORG", help="Id, such as org_...")]
_User = Annotated[str, typer.Argument(metavar="USER", help="Id or e-mail address.")]


@orgs.command("list")
def list_organizations(as_json: JsonOption = False) -> None:
    """Show every organization."""
    found = in_database(
        lambda identity: every_part(lambda after: identity.organizations.page(ANONYMOUS_ADMIN, after, _PAGE))
    )
    rows = [_organization(seen.organization) for seen in found]
    if as_json:
        print_json({"organizations": rows})
        return
    show_table(("ID", "NAME", "STATE", "MADE"), [list(row.values()) for row in rows])


@orgs.command("add")
def add_organization(
    name: str,
    owner: Annotated[str, typer.Option("--owner", metavar="USER", help="Id or e-mail address.")],
    as_json: JsonOption = False,
) -> None:
    """Make an organization and its first owner."""

    async def add(identity: Identity) -> Organization:
        user = (await identity.find_user(owner)).user.id
        return await identity.organizations.add(_ACTOR, name, user)

    added = in_database(add)
    if as_json:
        print_json(_organization(added))
    else:
        typer.echo(f"added {added.id}")


@orgs.command("members")
def list_members(organization: _Organization, as_json: JsonOption = False) -> None:
    """Show who is in an organization."""
    found = in_database(
        lambda identity: every_part(
            lambda after: identity.organizations.page_members(ANONYMOUS_ADMIN, organization, after, _PAGE)
        )
    )
    rows = [_member(member) for member in found]
    if as_json:
        print_json({"members": rows})
        return
    show_table(("USER", "EMAIL", "NAME", "ROLE"), [list(row.values()) for row in rows])


@orgs.command("add-member")
def add_member(
    organization: _Organization,
    user: _User,
    role: Annotated[OrganizationRole, typer.Option("--role")] = OrganizationRole.MEMBER,
    as_json: JsonOption = False,
) -> None:
    """Take a user into an organization; or, who is in it, have another role."""

    async def add(identity: Identity) -> Member:
        organizations = identity.organizations
        user_id = (await identity.find_user(user)).user.id
        if organization in await organizations.memberships(user_id):
            return await organizations.set_role(ANONYMOUS_ADMIN, _ACTOR, organization, user_id, role)
        return await organizations.add_member(ANONYMOUS_ADMIN, _ACTOR, organization, user_id, role)

    added = in_database(add)
    if as_json:
        print_json(_member(added))
    else:
        typer.echo(f"{added.email} is {added.role.value} of {organization}")


@orgs.command("remove-member")
def remove_member(organization: _Organization, user: _User, as_json: JsonOption = False) -> None:
    """Take a user out of an organization; their keys for it are revoked."""

    async def remove(identity: Identity) -> str:
        user_id = (await identity.find_user(user)).user.id
        await identity.organizations.remove_member(ANONYMOUS_ADMIN, _ACTOR, organization, user_id)
        return user_id

    user_id = in_database(remove)
    tell_done(f"{user_id} is in {organization} no more", user_id, as_json)


@orgs.command("change")
def change_organization(
    organization: _Organization,
    name: Annotated[str | None, typer.Option("--name")] = None,
    active: Annotated[bool | None, typer.Option("--let-in/--keep-out", help="Whether anybody acts for it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Give an organization another name, or have nobody act for it."""
    changed = in_database(
        lambda identity: identity.organizations.change(ANONYMOUS_ADMIN, _ACTOR, organization, name, active)
    ).organization
    if as_json:
        print_json(_organization(changed))
    else:
        typer.echo(" ".join(map(str, _organization(changed).values())))


@orgs.command("remove")
def remove_organization(organization: _Organization, as_json: JsonOption = False) -> None:
    """Remove an organization with its keys; its usage and history stay."""
    in_database(lambda identity: identity.organizations.remove(ANONYMOUS_ADMIN, _ACTOR, organization))
    tell_done(f"removed {organization}", organization, as_json)


def _organization(found: Organization) -> dict[str, str]:
    state = "active" if found.is_active else "kept out"
    made = found.created_at.isoformat(timespec="seconds")
    return {"id": found.id, "name": found.name, "state": state, "made": made}


def _member(member: Member) -> dict[str, str]:
    return {"user_id": member.user_id, "email": member.email, "name": member.name, "role": member.role.value}
