"""A step that reads a text while another one writes it: when it begins, and what becomes of it whatever fails."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smartlite.domain.pipelines import JSON, Document, Fallback, OnError, Retry, RunState, StepState, Stream
from smartlite.errors import EngineFailed, LeaseLost, ModelNotFound
from smartlite.pipeline.execution.executor import Executor
from smartlite.pipeline.execution.kinds import StepContext, StepDelta, StepEvent, StepOutput
from smartlite.pipeline.execution.ports import Outcome
from tests.pipeline.execution.world import NOON, SCRIPTED, MemoryLog, MemoryObjects, a_document, a_run, a_step

_ERRORS = {"!": EngineFailed, "?": ModelNotFound}
"""What a reader makes of a text with this in it: an error that may pass, and a final one."""


@dataclass
class Booth:
    """A writer whose attempts are written down before, and a reader that fails where the text tells it to."""

    attempts: list[tuple[list[str], str]]
    """Of the writer: pieces, and how it ends: ``ok``, ``!``, ``?``, or a text that it gives in place of the pieces."""
    heard: list[str] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    waits_for_reader: bool = False

    async def run(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        """A StepRunner."""
        runner = self.write if fields["entry_point"] == "write" else self.read
        async for event in runner(context, fields):
            yield event

    async def write(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        pieces, end = self.attempts[min(context.attempt, len(self.attempts)) - 1]
        for piece in pieces:
            yield StepDelta(piece)
            await asyncio.sleep(0)
            if self.waits_for_reader:
                await self.begun.wait()
        if end in _ERRORS:
            raise _ERRORS[end]("the writer")
        yield StepOutput({"text": "".join(pieces) if end == "ok" else end})

    async def read(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        said: list[str] = []
        async for piece in _pieces(context, fields):
            self.begun.set()
            for mark in piece:
                if mark in _ERRORS:
                    raise _ERRORS[mark](f"the reader: {mark}")
                said.append(mark)
        self.heard.append("".join(said))
        yield StepOutput({"said": "".join(said), "how": fields.get("how")})


async def _pieces(context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[str, None]:
    if context.pieces is None:
        yield fields["text"]
        return
    async for piece in context.pieces():
        yield piece


def a_pair(*, streams: bool = True, is_condition: bool = False, **more: JSON) -> Document:
    """A writer and its reader; ``writer_`` and ``reader_`` begin what is of one of them."""
    of = {
        who: {name.removeprefix(f"{who}_"): value for name, value in more.items() if name.startswith(f"{who}_")}
        for who in ("writer", "reader")
    }
    if is_condition:
        of["reader"]["when"] = "steps.writer.output.text"
    document = a_document(
        a_step("writer", "write", **of["writer"]),
        a_step("reader", "read", fields={"text": "${{ steps.writer.output.text }}"}, **of["reader"]),
        outputs={"heard": "${{ steps.reader.output.said }}", "was": "${{ steps.reader.state }}"},
    )
    if not streams:
        return document
    return replace(document, streams={"reader": Stream("writer", "text", "text", is_condition)})


async def ran(booth: Booth, document: Document, log: MemoryLog | None = None) -> tuple[Outcome, MemoryLog]:
    """The outcome of a run, and its log."""

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    log = MemoryLog() if log is None else log
    executor = Executor({"python": booth.run}, lambda: NOON, sleep, cancel_check_s=0.01, specs=SCRIPTED)
    async with asyncio.timeout(10):
        return await executor.run(document, a_run(), log, MemoryObjects()), log


async def test_a_reader_begins_while_its_writer_writes() -> None:
    booth = Booth([(["one ", "two"], "ok")], waits_for_reader=True)
    outcome, log = await ran(booth, a_pair())
    assert outcome.outputs == {"heard": "one two", "was": "succeeded"}
    told = log.told("step.started", "step.succeeded")
    assert told == ["step.started writer", "step.started reader", "step.succeeded writer", "step.succeeded reader"]


async def test_what_was_read_of_an_attempt_that_failed_is_thrown_away() -> None:
    booth = Booth([(["wrong"], "!"), (["right"], "ok")])
    outcome, log = await ran(booth, a_pair(writer_retry=Retry(2)))
    assert (outcome.outputs, booth.heard) == ({"heard": "right", "was": "succeeded"}, ["right"])
    assert log.told("step.restarted") == ["step.restarted reader"]


async def test_a_text_that_is_not_its_pieces_is_read_from_its_end() -> None:
    outcome, _ = await ran(Booth([(["a", "b"], "other")]), a_pair())
    assert outcome.outputs == {"heard": "other", "was": "succeeded"}


async def test_time_that_passes_until_the_writer_goes_on_is_not_the_readers() -> None:
    async def slow(context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        if fields["entry_point"] == "read":
            async for event in booth.read(context, fields):
                yield event
            return
        yield StepDelta("a")
        await asyncio.sleep(0.6)
        yield StepDelta("b")
        yield StepOutput({"text": "ab"})

    booth = Booth([])
    executor = Executor({"python": slow}, lambda: NOON, cancel_check_s=0.01, specs=SCRIPTED)
    outcome = await executor.run(a_pair(reader_timeout_s=0.5), a_run(), MemoryLog(), MemoryObjects())
    assert outcome.outputs == {"heard": "ab", "was": "succeeded"}


async def test_a_cancelled_run_stops_a_reader_that_waits() -> None:
    booth = Booth([(["a", "b"], "ok")], waits_for_reader=True)
    log = MemoryLog()

    async def stuck(context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        if fields["entry_point"] == "write":
            async for event in booth.write(context, fields):
                yield event
            return
        log.is_cancelled = True
        await asyncio.Event().wait()
        yield StepOutput(None)

    executor = Executor({"python": stuck}, lambda: NOON, cancel_check_s=0.01, specs=SCRIPTED)
    outcome = await executor.run(a_pair(), a_run(), log, MemoryObjects())
    assert (outcome.state, log.state("reader")) == (RunState.CANCELLED, StepState.CANCELLED)


@pytest.mark.parametrize("cut_keeps", [False, True])
async def test_wherever_a_run_is_cut_off_its_reader_ends_with_the_recorded_text(cut_keeps: bool) -> None:
    attempts = [(["wrong"], "!"), (["a", "b"], "ok")]
    document = a_pair(writer_retry=Retry(5))
    _, whole = await ran(Booth(attempts), document)
    for cut_at in range(1, whole.writes + 1):
        log = MemoryLog(cut_at=cut_at, cut_keeps=cut_keeps)
        with pytest.raises(LeaseLost):
            await ran(Booth(attempts), document, log)
        again = replace(log, cut_at=None, writes=0)
        if again.outcome is None and "run.succeeded" not in again.told():
            outcome, _ = await ran(Booth([(["a", "b"], "ok")]), document, again)
            assert outcome.outputs == {"heard": "ab", "was": "succeeded"}, cut_at


_ATTEMPT = st.tuples(
    st.lists(st.sampled_from(["", "a", "b", "c!", "d?"]), max_size=4), st.sampled_from(["ok", "ok", "!", "?", "zz"])
)
_SETTINGS = settings(max_examples=150, deadline=None)


@_SETTINGS
@given(
    attempts=st.lists(_ATTEMPT, min_size=1, max_size=3),
    tries=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    on_error=st.tuples(st.sampled_from(["fail", "continue"]), st.sampled_from(["fail", "continue"])),
    is_condition=st.booleans(),
    fallback=st.booleans(),
)
async def test_whatever_fails_a_run_ends_as_if_its_reader_had_waited(
    attempts: list[tuple[list[str], str]],
    tries: tuple[int, int],
    on_error: tuple[OnError, OnError],
    is_condition: bool,
    fallback: bool,
) -> None:
    more = {
        "writer_retry": Retry(tries[0]),
        "reader_retry": Retry(tries[1]),
        "writer_on_error": on_error[0],
        "reader_on_error": on_error[1],
        "reader_fallback": (Fallback(with_={"how": "otherwise"}),) if fallback else (),
    }
    waited, wanted = await ran(Booth(attempts), a_pair(streams=False, is_condition=is_condition, **more))
    streamed, log = await ran(Booth(attempts), a_pair(is_condition=is_condition, **more))
    assert streamed == waited
    for key, record in log.records.items():
        same = wanted.records.get(key)
        if same is None:
            assert record.state == StepState.CANCELLED  # begun, and ended by its writer's failure
        else:
            assert (record.state, record.output, record.error) == (same.state, same.output, same.error)
    ends = [each for each in log.told() if each.startswith(("step.succeeded", "step.failed", "step.skipped"))]
    assert [each.split()[1] for each in ends] == ["writer", "reader"][: len(ends)]
