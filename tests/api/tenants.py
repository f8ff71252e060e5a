"""A gateway with everything switched on, callers of every kind, and fresh things of several owners.

Must not know any route, nor any test.
"""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.auth.accounts import open_accounts
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.idempotency import IdempotencyKeeper
from smartlite.auth.noted import Actor, utc_now
from smartlite.auth.permissions import ANONYMOUS_ADMIN
from smartlite.auth.scopes import BUILT_IN_ROLES, Scope
from smartlite.auth.sessions import Visitor
from smartlite.domain.ids import new_id
from smartlite.domain.limits import LimitKind, Period, Quota
from smartlite.domain.metering import RequestRecord
from smartlite.domain.oauth import ClientKind, Grant, GrantType
from smartlite.domain.organizations import OrganizationRole
from smartlite.storage import ledger, oauth_grants
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.objects import FsspecObjectStore
from smartlite.storage.schema import migrate
from tests.api.metered import Platform
from tests.api.pipelined import Works
from tests.auth.accounts import Hashing

ACTOR: Final = Actor(None)
HELPDESK: Final = frozenset(
    {
        *(Scope.USERS_READ, Scope.USERS_WRITE, Scope.KEYS_READ, Scope.KEYS_WRITE),
        *(Scope.OAUTH_READ, Scope.OAUTH_WRITE, Scope.MODELS_READ),
    }
)
"""Of a role that was made: handles users, and not those who may do more."""


@dataclass(frozen=True)
class Caller:
    """Somebody who asks, and what they may, as the code's own tables say it."""

    name: str
    role: str
    place: OrganizationRole | None = None
    """What they are in the organisation."""
    is_narrow: bool = False
    """Whether they ask with a key that is limited to no scope at all."""

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset() if self.is_narrow else grants_of(self.role)

    def may(self, scope: str) -> bool:
        return scope in self.scopes

    @property
    def manages(self) -> bool:
        return self.place in {OrganizationRole.OWNER, OrganizationRole.ADMIN} and not self.is_narrow


CALLERS: Final = (
    *(Caller(role, role) for role in ("viewer", "user", "developer", "operator", "admin", "helpdesk")),
    Caller("narrow", "admin", is_narrow=True),
    Caller("narrow-owner", "developer", OrganizationRole.OWNER, is_narrow=True),
    Caller("member", "developer", OrganizationRole.MEMBER),
    Caller("manager", "developer", OrganizationRole.ADMIN),
    Caller("org-owner", "user", OrganizationRole.OWNER),
    Caller("outsider", "developer"),
)
"""The outsider owns an organisation of their own."""
OWNERS: Final = {"self": "", "mate": "viewer", "stranger": "viewer", "root": "admin"}
"""Whose a thing is, and their role: the caller's own, a member's of the same organisation, or another's who may do
little or everything."""


def grants_of(role: str) -> frozenset[str]:
    """What a role grants."""
    return frozenset(map(str, HELPDESK if role == "helpdesk" else BUILT_IN_ROLES[role]))


class Tenants:
    """The world as one caller finds it."""

    def __init__(self, platform: Platform, services: Services, works: Works, caller: Caller) -> None:
        self.platform = platform
        self.services = services
        self.works = works
        self.caller = caller
        self.app = create_app(services)
        self.organization_id = ""
        self.key = ""
        self._records = 0

    async def build(self) -> None:
        identity, caller = self.platform.identity, self.caller
        await identity.add_role(ACTOR, "helpdesk", HELPDESK)
        for name, role in {**OWNERS, "self": caller.role}.items():
            user = await identity.add_user(ACTOR, f"{name}@example.com", name, [role])
            self.platform.users[name] = user.user.id
        self.organization_id = await self.organization("root")
        if caller.name == "outsider":
            await identity.organizations.add(ACTOR, "Elsewhere", self.platform.users["self"])
        scopes = frozenset[str]() if caller.is_narrow else None
        _, self.key = await identity.add_key(ACTOR, self.platform.users["self"], "key", scopes)

    def client(self, authorization: str | None = None) -> httpx.AsyncClient:
        """A client that shows the caller's key, or something else."""
        shown = f"Bearer {self.key}" if authorization is None else authorization
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),
            base_url="http://gateway",
            headers={"Authorization": shown} if shown else {},
        )

    async def organization(self, owner: str) -> str:
        """One of somebody's; the caller is in it, if they are in any, where it is not an outsider's."""
        service = self.platform.identity.organizations
        made = await service.add(ACTOR, "Newsroom", self.platform.users[owner])
        places = {"mate": OrganizationRole.MEMBER, "self": self.caller.place}
        for name, place in places.items():
            if name != owner and owner in {"mate", "root"} and place is not None:
                user = self.platform.users[name]
                await service.add_member(ANONYMOUS_ADMIN, ACTOR, made.id, user, place)
        return made.id

    async def organization_of(self, owner: str) -> dict[str, str]:
        if owner != "root":
            return {"organization_id": await self.organization(owner)}
        made = await self.platform.identity.organizations.add(ACTOR, "Theirs", self.platform.users["root"])
        return {"organization_id": made.id}

    async def member_of(self, owner: str) -> dict[str, str]:
        found = await self.organization_of(owner)
        user = await self.user("viewer")
        member = OrganizationRole.MEMBER
        await self.platform.identity.organizations.add_member(
            ANONYMOUS_ADMIN, ACTOR, found["organization_id"], user, member
        )
        return {**found, "user_id": user}

    async def user(self, role: str) -> str:
        address = f"{new_id('u')}@example.com"
        return (await self.platform.identity.add_user(ACTOR, address, "", [role])).user.id

    async def user_of(self, owner: str) -> dict[str, str]:
        """A fresh user, who may do as much as the owner; the caller is themselves."""
        if owner == "self":
            return {"user_id": self.platform.users["self"]}
        return {"user_id": await self.user(OWNERS[owner])}

    async def role_of(self, _: str) -> dict[str, str]:
        made = await self.platform.identity.add_role(ACTOR, new_id("r")[:60], ["models:read"])
        return {"role_id": made.id}

    async def key_of(self, owner: str) -> dict[str, str]:
        """A mate's is one for the organisation."""
        organization = self.organization_id if owner == "mate" else None
        user = self.platform.users[owner]
        key, _ = await self.platform.identity.add_key(ACTOR, user, "k", None, None, organization)
        return {"key_id": key.id}

    async def session_of(self, owner: str) -> dict[str, str]:
        assert self.services.accounts is not None
        async with self.platform.database.writing() as session:
            begun, _ = await self.services.accounts.sessions.add(session, self.platform.users[owner], Visitor())
        return {"session_id": begun.id}

    async def client_of(self, owner: str) -> dict[str, str]:
        assert self.services.accounts is not None
        made, _ = await self.services.accounts.oauth.clients.add(
            ACTOR,
            self.platform.users[owner],
            "Captions",
            ClientKind.CONFIDENTIAL,
            frozenset({GrantType.CLIENT_CREDENTIALS}),
            ["models:read"],
            [],
        )
        return {"client_id": made.id}

    async def grant_of(self, owner: str) -> dict[str, str]:
        session_id = (await self.session_of(owner))["session_id"]
        client_id = (await self.client_of("stranger"))["client_id"]
        grant_id = session_id.replace("ses_", "grant_")
        async with self.platform.database.writing() as session:
            await oauth_grants.add(session, Grant(grant_id, session_id, client_id, frozenset(), utc_now()))
        return {"grant_id": grant_id}

    async def quota_of(self, owner: str) -> dict[str, str]:
        quota = Quota("", "user", self.platform.users[owner], LimitKind.REQUESTS, 1_000_000, Period.MINUTE)
        return {"quota_id": (await self.platform.quotas.put(ACTOR, quota)).id}

    async def request_of(self, owner: str) -> dict[str, str]:
        """A mate's is one for the organisation."""
        organization = self.organization_id if owner == "mate" else None
        record = RequestRecord(
            *(new_id("rec"), utc_now(), "x", self.platform.users[owner], None, organization),
            *("GET", "/v1/models", 200, None, 1),
        )
        async with self.platform.database.writing() as session:
            assert await ledger.keep(session, [record], f"seg_{self._records}", 0, 1)
        self._records += 1
        return {"record_id": record.id}

    async def pipeline_of(self, owner: str) -> dict[str, str]:
        """A mate's is one of the organisation; there is none of theirs by this name yet."""
        user = self.platform.users[owner]
        found = await self.works.pipelines.find("fixed", user)
        if found is not None:
            await self.works.pipelines.remove(found)
        organization = self.organization_id if owner == "mate" else None
        return {"pipeline": await self.works.add_pipeline(user, organization), "version": "1"}

    async def prompt_of(self, owner: str) -> dict[str, str]:
        """Likewise."""
        user = self.platform.users[owner]
        found = await self.works.prompts.find("kind", user)
        if found is not None:
            await self.works.prompts.remove(found)
        organization = self.organization_id if owner == "mate" else None
        return {"prompt": await self.works.add_prompt(user, organization), "version": "1"}

    async def conversation_of(self, owner: str) -> dict[str, str]:
        """Likewise."""
        organization = self.organization_id if owner == "mate" else None
        made, item_id = await self.works.add_conversation(self.platform.users[owner], organization)
        return {"conversation_id": made, "item_id": item_id}

    async def run_of(self, owner: str) -> dict[str, str]:
        """Likewise."""
        organization = self.organization_id if owner == "mate" else None
        run_id, place = await self.works.add_run(self.platform.users[owner], organization)
        return {"run_id": run_id, "key": place}

    async def file_of(self, owner: str) -> dict[str, str]:
        """Likewise."""
        organization = self.organization_id if owner == "mate" else None
        return {"file_id": await self.works.add_file(self.platform.users[owner], organization)}

    async def batch_of(self, owner: str) -> dict[str, str]:
        """Likewise."""
        organization = self.organization_id if owner == "mate" else None
        return {"batch_id": await self.works.add_batch(self.platform.users[owner], organization)}

    async def webhook_of(self, owner: str) -> dict[str, str]:
        """Likewise."""
        organization = self.organization_id if owner == "mate" else None
        webhook_id, delivery_id = await self.works.add_webhook(self.platform.users[owner], organization)
        return {"webhook_id": webhook_id, "delivery_id": delivery_id}

    async def model_of(self, _: str) -> dict[str, str]:
        return {"model": "fake-llm"}


@asynccontextmanager
async def tenants(services: Services, folder: Path, caller: Caller) -> AsyncIterator[Tenants]:
    """A world of its own for one caller."""
    database = Database(f"sqlite+aiosqlite:///{folder}/smartlite.db")
    await migrate(database)
    platform = Platform(services, database, folder / "journal")
    passwords = Hashing()
    accounts = open_accounts(database, passwords=passwords)
    blobs = BlobStore(FsspecObjectStore((folder / "objects").as_uri()))
    find = platform.identity.organizations.memberships
    authenticator = Authenticator(platform.identity.find_key, find_by_token=accounts.check.find, find_memberships=find)
    everything = dataclasses.replace(
        platform.services,
        authenticator=authenticator,
        accounts=accounts,
        idempotency=IdempotencyKeeper(database, blobs),
    )
    works = Works(services, database, folder)
    world = Tenants(platform, works.added_to(everything), works, caller)
    await world.build()
    yield world
    await accounts.sign_in.settle()
    await works.close()
    blobs.close()
    passwords.close()
    await database.close()
