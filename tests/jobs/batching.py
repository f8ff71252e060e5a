"""Batches, files and workers over one database, and a gateway that does as it is told. Must not know any test."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from smartlite.domain.batches import OPEN, Batch, BatchEndpoint
from smartlite.domain.files import FilePurpose
from smartlite.jobs.batch_answering import Pace
from smartlite.jobs.batch_checking import BatchLimits
from smartlite.jobs.batch_worker import BatchWorker
from smartlite.jobs.batches import Batches, NewBatch
from smartlite.jobs.files import Files, NewFile
from smartlite.jobs.gateway_calls import Caller, StoredAnswer, StoredRequest
from smartlite.jobs.shift import Timing
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database
from smartlite.storage.objects import FsspecObjectStore

FAST: Final = Timing(lease_s=1.0, renew_s=0.2, poll_s=0.01, away_s=0.05)
PACE: Final = Pace(parallel=4, slice_s=30, flush_s=0.0, longest_pause_s=0.02)
USER: Final = "user_1"
LONG_S: Final = 30.0


def chat(custom_id: str, text: str = "Hi", **more: Any) -> dict[str, Any]:
    """A line."""
    body = {"model": "fake-llm", "messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body, **more}


def jsonl(*lines: Any) -> bytes:
    """Lines; text stands as it is."""
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    return "".join(f"{text}\n" for text in texts).encode()


def answered(status: int, body: Any, **headers: str) -> StoredAnswer:
    """An answer with JSON."""
    return StoredAnswer(status, {"content-type": "application/json", **headers}, json.dumps(body).encode())


async def until_so(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(LONG_S):
        while not holds():  # noqa: ASYNC110 - it is another's work
            await asyncio.sleep(0.01)


@dataclass
class FakeGateway:
    """A GatewayCalls; each key is worked for once, however often it comes."""

    answer: Callable[[StoredRequest], StoredAnswer] = lambda request: answered(
        200, {"echo": json.loads(request.body), "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    )
    asked: list[StoredRequest] = field(default_factory=list)
    callers: list[Caller] = field(default_factory=list)
    worked: Counter[str] = field(default_factory=Counter)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    free: int = 10**9
    """So many are answered before the gate is closed."""
    kept: dict[str, StoredAnswer] = field(default_factory=dict)
    at_once: int = 0
    most_at_once: int = 0

    async def call(self, request: StoredRequest, caller: Caller, run_id: str) -> StoredAnswer:
        """See GatewayCalls."""
        self.asked.append(request)
        self.callers.append(caller)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0)
            if len(self.asked) > self.free:
                await self.gate.wait()
            key = request.headers["idempotency-key"]
            if key not in self.kept:
                answer = self.answer(request)
                if answer.status not in {409, 429, 503}:
                    self.worked[key] += 1
                    self.kept[key] = answer
                return answer
            return self.kept[key]
        finally:
            self.at_once -= 1


@dataclass
class Clock:
    """Tells a time that tests move on."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Mill:
    """Batches, files and workers."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.clock = Clock()
        self.blobs = BlobStore(FsspecObjectStore((folder / "mill").as_uri()))
        self.files = Files(database, self.blobs, 10**9, self.clock, part_bytes=64)
        self.batches = Batches(database, clock=self.clock)
        self.gateway = FakeGateway()
        self.workers: list[BatchWorker] = []

    def worker(self, pace: Pace = PACE, limits: BatchLimits = BatchLimits(), slots: int = 2) -> BatchWorker:  # noqa: B008
        """One more; it works at once."""
        worker = BatchWorker(
            *(self.database, self.blobs, self.files, self.gateway, limits, pace, slots, FAST, self.clock)
        )
        worker.begin()
        self.workers.append(worker)
        return worker

    async def file(self, data: bytes, purpose: FilePurpose = FilePurpose.BATCH, owner: str = USER) -> str:
        """The id of a new file."""
        upload = await self.files.begin(NewFile(owner, None))
        await upload.write(data)
        return (await self.files.finish(await upload.close("in.jsonl", "application/jsonl", purpose, None))).id

    async def batch(self, *lines: Any, endpoint: BatchEndpoint = BatchEndpoint.CHAT, user: str = USER) -> Batch:
        """A new batch of lines."""
        caller = Caller(user, None, "key_1", frozenset({"llm:chat"}))
        return await self.batches.add(NewBatch(caller, endpoint, await self.file(jsonl(*lines), owner=user)))

    async def ended(self, batch: Batch) -> Batch:
        """The batch once there is nothing to do any more."""
        return await self.until(batch, lambda found: found.state not in OPEN)

    async def until(self, batch: Batch, holds: Callable[[Batch], bool]) -> Batch:
        """The batch once something holds of it."""
        async with asyncio.timeout(LONG_S):
            while True:
                found = await self.batches.get(batch.id)
                assert found is not None
                if holds(found):
                    return found
                await asyncio.sleep(0.01)

    async def lines_of(self, file_id: str | None) -> dict[str, Mapping[str, Any]]:
        """What is in an output, by ``custom_id``."""
        assert file_id is not None
        file = await self.files.get(file_id)
        assert file is not None
        found = [json.loads(line) for line in (await self.files.whole(file)).splitlines()]
        assert len({line["custom_id"] for line in found}) == len(found)
        return {line["custom_id"]: line for line in found}

    async def close(self) -> None:
        """Have every worker stop."""
        await asyncio.gather(*(worker.close() for worker in self.workers))
        self.blobs.close()
