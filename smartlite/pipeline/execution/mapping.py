"""A step with ``for_each``: its items side by side, their outputs in order. Must not know how an item is tried."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final

from smartlite.domain.pipelines import JSON, RunError, Step, StepRun, StepState
from smartlite.errors import PipelineInvalid, SmartLiteError
from smartlite.pipeline.execution.failures import to_run_error
from smartlite.pipeline.execution.records import WHOLE, Records
from smartlite.pipeline.execution.trial import Unit
from smartlite.pipeline.execution.values import check_size
from smartlite.pipeline.spec.expressions import evaluate

MAX_ITEMS: Final = 10_000
MAX_PARALLEL: Final = 64

RunItem = Callable[[Unit], Awaitable[StepRun]]


async def run_items(
    records: Records, step: Step, path: str, namespace: Mapping[str, JSON], run_item: RunItem
) -> StepRun:
    """Run a step for each item of its list.

    Where an item failed, the step fails at once, or at its end with ``null`` in the item's place if its ``on_error``
    is ``continue``.

    Args:
        records: Of the run.
        step: With ``for_each``.
        path: Its id, with those of the steps that it is nested in.
        namespace: Of expressions.
        run_item: Runs an item, or gives what is recorded of one that has ended.

    Returns:
        The record of the step as a whole.
    """
    try:
        # An expression may take a second to be worked out, or refused.
        items = await asyncio.to_thread(_items, step, namespace)
    except SmartLiteError as error:
        record = await records.begin(path, WHOLE, {})
        return await records.end(record, StepState.FAILED, error=to_run_error(error, path))
    record = await records.begin(path, WHOLE, {"items": len(items)})
    ended: dict[int, StepRun] = {}
    queue = iter(enumerate(items))

    async def work(queue: Iterator[tuple[int, JSON]]) -> None:
        for index, item in queue:
            found = await run_item(Unit(step, path, index, {**namespace, "item": item, "index": index}))
            ended[index] = found
            if found.state == StepState.FAILED and step.on_error == "fail":
                return

    workers = [work(queue) for _ in range(min(step.parallel, MAX_PARALLEL, len(items)))]
    async with _side_by_side(workers) as tasks:
        pending = tasks
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            if step.on_error == "fail" and any(each.state == StepState.FAILED for each in ended.values()):
                break
    return await _end(records, record, ended, len(items))


def _items(step: Step, namespace: Mapping[str, JSON]) -> list[JSON]:
    items = evaluate(step.for_each or "", namespace)
    if not isinstance(items, list):
        raise PipelineInvalid("'for_each' gave no list.", "for_each")
    if len(items) > MAX_ITEMS:
        raise PipelineInvalid(f"'for_each' gave {len(items)} items; at most {MAX_ITEMS} are allowed.", "for_each")
    return items


@asynccontextmanager
async def _side_by_side(works: Sequence[Awaitable[None]]) -> AsyncIterator[set[asyncio.Future[None]]]:
    """Tasks that are cancelled and waited for at the end, however it comes."""
    tasks = {asyncio.ensure_future(work) for work in works}
    try:
        yield set(tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _end(records: Records, record: StepRun, ended: Mapping[int, StepRun], count: int) -> StepRun:
    failed = [each for _, each in sorted(ended.items()) if each.state == StepState.FAILED]
    outputs = [ended[index].output if index in ended else None for index in range(count)]
    error: RunError | None = None
    if failed and failed[0].error is not None:
        first = failed[0].error
        message = f"{len(failed)} of {count} items failed, item {failed[0].item} with: {first.message}"
        error = RunError(first.code, message, first.step, first.is_final)
    try:
        check_size(outputs, "The outputs of all items")
    except SmartLiteError as too_large:
        return await records.end(record, StepState.FAILED, error=to_run_error(too_large, record.step_id))
    if error is not None:
        return await records.end(record, StepState.FAILED, output=outputs, error=error)
    return await records.end(record, StepState.SUCCEEDED, output=outputs)
