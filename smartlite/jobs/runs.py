"""Runs for whoever asks for them: submitted, looked at, waited for, cancelled, replayed. Must not know workers.

Who may see or cancel a run is for the caller to decide, before.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

from smartlite.auth.noted import Actor, note
from smartlite.domain.identity import Page
from smartlite.domain.ids import new_id
from smartlite.domain.metering import MeteredUsage, summed
from smartlite.domain.pipelines import (
    ENDED,
    JSON,
    Document,
    Happening,
    PipelineQuery,
    PipelineVersion,
    Run,
    RunEvent,
    RunState,
    StepAttempt,
    StepRun,
    StepState,
)
from smartlite.errors import InvalidRequest, NotFound
from smartlite.jobs.following import follow, wait
from smartlite.jobs.live import Live, LocalLive
from smartlite.storage import run_steps, runs
from smartlite.storage.bell import RUNS, WEBHOOKS, Bell
from smartlite.storage.database import Database, retried

POLL_S: Final = 0.2
_STEPS_AT_ONCE: Final = 1000
_MOST_ANCESTORS: Final = 100
"""Replays of replays of a run that are followed."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What is to be run, and for whom."""

    user_id: str
    """Empty where nobody has to say who they are."""
    organization_id: str | None
    pipeline_id: str
    pipeline_name: str
    version: int
    source: str
    """The document of the version."""
    inputs: Mapping[str, JSON]
    priority: int = 0
    run_id: str | None = None
    """Where something was stored for the run before it is one; None: a new id."""
    key_id: str | None = None
    scopes: frozenset[str] | None = None
    """Of the credential, where what is done needs it later."""


class Runs:
    """The runs of a database.

    Args:
        database: Where they are.
        read: A checked document from its text, for ``replay``; raises PipelineInvalid.
        most_of_user: So many runs of one user may wait.
        most: So many runs may wait.
        clock: Tells the time in UTC.
        poll_s: How often the database is asked for what is new, in seconds.
        live: Tells what happens; None: what happens in this process.
        bell: Tells workers of new runs.
    """

    def __init__(
        self,
        database: Database,
        read: Callable[[str], Document],
        most_of_user: int = 100,
        most: int = 1000,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        poll_s: float = POLL_S,
        live: Live | None = None,
        bell: Bell | None = None,
    ) -> None:
        self._database = database
        self._read = read
        self._most_of_user = most_of_user
        self._most = most
        self._clock = clock
        self._poll_s = poll_s
        self._live = live or LocalLive()
        self._bell = bell or Bell()

    async def submit(self, asked: Submission) -> Run:
        """Accept a run: once this returned, it will be run.

        Raises:
            RunQueueFull: 429, too many wait.
            DatabaseUnavailable: 503; if the database was lost while it was asked, nobody knows whether it has the run.
        """
        return await self._add(self._run(asked), asked.source, ())

    async def get(self, run_id: str) -> Run:
        """One run.

        Raises:
            NotFound: 404, there is none.
        """
        async with self._database.reading() as session:
            found = await runs.get(session, run_id)
        if found is None:
            raise NotFound(f"There is no run '{run_id[:64]}'.", "run_id")
        return found

    async def ancestors(self, run: Run) -> Sequence[str]:
        """The ids of the runs that a run is a replay of, the nearest first."""
        found: list[str] = []
        before = run.replay_of
        async with self._database.reading() as session:
            while before is not None and len(found) < _MOST_ANCESTORS:
                found.append(before)
                row = await runs.get(session, before)
                before = None if row is None else row.replay_of
        return found

    async def source(self, run_id: str) -> str:
        """The document that a run runs."""
        async with self._database.reading() as session:
            return await runs.source_of(session, run_id) or ""

    async def page(self, query: PipelineQuery, *, after: str | None = None, limit: int = 50) -> Page[Run]:
        """Runs, the newest first; from after the run ``after``."""
        async with self._database.reading() as session:
            return await runs.page(session, query, after=after, limit=limit)

    async def steps(
        self, run_id: str, *, after: tuple[str, int] | None = None, limit: int = _STEPS_AT_ONCE
    ) -> Sequence[StepRun]:
        """What became of a run's steps, by ids and items; an output that is large is an ``output_ref`` alone."""
        async with self._database.reading() as session:
            return await run_steps.of_run(session, run_id, after=after, limit=limit)

    async def attempts(self, run_id: str, limit: int = _STEPS_AT_ONCE) -> Sequence[StepAttempt]:
        """The attempts of a run's steps, in the order in which they began."""
        async with self._database.reading() as session:
            return await run_steps.attempts_of_run(session, run_id, limit)

    async def usage(self, run_id: str) -> Sequence[MeteredUsage]:
        """What all of a run's steps used, one for each model."""
        async with self._database.reading() as session:
            return summed(await run_steps.usage_of_run(session, run_id))

    async def events(self, run_id: str, after: int = 0) -> AsyncGenerator[RunEvent, None]:
        """The events of a run that follow a number, as they happen, until the last one."""
        async with aclosing(self.follow(run_id, after)) as told:
            async for event in told:
                if isinstance(event, RunEvent):
                    yield event

    def follow(self, run_id: str, after: int = 0) -> AsyncGenerator[RunEvent | Happening, None]:
        """Likewise, with what is told and not recorded: audio, to those who watch while it is made."""
        return follow(self._database, self._live, run_id, after, self._poll_s)

    async def wait(self, run_id: str, seconds: float) -> Run:
        """The run once it has ended, or as it is after so many seconds.

        Raises:
            NotFound: 404, there is none.
        """
        return await wait(self._database, self._live, run_id, seconds, self._poll_s)

    async def cancel(self, run_id: str, actor: Actor | None = None) -> Run:
        """Have a run end; one that has ended stays as it is.

        Args:
            run_id: Which.
            actor: Whom the audit log tells of; None where it is whose the run is.

        Returns:
            The run as it is now: one that a worker has ends within a second.

        Raises:
            NotFound: 404, there is none.
        """

        async def work() -> Run:
            async with self._database.writing() as session:
                before = await runs.get(session, run_id)
                if actor is not None and before is not None and before.state not in ENDED:
                    await note(session, actor, "run.cancel", "run", run_id, {"pipeline": before.pipeline_name})
                return await runs.request_cancel(session, run_id, self._clock())

        run = await retried(work)
        if run.state in ENDED:
            self._bell.ring(WEBHOOKS)
        return run

    async def replay(self, run: Run, from_step: str | None = None, on: PipelineVersion | None = None) -> Run:
        """Run the same again, from a step on: what the steps before it gave is taken over.

        Args:
            run: One that has ended; with the credential of whoever replays it.
            from_step: It, and all steps that wait for it, are run; None: those that did not succeed.
            on: Another version of its pipeline; steps of the same ids count as the same. None: the one that it ran.

        Raises:
            InvalidRequest: 400, the run goes on, or it has no such step.
            RunQueueFull: 429, too many wait.
        """
        if run.state not in ENDED:
            raise InvalidRequest("Only a run that has ended can be replayed.", "run_id")
        source = await self.source(run.id) if on is None else on.source
        document = self._read(source)
        if from_step is not None and all(step.id != from_step for step in document.steps):
            raise InvalidRequest(f"The run has no step '{from_step[:64]}'.", "from_step")
        records = await self._all_steps(run.id)
        again = _again(document, records, from_step)
        kept = [
            replace(record, usage=())  # which the run before has paid for
            for record in records
            if _top(record.step_id) not in again and record.state in {StepState.SUCCEEDED, StepState.SKIPPED}
        ]
        asked = Submission(
            run.user_id,
            run.organization_id,
            run.pipeline_id,
            run.pipeline_name,
            run.version if on is None else on.version,
            source,
            run.inputs,
            run.priority,
            key_id=run.key_id,
            scopes=run.scopes,
        )
        return await self._add(replace(self._run(asked), replay_of=run.id), asked.source, kept)

    def _run(self, asked: Submission) -> Run:
        return Run(
            id=asked.run_id or new_id("run"),
            pipeline_id=asked.pipeline_id,
            pipeline_name=asked.pipeline_name,
            version=asked.version,
            user_id=asked.user_id,
            organization_id=asked.organization_id,
            inputs=asked.inputs,
            state=RunState.QUEUED,
            created_at=self._clock(),
            priority=asked.priority,
            key_id=asked.key_id,
            scopes=asked.scopes,
        )

    async def _add(self, run: Run, source: str, kept: Sequence[StepRun]) -> Run:
        async def work() -> None:
            async with self._database.writing() as session:
                await runs.add(session, run, source, most_of_user=self._most_of_user, most=self._most)
                await run_steps.record(session, run.id, kept)

        await retried(work)
        self._bell.ring(RUNS)
        return run

    async def _all_steps(self, run_id: str) -> list[StepRun]:
        found: list[StepRun] = []
        while True:
            after = (found[-1].step_id, found[-1].item) if found else None
            page = await self.steps(run_id, after=after)
            found += page
            if len(page) < _STEPS_AT_ONCE:
                return found


def _again(document: Document, records: Sequence[StepRun], from_step: str | None) -> set[str]:
    """The steps that are run again, and all that wait for them."""
    if from_step is not None:
        again = {from_step}
    else:
        done = {
            record.step_id
            for record in records
            if record.item == -1 and record.state in {StepState.SUCCEEDED, StepState.SKIPPED}
        }
        # Items and inner steps that succeeded stay, where only the step around them did not.
        again = set[str]()
        for step in document.steps:
            if step.id not in done:
                again |= {other for other, waits in document.depends.items() if step.id in waits}
    while more := {step for step, waits in document.depends.items() if waits & again} - again:
        again |= more
    return again


def _top(path: str) -> str:
    """The run's own step that a path begins with."""
    return path.partition("/")[0].partition(".")[0] if "/" in path else path
