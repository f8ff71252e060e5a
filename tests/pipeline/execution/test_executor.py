"""The executor over scripted steps: order, conditions, outputs, failures and cancelling."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace

import pytest

from smartlite.domain.pipelines import JSON, Document, Fallback, InputSpec, Retry, RunState, Step, StepState
from smartlite.errors import EngineFailed, LeaseLost, ModelNotFound, PipelineInvalid
from smartlite.pipeline.execution.executor import Executor
from smartlite.pipeline.execution.kinds import StepContext, StepDelta, StepEvent, StepOutput
from tests.pipeline.execution.world import NOON, SCRIPTED, MemoryLog, MemoryObjects, World, a_document, a_run, a_step


async def echo(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
    return fields["value"]


async def test_steps_run_in_the_order_of_what_they_refer_to_and_their_outputs_reach_each_other() -> None:
    world = World()
    world.script.on("echo", echo)
    outcome = await world.run(
        a_document(
            a_step("last", "echo", fields={"value": "${{ steps.first.output.n }} of ${{ inputs.of }}"}),
            a_step("first", "echo", fields={"value": {"n": 1}}),
            outputs={"text": "${{ steps.last.output }}"},
            of=InputSpec("integer", required=False, default=7),
        )
    )
    assert outcome.state == RunState.SUCCEEDED
    assert outcome.outputs == {"text": "1 of 7"}
    assert world.log.told() == [
        "step.started first",
        "step.succeeded first",
        "step.started last",
        "step.succeeded last",
        "run.succeeded",
    ]


async def test_without_outputs_those_of_the_steps_that_nothing_refers_to_are_given() -> None:
    world = World()
    world.script.on("echo", echo)
    steps = (
        a_step("a", "echo", fields={"value": 1}),
        a_step("b", "echo", fields={"value": "${{ steps.a.output }}"}),
        a_step("c", "echo", fields={"value": 3}),
    )
    assert (await world.run(a_document(*steps))).outputs == {"b": 1, "c": 3}


async def test_steps_that_do_not_wait_for_each_other_run_at_the_same_time() -> None:
    world = World()
    both = asyncio.Barrier(2)

    async def meet(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        async with asyncio.timeout(5):
            await both.wait()
        return None

    world.script.on("meet", meet)
    assert (await world.run(a_document(a_step("a", "meet"), a_step("b", "meet")))).state == RunState.SUCCEEDED


@pytest.mark.parametrize(("condition", "state"), [("inputs.n > `1`", "skipped"), ("inputs.n < `1`", "succeeded")])
async def test_a_step_whose_condition_is_false_is_skipped_and_the_others_see_null(condition: str, state: str) -> None:
    world = World()
    world.script.on("echo", echo)
    outcome = await world.run(
        a_document(
            a_step("a", "echo", fields={"value": 1}, when=condition),
            a_step("b", "echo", fields={"value": "${{ steps.a.state }}"}, needs=("a",)),
        ),
        n=0,
    )
    assert outcome.outputs == {"b": state}


async def test_a_retryable_error_is_tried_again_with_growing_pauses() -> None:
    world = World()

    async def third_time(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        if context.attempt < 3:
            raise EngineFailed(f"no {context.attempt}")
        return "yes"

    world.script.on("a", third_time)
    outcome = await world.run(a_document(a_step("a", retry=Retry(3, 1.0))))
    assert outcome.outputs == {"a": "yes"}
    assert [0.5 <= world.slept[0] <= 1, 1 <= world.slept[1] <= 2] == [True, True]
    errors = [each.error and each.error.message for _, each in sorted(world.log.attempts.items())]
    assert errors == ["no 1", "no 2", None]
    assert world.log.told("step.retrying") == ["step.retrying a"] * 2


@pytest.mark.parametrize(
    ("error", "retry", "tries"),
    [
        (ModelNotFound("no such model"), Retry(5), 1),
        (ModelNotFound("no such model"), Retry(5, errors=("model_not_found",)), 5),
        (EngineFailed("broken"), Retry(5, errors=("model_not_found",)), 1),
        (EngineFailed("broken"), Retry(5), 5),
        (ZeroDivisionError("a mistake in our code"), Retry(2), 2),
    ],
)
async def test_final_errors_are_not_tried_again_unless_they_are_named(
    error: Exception, retry: Retry, tries: int
) -> None:
    world = World()
    world.script.on("a", error)
    outcome = await world.run(a_document(a_step("a", retry=retry)))
    assert (outcome.state, len(world.script.calls)) == (RunState.FAILED, tries)
    assert outcome.error is not None
    assert outcome.error.step == "a"


async def test_a_fallback_takes_the_place_of_a_step_that_failed() -> None:
    world = World()
    world.script.on("a", EngineFailed("broken")).on("b", "other")
    document = a_document(a_step("a", retry=Retry(2), fallback=(_fallback("a"), _fallback("b"))))
    assert (await world.run(document)).outputs == {"a": "other"}
    assert len(world.script.calls) == 5
    assert world.log.told("step.fell_back") == ["step.fell_back a"] * 2


async def test_a_failed_step_ends_the_run_and_stops_those_beside_it() -> None:
    world = World()
    is_closed = asyncio.Event()
    hangs = asyncio.Event()

    async def hang(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        hangs.set()
        try:
            await asyncio.Event().wait()
        finally:
            is_closed.set()

    async def fail_beside(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        await hangs.wait()
        raise ModelNotFound("none")

    world.script.on("hang", hang).on("fail", fail_beside).on("never", 1)
    outcome = await world.run(a_document(a_step("hang"), a_step("fail"), a_step("never", needs=("fail",))))
    assert (outcome.state, outcome.error and outcome.error.code) == (RunState.FAILED, "model_not_found")
    assert is_closed.is_set()
    assert (world.log.state("hang"), ("never", -1) in world.log.records) == (StepState.CANCELLED, False)


async def test_a_step_that_may_fail_gives_null_and_the_run_succeeds_in_part() -> None:
    world = World()
    world.script.on("a", ModelNotFound("none")).on("echo", echo)
    outcome = await world.run(
        a_document(
            a_step("a", on_error="continue"),
            a_step("b", "echo", fields={"value": {"got": "${{ steps.a.output }}", "was": "${{ steps.a.state }}"}}),
        )
    )
    assert outcome.state == RunState.PARTIALLY_SUCCEEDED
    assert outcome.outputs == {"b": {"got": None, "was": "failed"}}


async def test_an_attempt_that_takes_too_long_is_stopped_and_may_be_tried_again() -> None:
    world = World()

    async def slow_once(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        if context.attempt == 1:
            await asyncio.Event().wait()
        return "fast"

    world.script.on("a", slow_once)
    outcome = await world.run(a_document(a_step("a", timeout_s=0.02, retry=Retry(2))))
    assert outcome.outputs == {"a": "fast"}
    error = world.log.attempts["a", -1, 1].error
    assert error is not None
    assert error.code == "deadline_exceeded"


async def test_a_cancelled_run_closes_its_steps_and_says_so() -> None:
    world = World()
    is_closed = asyncio.Event()

    async def hang(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        world.log.is_cancelled = True
        try:
            await asyncio.Event().wait()
        finally:
            is_closed.set()

    world.script.on("a", hang)
    assert (await world.run(a_document(a_step("a")))).state == RunState.CANCELLED
    assert is_closed.is_set()
    assert world.log.told()[-2:] == ["step.cancelled a", "run.cancelled"]


async def test_what_a_step_makes_is_told_while_it_does_and_only_joined() -> None:
    async def speak(context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        for text in ("one ", "two ", "three"):
            yield StepDelta(text)
        yield StepOutput("done")

    world = World()
    executor = Executor({"python": speak}, lambda: NOON, specs=SCRIPTED)
    await executor.run(a_document(a_step("a")), a_run(), world.log, MemoryObjects())
    texts = [each.data["text"] for each in world.log.happenings if each.type == "step.delta"]
    assert "".join(texts) == "one two three"


@pytest.mark.parametrize("output", ["x" * (1024 * 1024), float("nan"), {1, 2}, "\ud800"])
async def test_an_output_that_cannot_be_kept_fails_its_step(output: JSON) -> None:
    world = World()
    world.script.on("a", output)
    outcome = await world.run(a_document(a_step("a")))
    assert (outcome.state, outcome.error and outcome.error.code) == (RunState.FAILED, "unprocessable")


async def test_a_step_that_ends_without_an_output_failed() -> None:
    async def nothing(context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        yield StepDelta("x")

    world = World()
    outcome = await Executor({"python": nothing}, specs=SCRIPTED).run(
        a_document(a_step("a")), a_run(), world.log, MemoryObjects()
    )
    assert outcome.state == RunState.FAILED


@pytest.mark.parametrize("value", ["${{ steps.a.output | }}", "${{ length(inputs.n) }}"])
async def test_an_expression_that_gives_nothing_fails_its_step_for_good(value: str) -> None:
    world = World()
    world.script.on("echo", echo)
    step = a_step("b", "echo", retry=Retry(3))
    document = Document("test", (_with(step, value),), depends={})
    outcome = await world.run(document, n=1)
    assert (outcome.state, world.script.calls) == (RunState.FAILED, [])
    assert outcome.error is not None
    assert outcome.error.code == PipelineInvalid.code


async def test_a_run_that_is_another_workers_is_left_alone() -> None:
    world = World()
    world.script.on("a", 1)
    world.log.cut_at = 2
    with pytest.raises(LeaseLost):
        await world.run(a_document(a_step("a")))
    assert world.log.told() == ["step.started a"]


def _fallback(does: str) -> Fallback:
    return Fallback(with_={"entry_point": does})


def _with(step: Step, value: str) -> Step:
    return replace(step, with_={**step.with_, "value": value})


async def test_a_run_ends_though_the_question_whether_it_is_cancelled_takes_being_cancelled_for_an_error() -> None:
    class Stubborn(MemoryLog):
        asked = asyncio.Event()

        async def cancels(self) -> bool:
            is_first = not self.asked.is_set()
            self.asked.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                if not is_first:
                    raise
            return False  # as where a driver says that the connection was lost

    async def wait(context: StepContext, fields: Mapping[str, JSON]) -> JSON:
        await log.asked.wait()

    log = Stubborn()
    world = World(log=log)
    world.script.on("a", wait)
    async with asyncio.timeout(20):
        assert (await world.run(a_document(a_step("a")))).state == RunState.SUCCEEDED
