"""Pipelines and their runs over fake stages, with a worker in the test's own loop. Must not know any test."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from smartlite.api.app import create_app
from smartlite.api.in_process import InProcessGateway
from smartlite.api.services import Services
from smartlite.auth.noted import Actor
from smartlite.domain.batches import BatchEndpoint
from smartlite.domain.conversations import ItemContent, Truncation
from smartlite.domain.files import FilePurpose
from smartlite.domain.models import ModelDirectory
from smartlite.domain.pipelines import Run
from smartlite.domain.principal import Principal
from smartlite.domain.prompts import PromptTemplate
from smartlite.jobs.batch_answering import Pace
from smartlite.jobs.batch_checking import BatchLimits
from smartlite.jobs.batch_worker import BatchWorker
from smartlite.jobs.batches import Batches, NewBatch
from smartlite.jobs.conversations import Conversations
from smartlite.jobs.files import Files, NewFile
from smartlite.jobs.gateway_calls import Caller, GatewayCalls, StoredAnswer, StoredRequest
from smartlite.jobs.http_hosts import AllowedHosts
from smartlite.jobs.kinds import Means, step_runners
from smartlite.jobs.live import LocalLive
from smartlite.jobs.media import TenantMedia, tenant_of
from smartlite.jobs.pipelines import Pipelines, checking, read_saved
from smartlite.jobs.prompts import Prompts, find_prompt
from smartlite.jobs.run_retention import RunRetention
from smartlite.jobs.runs import Runs, Submission
from smartlite.jobs.shift import Timing
from smartlite.jobs.step_cache import StoredStepCache
from smartlite.jobs.webhooks import Wanted, Webhooks
from smartlite.jobs.worker import Worker
from smartlite.metering.prices import Price, Prices
from smartlite.pipeline.builtin import builtin_documents
from smartlite.pipeline.execution.executor import Executor
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher
from smartlite.storage.objects import FsspecObjectStore
from smartlite.storage.schema import migrate
from tests.api.metered import Platform
from tests.api.plain_means import FIXED, NoHTTP, PlainCodec, no_captions


async def nobody(_: Caller) -> Principal | None:
    return None


class Works:
    """One replica's worth of it, and one worker, which works once it has begun.

    Args:
        services: Whose stages do the work.
        database: Where pipelines and runs are.
        folder: Where media are.
        cipher: Encrypts conversations.
    """

    def __init__(self, services: Services, database: Database, folder: Path, cipher: Cipher | None = None) -> None:
        self.blobs = BlobStore(FsspecObjectStore((folder / "media").as_uri()))
        self.retention = RunRetention(database, self.blobs)
        self.prompts = Prompts(database)
        self.conversations = Conversations(database, cipher)
        self.pipelines = Pipelines(
            database,
            read_saved,
            checking(services.models),
            builtin_documents(),
            check_prompts=self.prompts.check_steps,
        )
        live = LocalLive()
        self.runs = Runs(database, read_saved, poll_s=0.01, live=live)
        self.files = Files(database, self.blobs, 10**9)
        self.batches = Batches(database)
        self.webhooks = Webhooks(database, Cipher(database, {}), AllowedHosts(("*", "127.0.0.1:9")))
        means = Means(
            services.asr,
            services.llm,
            services.tts,
            self._directory(services.models),
            PlainCodec(),
            no_captions,
            NoHTTP(),
            lambda run, name, version: self.pipelines.named(run.user_id, name, version),
            find_prompt(self.prompts),
            self,
        )
        prices = Prices({"*": Price(request=0.000001)})
        cache = StoredStepCache(database, self._directory(services.models))
        executor = Executor(step_runners(means), cancel_check_s=0.05, priced=prices.metered, cache=cache)
        self.gateway: GatewayCalls = InProcessGateway(create_app(services), nobody, "gateway")
        """Answers requests that are runs; without authentication until another is put in its place."""
        limits = BatchLimits(upload_bytes=10**6)
        self.batch_worker = BatchWorker(
            database, self.blobs, self.files, self, limits, Pace(flush_s=0), timing=Timing(poll_s=0.02)
        )
        """Works once it has begun."""
        self.worker = Worker(database, executor, read_saved, self.objects, timing=Timing(poll_s=0.02), live=live)

    async def call(self, request: StoredRequest, caller: Caller, run_id: str) -> StoredAnswer:
        """A GatewayCalls."""
        return await self.gateway.call(request, caller, run_id)

    def added_to(self, services: Services) -> Services:
        """The same services, and these."""
        return dataclasses.replace(services, **self._parts)

    @property
    def _parts(self) -> dict[str, Any]:
        return {
            "pipelines": self.pipelines,
            "runs": self.runs,
            "media": self.blobs,
            "files": self.files,
            "batches": self.batches,
            "retention": self.retention,
            "prompts": self.prompts,
            "conversations": self.conversations,
            "webhooks": self.webhooks,
        }

    def objects(self, run: Run) -> TenantMedia:
        """The media of a run's tenant."""
        return TenantMedia(self.blobs, tenant_of(run))

    async def add_pipeline(self, owner_id: str, organization_id: str | None = None) -> str:
        """One of somebody's that takes nothing; its id."""
        return (await self.pipelines.add(owner_id, organization_id, FIXED)).pipeline.id

    async def add_prompt(self, owner_id: str, organization_id: str | None = None) -> str:
        """One of somebody's without variables; its id."""
        template = PromptTemplate(system="Be kind.")
        return (await self.prompts.add(owner_id, organization_id, "kind", template)).prompt.id

    async def add_conversation(self, owner_id: str, organization_id: str | None = None) -> tuple[str, str]:
        """One of somebody's with one message; the ids of both."""
        said = ItemContent("message", "Hello.", "user")
        found = await self.conversations.add(owner_id, organization_id, {}, Truncation(), [said])
        items, _ = await self.conversations.page_items(found, None, 1, descending=False)
        return found.id, items[0].id

    async def add_run(self, owner_id: str, organization_id: str | None = None) -> tuple[str, str]:
        """One of somebody's that was cancelled, and the address of a file that was made for it."""
        run = await self.runs.submit(Submission(owner_id, organization_id, "pl_0", "fixed", 1, FIXED, {}))
        await self.runs.cancel(run.id)
        place = f"runs/{run.id}/inputs/a.txt"
        await self.objects(run).put(f"media/{place}", b"Hello.")
        return run.id, place

    async def add_file(self, owner_id: str, organization_id: str | None = None) -> str:
        """One of somebody's, for a batch; its id."""
        upload = await self.files.begin(NewFile(owner_id, organization_id))
        await upload.write(b"{}")
        closed = await upload.close("requests.jsonl", "application/jsonl", FilePurpose.BATCH, None)
        return (await self.files.finish(closed)).id

    async def add_batch(self, owner_id: str, organization_id: str | None = None) -> str:
        """One of somebody's that nobody works on; its id."""
        new = NewBatch(Caller(owner_id, organization_id), BatchEndpoint.CHAT, "file_0")
        return (await self.batches.add(new)).id

    async def add_webhook(self, owner_id: str, organization_id: str | None = None) -> tuple[str, str]:
        """One of somebody's, and a delivery that had failed for good."""
        url = "https://example.com/hook"
        made, _ = await self.webhooks.add(Actor(None), owner_id, organization_id, url, "", ["run.failed"])
        delivery = await self.webhooks.test(made)
        await self.webhooks.change(Actor(None), made, Wanted(is_active=False))
        await self.webhooks.change(Actor(None), dataclasses.replace(made, is_active=False), Wanted(is_active=True))
        return made.id, delivery.id

    async def close(self) -> None:
        await self.batch_worker.close()
        await self.worker.close()
        self.blobs.close()

    @staticmethod
    def _directory(models: ModelDirectory) -> Callable[[], Awaitable[ModelDirectory]]:
        async def directory() -> ModelDirectory:
            return models

        return directory


class Kitchen:
    """People with keys, pipelines of theirs, and a worker that works: Ana and Ben write, Zoe only runs."""

    def __init__(self, services: Services, database: Database, folder: Path) -> None:
        self.works = Works(services, database, folder)
        self.platform = Platform(self.works.added_to(services), database, folder / "journal")
        self.users = self.platform.users
        self.works.gateway = InProcessGateway(self.platform.app_of_runs(), self.platform.find_again, "gateway")
        self.open_app = create_app(self.works.added_to(services))
        """Without authentication."""

    async def build(self) -> None:
        for name, role in {"root": "admin", "ana": "developer", "ben": "developer", "zoe": "user"}.items():
            await (await self.platform.add(name, {role})).aclose()

    def client(self, name: str) -> httpx.AsyncClient:
        return self.platform.client(name)

    async def ask(
        self, name: str, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """A body that is text is a document."""
        sent: dict[str, Any] = {"json": body} if isinstance(body, dict) else {"content": body}
        kind = {} if body is None or isinstance(body, dict) else {"content-type": "application/yaml"}
        async with self.client(name) as client:
            return await client.request(method, f"/v1{path}", headers={**kind, **(headers or {})}, **sent)

    async def __call__(self, name: str, method: str, path: str, status: int, body: Any = None) -> Any:
        answer = await self.ask(name, method, path, body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def run(self, name: str, pipeline: str, /, **inputs: Any) -> Any:
        """A run that has ended."""
        headers = {"prefer": "wait=20"}
        answer = await self.ask(name, "POST", f"/pipelines/{pipeline}/runs", {"inputs": inputs}, headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def share(self, name: str, kind: str, resource_id: str, other: str, access: str) -> None:
        body = {"resource_kind": kind, "resource_id": resource_id, "subject_kind": "user"}
        await self(name, "PUT", "/shares", 200, {**body, "subject_id": self.users[other], "access": access})


@asynccontextmanager
async def a_kitchen(services: Services, folder: Path) -> AsyncIterator[Kitchen]:
    """One on a new database."""
    database = Database(f"sqlite+aiosqlite:///{folder}/smartlite.db")
    await migrate(database)
    kitchen = Kitchen(services, database, folder)
    await kitchen.build()
    kitchen.works.worker.begin()
    yield kitchen
    await kitchen.works.close()
    await database.close()
