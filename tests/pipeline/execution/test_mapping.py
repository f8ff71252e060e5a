"""Steps with ``for_each``: order, bounds, failures, and graphs within steps."""

import asyncio
from collections.abc import Mapping

import pytest

from smartlite.domain.pipelines import JSON, RunState, Step, StepState
from smartlite.errors import EngineFailed, ModelNotFound
from smartlite.pipeline.execution.graph import MAX_DEPTH
from smartlite.pipeline.execution.kinds import StepContext
from tests.pipeline.execution.world import World, a_document, a_step


def mapped(**more: JSON) -> Step:
    fields = {"item": "${{ item }}", "index": "${{ index }}"}
    return a_step("m", "m", fields=fields, for_each="inputs.items", **more)


async def test_outputs_are_in_the_order_of_the_items_whichever_ends_first() -> None:
    world = World()
    ends = [asyncio.Event() for _ in range(4)]
    ends[3].set()

    async def last_first(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        await ends[context.item + 1].wait()
        ends[context.item].set()
        return [fields["index"], fields["item"]]

    world.script.on("m", last_first)
    outcome = await world.run(a_document(mapped()), items=["a", "b", "c"])
    assert outcome.outputs == {"m": [[0, "a"], [1, "b"], [2, "c"]]}
    assert [world.log.state("m", item) for item in (-1, 0, 1, 2)] == [StepState.SUCCEEDED] * 4


@pytest.mark.parametrize("parallel", [1, 3])
async def test_no_more_items_run_at_the_same_time_than_may(parallel: int) -> None:
    world = World()
    running = most = 0

    async def count(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(5):
            await asyncio.sleep(0)
        running -= 1
        return None

    world.script.on("m", count)
    await world.run(a_document(mapped(parallel=parallel)), items=list(range(12)))
    assert most == parallel


async def test_a_failed_item_fails_the_step_and_no_further_one_begins() -> None:
    world = World()
    world.script.on("m", ModelNotFound("none"))
    outcome = await world.run(a_document(mapped(parallel=1)), items=[1, 2, 3])
    assert (outcome.state, world.script.calls) == (RunState.FAILED, ["run_1/m/0"])
    assert outcome.error is not None
    assert "item 0" in outcome.error.message


async def test_where_items_may_fail_the_others_give_their_outputs() -> None:
    world = World()

    async def odd(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        if fields["item"] % 2:
            raise EngineFailed("odd")
        return fields["item"]

    world.script.on("m", odd)
    outcome = await world.run(a_document(mapped(on_error="continue")), items=[0, 1, 2, 3])
    assert (outcome.state, outcome.outputs) == (RunState.PARTIALLY_SUCCEEDED, {"m": [0, None, 2, None]})


@pytest.mark.parametrize("items", ["text", 7, None, {"a": 1}, list(range(10_001))])
async def test_what_is_no_list_or_too_long_fails_the_step(items: JSON) -> None:
    world = World()
    outcome = await world.run(a_document(mapped()), items=items)
    assert (outcome.state, outcome.error and outcome.error.code) == (RunState.FAILED, "pipeline_invalid")


async def test_no_items_give_an_empty_list() -> None:
    assert (await World().run(a_document(mapped()), items=[])).outputs == {"m": []}


async def test_a_graph_within_a_step_is_recorded_step_by_step_and_gives_its_outputs() -> None:
    world = World()
    inner = a_document(a_step("inner"))

    async def nested(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        return await context.run_nested(inner, {})

    world.script.on("m", nested).on("inner", "deep")
    outcome = await world.run(a_document(mapped()), items=[1, 2])
    assert outcome.outputs == {"m": [{"inner": "deep"}, {"inner": "deep"}]}
    assert {path for path, _ in world.log.records} == {"m", "m.0/inner", "m.1/inner"}


async def test_graphs_that_run_each_other_without_end_are_stopped() -> None:
    world = World()
    document = a_document(a_step("a", "again"))

    async def again(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        return await context.run_nested(document, {})

    world.script.on("again", again)
    outcome = await world.run(document)
    assert (outcome.state, outcome.error and outcome.error.code) == (RunState.FAILED, "pipeline_invalid")
    assert len(world.script.calls) == MAX_DEPTH
