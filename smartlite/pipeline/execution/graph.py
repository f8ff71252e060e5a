"""The steps of one document, each as soon as those that it waits for have ended. Must not know how a step is tried.

A step that reads a text while another one writes it waits only until there is some of it.

A graph within a step (``pipeline.run``) is one of these too: its steps are recorded like those of the run, under the
path of the step that they are in.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from smartlite.domain.pipelines import JSON, Document, Happening, RunError, Step, StepRun, StepState, Stream
from smartlite.errors import PipelineInvalid, SmartLiteError
from smartlite.pipeline.execution.attempts import Attempts
from smartlite.pipeline.execution.failures import StepFailed, to_run_error
from smartlite.pipeline.execution.feeds import Feed
from smartlite.pipeline.execution.kinds import StepCache, StepContext, StepRunner
from smartlite.pipeline.execution.mapping import run_items
from smartlite.pipeline.execution.ports import Objects
from smartlite.pipeline.execution.records import WHOLE, Records, named
from smartlite.pipeline.execution.trial import Source, Unit
from smartlite.pipeline.execution.values import check_size
from smartlite.pipeline.spec.expressions import evaluate, is_true, resolve
from smartlite.pipeline.spec.kinds import Kind

MAX_DEPTH: Final = 5
MAX_PATH_CHARACTERS: Final = 255


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the graphs of one run share."""

    kinds: Mapping[str, StepRunner]
    specs: Mapping[str, Kind]
    records: Records
    objects: Objects
    token: int
    sleep: Callable[[float], Awaitable[None]]
    cache: StepCache


@dataclass(frozen=True, slots=True)
class GraphEnd:
    """What a graph gave."""

    outputs: Mapping[str, JSON]
    is_partial: bool
    """Whether a step failed and the graph went on."""


class Graph:
    """Runs a document once.

    Args:
        around: Of the run.
        document: Checked, with ``depends``.
        inputs: As they were given; defaults are put in.
        within: Path of the step that the graph is in, with the slash at its end; empty for the run's own.
        depth: Graphs that it is in.
    """

    def __init__(
        self, around: Surroundings, document: Document, inputs: Mapping[str, JSON], within: str = "", depth: int = 0
    ) -> None:
        self._around = around
        self._records = around.records
        self._document = document
        self._within = within
        self._depth = depth
        self._given = inputs
        self._ended: dict[str, StepRun] = {}
        streams = document.streams.values()
        self._feeds = {stream.source: Feed(stream.output) for stream in streams}
        self._attempts = Attempts(
            around.kinds, around.specs, around.records, self._open_context, around.sleep, around.cache
        )

    async def run(self) -> GraphEnd:
        """Run every step that is not recorded as ended.

        Raises:
            StepFailed: A step failed for good, or the outputs cannot be worked out.
        """
        tasks: dict[asyncio.Task[StepRun], Step] = {}
        waiting = list(self._document.steps)
        try:
            while True:
                for step in [each for each in waiting if self._is_ready(each)]:
                    waiting.remove(step)
                    tasks[asyncio.create_task(self._step(step))] = step
                if not tasks:
                    break
                done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    self._take(tasks.pop(task), task.result())
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        is_partial = any(record.state == StepState.FAILED for record in self._ended.values())
        return GraphEnd(self._outputs(), is_partial)

    def _is_ready(self, step: Step) -> bool:
        stream = self._document.streams.get(step.id)
        waits_for = self._document.depends.get(step.id, frozenset())
        return waits_for - ({stream.source} if stream else frozenset()) <= self._ended.keys()

    def _take(self, step: Step, record: StepRun) -> None:
        self._ended[step.id] = record
        if (feed := self._feeds.get(step.id)) is not None:
            feed.close(record)
        if record.state == StepState.FAILED and step.on_error == "fail":
            path = self._within + step.id
            raise StepFailed(record.error or RunError("internal_error", "The step failed.", path))

    async def _step(self, step: Step) -> StepRun:
        path = self._within + step.id
        if (found := self._recorded(step, path, WHOLE)) is not None:
            return found
        stream = self._document.streams.get(step.id)
        if stream is not None and stream.source not in self._ended:
            if (early := await self._early(step, path, stream)) is not None:
                return early
            await self._feeds[stream.source].closed()
        namespace = self._namespace()
        if step.when is not None:
            try:
                is_wanted = await _is_wanted(step.when, namespace)
            except SmartLiteError as error:
                return await self._put(path, StepState.FAILED, to_run_error(error, path))
            if not is_wanted:
                return await self._put(path, StepState.SKIPPED)
        if step.for_each is not None:
            return await run_items(self._records, step, path, namespace, self._item)
        return await self._attempts.run(Unit(step, path, WHOLE, namespace, self._feeds.get(step.id)))

    async def _early(self, step: Step, path: str, stream: Stream) -> StepRun | None:
        """Run a step while its source still writes; None where it has to wait for the source's end after all."""
        namespace = self._namespace()
        if step.when is not None and not stream.is_condition:
            try:
                if not await _is_wanted(step.when, namespace):
                    return None
            except SmartLiteError:
                return None  # said once the source has ended
        source = Source(self._feeds[stream.source], stream.field)
        return await self._attempts.run_early(Unit(step, path, WHOLE, namespace, self._feeds.get(step.id), source))

    async def _item(self, unit: Unit) -> StepRun:
        return self._recorded(unit.step, unit.path, unit.item) or await self._attempts.run(unit)

    async def _put(self, path: str, state: StepState, error: RunError | None = None) -> StepRun:
        now = self._records.now()
        record = StepRun(self._records.run.id, path, WHOLE, state, 0, now, now, error=error)
        return await self._records.put(record, Happening(f"step.{state}", named(path, WHOLE)))

    def _recorded(self, step: Step, path: str, item: int) -> StepRun | None:
        """What is recorded of a step, or an item, that needs not be run any more."""
        record = self._records.get(path, item)
        if record is None or record.state not in {StepState.SUCCEEDED, StepState.SKIPPED, StepState.FAILED}:
            return None
        # Within a step that is tried again, so is whatever made it fail.
        is_again = record.state == StepState.FAILED and step.on_error == "fail" and bool(self._within)
        return None if is_again else record

    def _namespace(self) -> dict[str, JSON]:
        specs = self._document.inputs
        inputs = {name: spec.default for name, spec in specs.items()} | dict(self._given)
        steps = {
            step.id: {"output": record.output, "state": str(record.state)}
            if (record := self._ended.get(step.id))
            else {"output": None, "state": str(StepState.PENDING)}
            for step in self._document.steps
        }
        run = {"id": self._records.run.id}
        return {"inputs": inputs, "steps": steps, "run": run, "item": None, "index": None}

    def _outputs(self) -> Mapping[str, JSON]:
        try:
            if self._document.outputs:
                outputs: dict[str, JSON] = resolve(dict(self._document.outputs), self._namespace())
            else:
                waited_for = frozenset[str]().union(*self._document.depends.values())
                ends = [step.id for step in self._document.steps if step.id not in waited_for]
                outputs = {name: self._ended[name].output for name in ends}
            check_size(outputs, "The outputs")
        except SmartLiteError as error:
            raise StepFailed(to_run_error(error, None)) from error
        return outputs

    def _open_context(self, unit: Unit, number: int) -> StepContext:
        within = f"{unit.path}/" if unit.item == WHOLE else f"{unit.path}.{unit.item}/"

        async def run_nested(document: Document, inputs: Mapping[str, JSON]) -> Mapping[str, JSON]:
            longest = max(len(step.id) for step in document.steps)
            if self._depth + 1 >= MAX_DEPTH or len(within) + longest > MAX_PATH_CHARACTERS:
                raise PipelineInvalid(f"Pipelines run each other more than {MAX_DEPTH} deep.", "pipeline")
            nested = Graph(self._around, document, inputs, within, self._depth + 1)
            return (await nested.run()).outputs

        return StepContext(
            run=self._records.run,
            step_id=unit.path,
            item=unit.item,
            attempt=number,
            token=self._around.token,
            objects=self._around.objects,
            depth=self._depth,
            run_nested=run_nested,
            is_followed=self._records.is_followed,
        )


async def _is_wanted(when: str, namespace: Mapping[str, JSON]) -> bool:
    # An expression may take a second to be worked out, or refused.
    return is_true(await asyncio.to_thread(evaluate, when, namespace))
