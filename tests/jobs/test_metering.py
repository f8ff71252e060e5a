"""What the steps of a run use: limited by the limits of whoever started it, and recorded as the run's."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smartlite.auth.allowances import Allowances
from smartlite.auth.local_limiter import LocalLimiter
from smartlite.auth.rate_limit import Limits
from smartlite.domain.llm import ChatEvent, ChatFinished, ChatOptions, ChatRequest, Message, TextDelta
from smartlite.domain.pipelines import Run, RunState
from smartlite.domain.tts import SpeakRequest, SpeechChunk, SpeechEvent, SpeechFinished, SynthesizeOptions
from smartlite.domain.usage import TokenUsage
from smartlite.errors import EngineFailed, RateLimited
from smartlite.jobs.metering import ROUTE, Meter, MeteredLLM, MeteredTTS, within
from smartlite.metering.prices import Price, Prices
from smartlite.metering.recorder import Recorder
from smartlite.storage.journal import Journal
from smartlite.storage.ledger import decode

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
RUN = Run("run_1", "pl_1", "notes", 1, "user_1", "org_1", {}, RunState.RUNNING, NOON)
CHAT = ChatRequest("llm", (Message("user", "Hello."),), ChatOptions(max_tokens=50))
SPEECH = SpeakRequest("Hello there.", "tts", SynthesizeOptions("joe"), "wav")


class FakeStages:
    def __init__(self) -> None:
        self.fails = False

    async def chat(self, _request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        yield TextDelta("Hi.")
        if self.fails:
            raise EngineFailed("It broke.")
        yield ChatFinished("stop", TokenUsage(7, 3))

    async def speak(self, request: SpeakRequest) -> AsyncGenerator[SpeechEvent, None]:
        yield SpeechChunk(b"RIFF")
        yield SpeechFinished(1.5, len(request.text), 0, 0.1, 0.1)


class Bench:
    def __init__(self, folder: Path, **allowances: int) -> None:
        self.journal = Journal(folder)
        recorder = Recorder(self.journal, Prices({"tts": Price(characters_1m=10)}))
        limits = Limits(Allowances(**allowances), None, LocalLimiter(lambda: 1000.0, replicas=1))
        meter = Meter(recorder, limits, 60.0, lambda: NOON)
        self.stages = FakeStages()
        self.llm, self.tts = MeteredLLM(self.stages, meter), MeteredTTS(self.stages, meter)

    async def chat(self) -> list[ChatEvent]:
        with within(RUN):
            return [event async for event in self.llm.chat(CHAT)]

    def records(self) -> list[tuple[object, ...]]:
        assert self.journal.current is not None
        found = [decode(line.record or b"") for line in self.journal.current.lines(0, 100)]
        return [
            (each.request_id, each.user_id, each.organization_id, each.route, each.status, each.error_code, each.usage)
            for each in found
        ]


async def test_every_use_of_a_model_is_in_the_history_of_whoever_started_the_run(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert len(await bench.chat()) == 2
    with within(RUN):
        assert len([event async for event in bench.tts.speak(SPEECH)]) == 2
    chat, speech = bench.records()
    assert chat[:6] == ("run_1", "user_1", "org_1", ROUTE, 200, None)
    assert [(used.model, used.prompt_tokens, used.completion_tokens) for used in chat[6]] == [("llm", 7, 3)]  # type: ignore[attr-defined]
    assert [(used.characters, used.audio_output_ms, used.cost_micros) for used in speech[6]] == [(12, 1500, 120)]  # type: ignore[attr-defined]


async def test_a_run_takes_of_the_limits_of_whoever_started_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, tokens=70)
    await bench.chat()  # 51.5 are reserved and 10 used
    with within(RUN):
        async with aclosing(bench.llm.chat(CHAT)) as events:
            await anext(events)  # 51.5 of the 60 that are left; who leaves pays them
    with pytest.raises(RateLimited):
        await bench.chat()


async def test_what_failed_and_what_was_left_is_recorded_too(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.stages.fails = True
    with pytest.raises(EngineFailed):
        await bench.chat()
    with within(RUN):
        async with aclosing(bench.llm.chat(CHAT)) as events:
            await anext(events)
    assert [record[4:6] for record in bench.records()] == [(500, "engine_failed"), (499, None)]


async def test_what_is_no_runs_is_nobodys(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert len([event async for event in bench.llm.chat(CHAT)]) == 2
    assert bench.journal.current is None
