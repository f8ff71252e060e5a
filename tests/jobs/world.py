"""Documents, steps and a worker for tests of runs in a database. Must not know any test."""

import asyncio
from dataclasses import dataclass, field

from smartlite.domain.pipelines import JSON, Document, Run
from smartlite.errors import PipelineInvalid
from smartlite.jobs.live import Live, LocalLive
from smartlite.jobs.runs import Runs, Submission
from smartlite.jobs.shift import Timing
from smartlite.jobs.worker import Worker
from smartlite.pipeline.execution.executor import Executor
from smartlite.storage.database import Database
from tests.pipeline.execution.world import SCRIPTED, MemoryObjects, Script, a_document, a_step

FAST = Timing(lease_s=1.0, renew_s=0.2, poll_s=0.01)

DOCUMENTS: dict[str, Document] = {
    "one": a_document(a_step("a")),
    "chain": a_document(
        a_step("a"),
        a_step("b", fields={"after": "${{ steps.a.output }}"}),
        a_step("each", for_each="inputs.items", fields={"item": "${{ item }}", "after": "${{ steps.b.output }}"}),
        outputs={"each": "${{ steps.each.output }}"},
    ),
}


def read(source: str) -> Document:
    """A document by its name."""
    if source not in DOCUMENTS:
        raise PipelineInvalid("no such document")
    return DOCUMENTS[source]


def asked(source: str = "one", user_id: str = "user_1", **inputs: JSON) -> Submission:
    """A run of a document."""
    return Submission(user_id, None, "pl_1", "test", 1, source, inputs)


@dataclass
class Office:
    """Runs and workers over one database."""

    database: Database
    script: Script = field(default_factory=Script)
    objects: MemoryObjects = field(default_factory=MemoryObjects)
    workers: list[Worker] = field(default_factory=list)
    live: Live = field(default_factory=LocalLive)

    def runs(self, **more: int) -> Runs:
        """For those who ask."""
        return Runs(self.database, read, poll_s=0.01, live=self.live, **more)

    def worker(self, slots: int = 4, timing: Timing = FAST) -> Worker:
        """One more; it works at once."""
        executor = Executor({"python": self.script.run}, cancel_check_s=0.02, specs=SCRIPTED)
        worker = Worker(self.database, executor, read, self._open, slots, timing, live=self.live)
        worker.begin()
        self.workers.append(worker)
        return worker

    async def close(self) -> None:
        """Have every worker stop."""
        await asyncio.gather(*(worker.close() for worker in self.workers))

    def _open(self, run: Run) -> MemoryObjects:
        return self.objects
