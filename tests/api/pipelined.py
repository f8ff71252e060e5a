"""Pipelines and their runs over fake stages, with a worker in the test's own loop. Must not know any test."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.domain.asr import Transcript
from smartlite.domain.audio import AudioChunk, AudioFormat, EncodedAudio
from smartlite.domain.models import ModelDirectory
from smartlite.domain.pipelines import Run
from smartlite.errors import HTTPRequestRefused
from smartlite.jobs.kinds import Means, step_runners
from smartlite.jobs.live import LocalLive
from smartlite.jobs.media import TenantMedia, tenant_of
from smartlite.jobs.pipelines import Pipelines, checking, read_saved
from smartlite.jobs.runs import Runs, Submission
from smartlite.jobs.step_cache import StoredStepCache
from smartlite.jobs.worker import Timing, Worker
from smartlite.metering.prices import Price, Prices
from smartlite.pipeline.builtin import builtin_documents
from smartlite.pipeline.execution.executor import Executor
from smartlite.pipeline.steps.ports import HTTPAnswer, HTTPRequest
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.objects import FsspecObjectStore
from smartlite.storage.schema import migrate
from tests.api.metered import Platform
from tests.conftest import PlainEncoder, WavDecoder

GREETING: Final = """name: greeting
inputs:
  name: {type: string}
steps:
  - id: greet
    uses: text.template
    with: {template: "Hello {{ name }}", vars: {name: "${{ inputs.name }}"}}
outputs:
  text: ${{ steps.greet.output }}
"""
FIXED: Final = """name: fixed
steps:
  - id: greet
    uses: text.template
    with: {template: "Hello"}
"""
"""Takes nothing and needs nobody's right to a model."""
ASSISTED: Final = """name: assisted
inputs:
  question: {type: string}
  model: {type: string, required: false}
steps:
  - id: think
    uses: llm.chat
    with: {prompt: "${{ inputs.question }}", model: %s}
outputs:
  answer: ${{ steps.think.output.text }}
"""
"""A model's name is missing in it."""
CHANGED_DOCUMENT: Final = {
    "name": "fixed",
    "steps": [{"id": "greet", "uses": "text.template", "with": {"template": "Hello again"}}],
}


class PlainCodec:
    """WAV in, bare samples out."""

    async def decode(self, data: bytes, sample_rate_hz: int) -> AudioChunk:
        return await WavDecoder().decode(EncodedAudio(data, ""))

    async def encode(self, chunks: Iterable[AudioChunk], audio_format: AudioFormat, sample_rate_hz: int) -> bytes:
        encoder = PlainEncoder(audio_format)
        return b"".join(map(encoder.encode, chunks))

    def open_encoder(self, audio_format: AudioFormat) -> PlainEncoder:
        return PlainEncoder(audio_format)


class NoHTTP:
    """Nothing may be asked."""

    async def send(self, request: HTTPRequest) -> HTTPAnswer:
        raise HTTPRequestRefused("No host is allowed.")


def no_captions(_: str, transcript: Transcript) -> str:
    return transcript.text


class Works:
    """One replica's worth of it, and one worker, which works once it has begun.

    Args:
        services: Whose stages do the work.
        database: Where pipelines and runs are.
        folder: Where media are.
    """

    def __init__(self, services: Services, database: Database, folder: Path) -> None:
        self.blobs = BlobStore(FsspecObjectStore((folder / "media").as_uri()))
        self.pipelines = Pipelines(database, read_saved, checking(services.models), builtin_documents())
        live = LocalLive()
        self.runs = Runs(database, read_saved, poll_s=0.01, live=live)
        means = Means(
            services.asr,
            services.llm,
            services.tts,
            self._directory(services.models),
            PlainCodec(),
            no_captions,
            NoHTTP(),
            lambda run, name, version: self.pipelines.named(run.user_id, name, version),
        )
        prices = Prices({"*": Price(request=0.000001)})
        cache = StoredStepCache(database, self._directory(services.models))
        executor = Executor(step_runners(means), cancel_check_s=0.05, priced=prices.metered, cache=cache)
        self.worker = Worker(database, executor, read_saved, self.objects, timing=Timing(poll_s=0.02), live=live)

    def added_to(self, services: Services) -> Services:
        """The same services, and these."""
        return dataclasses.replace(services, pipelines=self.pipelines, runs=self.runs, media=self.blobs)

    def objects(self, run: Run) -> TenantMedia:
        """The media of a run's tenant."""
        return TenantMedia(self.blobs, tenant_of(run))

    async def add_pipeline(self, owner_id: str, organization_id: str | None = None) -> str:
        """One of somebody's that takes nothing; its id."""
        return (await self.pipelines.add(owner_id, organization_id, FIXED)).pipeline.id

    async def add_run(self, owner_id: str, organization_id: str | None = None) -> tuple[str, str]:
        """One of somebody's that was cancelled, and the address of a file that was made for it."""
        run = await self.runs.submit(Submission(owner_id, organization_id, "pl_0", "fixed", 1, FIXED, {}))
        await self.runs.cancel(run.id)
        place = f"runs/{run.id}/inputs/a.txt"
        await self.objects(run).put(f"media/{place}", b"Hello.")
        return run.id, place

    async def close(self) -> None:
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
