"""The gateway with everything that it can have, over fakes and a database of its own. Must not know any test."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI
from pydantic import SecretStr

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.auth.accounts import Accounts, open_accounts
from smartlite.auth.allowances import Allowances
from smartlite.auth.attempts import Attempts
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.idempotency import IdempotencyKeeper
from smartlite.auth.identity import Identity
from smartlite.auth.local_limiter import LocalLimiter
from smartlite.auth.noted import Actor
from smartlite.auth.oauth.authorization import Asked
from smartlite.auth.oauth.pkce import challenge_of
from smartlite.auth.oidc.providers import KnownProvider, Provider
from smartlite.auth.policies import Resource
from smartlite.auth.quota_book import QuotaBook
from smartlite.auth.rate_limit import Limits
from smartlite.domain.ids import new_id
from smartlite.domain.limits import LimitKind, Period, Quota
from smartlite.domain.metering import RequestRecord
from smartlite.domain.oauth import ClientKind, GrantType
from smartlite.domain.organizations import Access, OrganizationRole, SubjectKind
from smartlite.jobs.results import Results
from smartlite.metering import Metering
from smartlite.metering.drain import Drain
from smartlite.metering.history import History
from smartlite.metering.recorder import Recorder
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.journal import Journal
from smartlite.storage.objects import FsspecObjectStore
from smartlite.storage.schema import migrate
from tests.api.metered import PRICES
from tests.api.oauth_gateway import CALLBACK, VERIFIER
from tests.api.pipelined import Works
from tests.auth.accounts import PASSWORD, VISITOR, Hashing

PLENTY: Final = 10_000_000
NOBODY: Final = Actor(None)
PROVIDER: Final = KnownProvider(
    provider=Provider(
        id="there", name="There", issuer="https://there.example", client_id="smartlite", client_secret_env="X"
    ),
    secret=SecretStr("secret"),
)


@dataclasses.dataclass(frozen=True)
class Resident:
    """An administrator, and one of everything that requests can name."""

    email: str
    key: str
    """What to send as a bearer token."""
    access_token: str
    """Likewise, of a session."""
    found: dict[str, str]
    """By the name of the parameter; nothing of it is what the administrator comes in by."""


class Whole:
    """One replica's worth of it."""

    def __init__(self, services: Services, folder: Path) -> None:
        self.database = Database(f"sqlite+aiosqlite:///{folder}/whole.db")
        self.identity = Identity(self.database)
        self.passwords = Hashing()
        self.accounts: Accounts = open_accounts(
            self.database, passwords=self.passwords, attempts=Attempts(), providers=(PROVIDER,)
        )
        self.blobs = BlobStore(FsspecObjectStore((folder / "objects").as_uri()))
        journal = Journal(folder / "journal")
        self.drain = Drain(self.database, folder / "journal")
        self.history = History(self.database, self.drain)
        self.recorder = Recorder(journal, PRICES)
        self.quotas = QuotaBook(self.database)
        self.authenticator = Authenticator(
            self.identity.find_key,
            find_by_token=self.accounts.check.find,
            find_memberships=self.identity.organizations.memberships,
        )
        limits = Limits(
            Allowances(PLENTY, PLENTY, PLENTY, PLENTY, PLENTY, PLENTY),
            None,
            LocalLimiter(replicas=1),
            price_of=PRICES.cost_micros,
            quotas=self.quotas.of,
        )
        self.services = dataclasses.replace(
            services,
            authenticator=self.authenticator,
            identity=self.identity,
            accounts=self.accounts,
            metering=Metering(self.recorder, self.history),
            quotas=self.quotas,
            limits=limits,
            idempotency=IdempotencyKeeper(self.database, self.blobs),
            results=Results(self.database, self.blobs),
        )
        self.works = Works(services, self.database, folder)
        self.services = self.works.added_to(self.services)
        self.app: FastAPI = create_app(self.services)

    async def add(self, roles: Sequence[str] = ("admin",)) -> Resident:
        """Somebody new, with one of everything."""
        name = new_id("x")
        email = f"{name}@example.com"
        me = (await self.identity.add_user(NOBODY, email, "Ana", roles)).user.id
        other = (await self.identity.add_user(NOBODY, f"other-{name}@example.com", "Bo", ("user",))).user.id
        await self.accounts.sign_in.set_password(NOBODY, me, PASSWORD)
        _, text = await self.identity.add_key(NOBODY, me, "to come in by")
        key, _ = await self.identity.add_key(NOBODY, me, "to be found")
        role = await self.identity.add_role(NOBODY, f"role-{name}"[:64], ["models:read"])
        team = await self.identity.organizations.add(NOBODY, "Newsroom", me)
        principal = await self.authenticator.authenticate(f"Bearer {text}")
        await self.identity.organizations.add_member(principal, NOBODY, team.id, other, OrganizationRole.MEMBER)
        third = (await self.identity.add_user(NOBODY, f"third-{name}@example.com", "Cy", ("user",))).user.id
        signed_in = await self.accounts.sign_in.sign_in(email, PASSWORD, VISITOR)
        oauth = self.accounts.oauth
        client, secret = await oauth.clients.add(
            NOBODY, me, "Captions", ClientKind.CONFIDENTIAL, frozenset(GrantType), ["models:read"], [CALLBACK]
        )
        asked = Asked(client, CALLBACK, client.scopes, challenge_of(VERIFIER), None)
        quota = await self.quotas.put(
            NOBODY, Quota("", "user", other, LimitKind.REQUESTS, PLENTY, Period.DAY, None, "local")
        )
        allowed = await oauth.authorization.allow(asked, email, PASSWORD, VISITOR)
        code = parse_qs(urlsplit(allowed.location).query)["code"][0]
        await oauth.grants.exchange(client, code, CALLBACK, VERIFIER, VISITOR)
        grant, _ = (await oauth.grants.page(me, None, 1)).items[0]
        record = self._record(me, key.id)
        await self.drain.read_all()
        run_id, place = await self.works.add_run(me)
        conversation_id, item_id = await self.works.add_conversation(me)
        webhook_id, delivery_id = await self.works.add_webhook(me)
        resource = Resource("request", record.id, me)
        await self.identity.sharing.put(principal, NOBODY, resource, SubjectKind.USER, other, Access.READ)
        return Resident(
            email,
            text,
            await self.access_token(email),
            {
                "user_id": other,
                "key_id": key.id,
                "role_id": role.id,
                "organization_id": team.id,
                "session_id": signed_in.session.id,
                "client_id": client.id,
                "client_secret": secret or "",
                "request": await oauth.authorization.seal(asked),
                "email": email,
                "grant_id": grant.id,
                "quota_id": quota.id,
                "record_id": record.id,
                "resource_id": record.id,
                "actor_id": me,
                "api_key_id": key.id,
                "subject": other,
                "subject_id": other,
                "user": third,
                "refresh_token": signed_in.refresh_token,
                "token": signed_in.refresh_token,
                "pipeline": await self.works.add_pipeline(me),
                "prompt": await self.works.add_prompt(me),
                "conversation_id": conversation_id,
                "item_id": item_id,
                "run_id": run_id,
                "webhook_id": webhook_id,
                "delivery_id": delivery_id,
                "key": place,
                "file_id": await self.works.add_file(me),
                "input_file_id": await self.works.add_file(me),
                "batch_id": await self.works.add_batch(me),
            },
        )

    async def access_token(self, email: str) -> str:
        """Of somebody who has just signed in."""
        return (await self.accounts.sign_in.sign_in(email, PASSWORD, VISITOR)).access_token

    def _record(self, user_id: str, key_id: str) -> RequestRecord:
        record = RequestRecord(
            id=new_id("rec"),
            at=datetime.now(UTC) - timedelta(seconds=1),
            request_id="req_1",
            user_id=user_id,
            key_id=key_id,
            organization_id=None,
            method="GET",
            route="/v1/models",
            status=200,
            error_code=None,
            duration_ms=1,
            stages_ms={},
            request_bytes=0,
            response_bytes=0,
            client_gone=False,
            usage=(),
            content=b'{"request": "{}", "response": null}',
        )
        self.recorder.record(record)
        return record

    async def close(self) -> None:
        await self.accounts.sign_in.settle()
        await self.works.close()
        self.blobs.close()
        await self.database.close()
        await asyncio.sleep(0)
        self.passwords.close()


@asynccontextmanager
async def a_whole_gateway(services: Services, folder: Path) -> AsyncIterator[Whole]:
    """A gateway on a new database."""
    whole = Whole(services, folder)
    await migrate(whole.database)
    whole.works.worker.begin()
    try:
        yield whole
    finally:
        await whole.close()
