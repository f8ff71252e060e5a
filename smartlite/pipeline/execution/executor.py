"""One run from where it stands to its end: the graph, and somebody who may cancel it. Must not know how it is kept."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from smartlite.domain.metering import MeteredUsage
from smartlite.domain.pipelines import Document, Run, RunState
from smartlite.domain.usage import ModelUsage
from smartlite.pipeline.execution.failures import StepFailed
from smartlite.pipeline.execution.graph import Graph, Surroundings
from smartlite.pipeline.execution.kinds import NoCache, StepCache, StepRunner
from smartlite.pipeline.execution.ports import Objects, Outcome, RunLog
from smartlite.pipeline.execution.records import Priced, Records
from smartlite.pipeline.spec.kinds import KINDS, Kind
from smartlite.stopping import stop

CANCEL_CHECK_S: Final = 0.5


def in_whole_units(used: ModelUsage) -> MeteredUsage:
    """Use of a model that costs nothing."""
    return MeteredUsage(
        used.model,
        round(used.prompt_tokens),
        round(used.completion_tokens),
        round(1000 * used.audio_input_s),
        round(1000 * used.audio_output_s),
        round(used.characters),
    )


class Executor:
    """Runs documents. Keeps nothing between runs.

    Args:
        kinds: What runs each kind of step, by its name.
        clock: Tells the time in UTC.
        sleep: Waits so many seconds between attempts.
        cancel_check_s: How often a run is asked whether it is to end, in seconds.
        specs: The fields of each kind, by its name.
        priced: What use of models costs.
        cache: Outputs that may be taken again, where a step wants it; None: none.
    """

    def __init__(
        self,
        kinds: Mapping[str, StepRunner],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        cancel_check_s: float = CANCEL_CHECK_S,
        specs: Mapping[str, Kind] = KINDS,
        priced: Priced = in_whole_units,
        cache: StepCache | None = None,
    ) -> None:
        self._kinds = kinds
        self._clock = clock
        self._sleep = sleep
        self._cancel_check_s = cancel_check_s
        self._specs = specs
        self._priced = priced
        self._cache = cache or NoCache()

    async def run(self, document: Document, run: Run, log: RunLog, objects: Objects, token: int = 1) -> Outcome:
        """Go on with a run and end it. Cancelled, it stops what it began and leaves the run to another worker.

        Args:
            document: Checked, with ``depends``.
            run: Which run; running.
            log: Its log.
            objects: Its tenant's media.
            token: Of the worker; another one for each that has the run.

        Raises:
            LeaseLost: The run is another worker's by now.
            DatabaseUnavailable: It cannot be written for too long.
        """
        records = Records(run, log, await log.steps(), self._clock, self._priced)
        around = Surroundings(self._kinds, self._specs, records, objects, token, self._sleep, self._cache)
        outcome = await self._until_end(Graph(around, document, run.inputs), log)
        await records.finish(outcome)
        return outcome

    async def _until_end(self, graph: Graph, log: RunLog) -> Outcome:
        working = asyncio.create_task(self._work(graph))
        cancelled = asyncio.create_task(self._until_cancelled(log))
        try:
            await asyncio.wait({working, cancelled}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            cancelled.result()
            return Outcome(RunState.CANCELLED)
        finally:
            await stop((working, cancelled))

    @staticmethod
    async def _work(graph: Graph) -> Outcome:
        try:
            end = await graph.run()
        except StepFailed as failed:
            return Outcome(RunState.FAILED, error=failed.error)
        return Outcome(RunState.PARTIALLY_SUCCEEDED if end.is_partial else RunState.SUCCEEDED, end.outputs)

    async def _until_cancelled(self, log: RunLog) -> None:
        while not await log.cancels():  # noqa: ASYNC110 - another process asks, so that there is no event to wait for
            await asyncio.sleep(self._cancel_check_s)
