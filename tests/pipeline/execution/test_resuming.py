"""A run that is cut off at any of its writes goes on from the last step that ended, with the same effects."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

import pytest

from smartlite.domain.pipelines import JSON, Document, Fallback, Retry, RunState
from smartlite.errors import EngineFailed, LeaseLost
from smartlite.pipeline.execution.kinds import StepContext
from tests.pipeline.execution.world import World, a_document, a_step


def everything() -> Document:
    """Every feature in one document."""
    inner = {"value": "${{ item }}"}
    return a_document(
        a_step("first", "echo", fields={"value": [1, 2, 3]}),
        a_step("each", "echo", fields=inner, for_each="${{ steps.first.output }}", parallel=2),
        a_step("skipped", "echo", fields={"value": 1}, when="steps.first.output == `1`"),
        a_step("flaky", retry=Retry(2)),
        a_step("fell", "broken", fallback=(Fallback(with_={"entry_point": "echo", "value": "b"}),)),
        a_step("lost", "broken", on_error="continue"),
        a_step("nested", fields={"after": "${{ steps.each.output }}"}),
        outputs={
            "all": ["${{ steps.each.output }}", "${{ steps.fell.output }}", "${{ steps.nested.output }}"],
            "flaky": "${{ steps.flaky.output }}",
            "skipped": "${{ steps.skipped.state }}",
            "lost": "${{ steps.lost.state }}",
        },
    )


def a_world(effects: Counter[str], failures: set[str]) -> World:
    """Steps whose effects happen once for each idempotency key."""
    world = World()

    async def echo(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        effects[context.idempotency_key] += 1
        return fields["value"]

    async def flaky(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        if context.idempotency_key not in failures:
            failures.add(context.idempotency_key)
            raise EngineFailed("once")
        return "steady"

    async def nested(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        steps = (
            a_step("a", "echo", fields={"value": 1}),
            a_step("b", "echo", fields={"value": "${{ steps.a.output }}"}),
        )
        return await context.run_nested(a_document(*steps), {})

    world.script.on("echo", echo).on("flaky", flaky).on("nested", nested).on("broken", EngineFailed("always"))
    return world


async def whole() -> tuple[World, Counter[str]]:
    effects: Counter[str] = Counter()
    world = a_world(effects, set())
    await world.run(everything())
    return world, effects


async def test_a_run_that_is_not_cut_off_has_every_effect_once() -> None:
    world, effects = await whole()
    assert set(effects.values()) == {1}
    assert world.log.outcome is not None
    assert world.log.outcome.state == RunState.PARTIALLY_SUCCEEDED


@pytest.mark.parametrize("cut_keeps", [False, True])
async def test_wherever_a_run_is_cut_off_it_ends_as_if_it_had_not_been(cut_keeps: bool) -> None:
    reference, wanted = await whole()
    for cut_at in range(1, reference.log.writes + 1):
        effects: Counter[str] = Counter()
        world = a_world(effects, set())
        world.log.cut_at, world.log.cut_keeps = cut_at, cut_keeps
        with suppress(LeaseLost):
            await world.run(everything())
        done = {key for key, record in world.log.records.items() if record.state == "succeeded"}
        before = Counter(effects)
        if world.log.outcome is None:
            world = world.resumed()
            await world.run(everything())
        assert world.log.outcome == reference.log.outcome, cut_at
        assert effects.keys() == wanted.keys(), cut_at
        again = {key for key in effects if effects[key] > 1}
        assert not again & {f"run_1/{path}/{item}" for path, item in done}, cut_at
        assert before.keys() >= again, cut_at


async def test_a_step_that_failed_for_good_is_not_run_again_by_another_worker() -> None:
    world = World()
    world.script.on("a", EngineFailed("broken"))
    world.log.cut_at = 3
    with pytest.raises(LeaseLost):
        await world.run(a_document(a_step("a")))
    world = world.resumed()
    outcome = await world.run(a_document(a_step("a")))
    assert (outcome.state, len(world.script.calls)) == (RunState.FAILED, 1)


async def test_a_step_that_is_tried_again_runs_only_what_failed_within_it() -> None:
    effects: Counter[str] = Counter()
    world = a_world(effects, set())
    inner = a_document(a_step("a", "echo", fields={"value": 1}), a_step("b", "flaky", needs=("a",)))

    async def outer(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        return await context.run_nested(inner, {})

    world.script.on("outer", outer)
    outcome = await world.run(a_document(a_step("outer", retry=Retry(2))))
    assert outcome.outputs == {"outer": {"b": "steady"}}
    assert effects == {"run_1/outer/a/-1": 1}
