"""What the steps of a run use of models: limited as requests are, and recorded as they are. Must not know steps.

Each use of a model in a run is an entry of the history whose ``request_id`` is the run's id. The run is found in the
context that its worker set, since steps know only their stages.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from smartlite.auth.rate_limit import Limits
from smartlite.domain.asr import TranscribeRequest, TranscriptEvent, TranscriptInfo
from smartlite.domain.estimates import CHARACTERS_PER_TOKEN, DEFAULT_ANSWER_TOKENS, most_audio_s
from smartlite.domain.ids import new_id
from smartlite.domain.llm import ChatEvent, ChatFinished, ChatRequest
from smartlite.domain.metering import RequestRecord
from smartlite.domain.pipelines import Run
from smartlite.domain.principal import Principal
from smartlite.domain.stages import ASRStage, LLMStage, TTSStage
from smartlite.domain.tts import SpeakRequest, SpeechEvent, SpeechFinished
from smartlite.domain.usage import ModelUsage
from smartlite.errors import QuotaExceeded, RateLimited, SmartLiteError
from smartlite.metering.recorder import Recorder

_RUN: Final[ContextVar[Run | None]] = ContextVar("run", default=None)
ROUTE: Final = "/v1/pipelines/{pipeline}/runs"


@contextmanager
def within(run: Run) -> Iterator[None]:
    """Whatever models do in it is done for this run."""
    token = _RUN.set(run)
    try:
        yield
    finally:
        _RUN.reset(token)


@dataclass(slots=True)
class Use:
    """What one call of a stage used, as far as it told."""

    used: list[ModelUsage] = field(default_factory=list)

    def add(self, used: ModelUsage) -> None:
        """Note it."""
        self.used.append(used)


class Meter:
    """Limits and records. One for each process; used in its event loop.

    Args:
        recorder: Keeps records.
        limits: Who counts.
        longest_s: Of a recording, in seconds.
        clock: Tells the time in UTC.
    """

    def __init__(
        self,
        recorder: Recorder,
        limits: Limits,
        longest_s: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._recorder = recorder
        self._limits = limits
        self.longest_s = longest_s
        self._clock = clock

    @asynccontextmanager
    async def using(self, wanted: ModelUsage) -> AsyncIterator[Use]:
        """Reserve what a call may need, and settle and record what it used.

        Raises:
            RateLimited: 429, a limit of the run's user or organisation is reached.
            JournalUnavailable: 503, nothing can be recorded.
        """
        run = _RUN.get()
        use = Use()
        if run is None:
            yield use
            return
        self._recorder.check()
        principal = Principal(run.user_id or None, None, (), frozenset(), "", organization_id=run.organization_id)
        reservation = await self._limits.reserve(principal, [wanted])
        if not reservation.answer.is_given:
            is_budget = any(each.retry_after_s > 60 for each in reservation.answer.standings)
            raise (QuotaExceeded if is_budget else RateLimited)("A limit of whoever started this run is reached.")
        at, began_s, error_code, status = self._clock(), time.perf_counter(), None, 200
        try:
            yield use
        except SmartLiteError as error:
            error_code, status = error.code, error.status_code
            raise
        except BaseException:
            status = 499
            raise
        finally:
            self._limits.settle(principal, [reservation], use.used, is_over=status >= 400 and status != 499)
            self._recorder.record(
                RequestRecord(
                    id=new_id("rec"),
                    at=at,
                    request_id=run.id,
                    user_id=run.user_id or None,
                    key_id=None,
                    organization_id=run.organization_id,
                    method="POST",
                    route=ROUTE,
                    status=status,
                    error_code=error_code,
                    duration_ms=round(1000 * (time.perf_counter() - began_s)),
                    usage=tuple(map(self._recorder.metered, use.used)),
                )
            )


@dataclass(frozen=True, slots=True)
class MeteredASR:
    """An ASRStage."""

    stage: ASRStage
    meter: Meter

    async def transcribe(self, request: TranscribeRequest) -> AsyncGenerator[TranscriptEvent, None]:
        """See ASRStage."""
        longest_s = most_audio_s(request.audio, self.meter.longest_s)
        wanted = ModelUsage(request.model, audio_input_s=longest_s)
        async with self.meter.using(wanted) as use, aclosing(self.stage.transcribe(request)) as events:
            async for event in events:
                if isinstance(event, TranscriptInfo):
                    use.add(ModelUsage(request.model, audio_input_s=event.duration_s))
                yield event


@dataclass(frozen=True, slots=True)
class MeteredLLM:
    """An LLMStage."""

    stage: LLMStage
    meter: Meter

    async def chat(self, request: ChatRequest) -> AsyncGenerator[ChatEvent, None]:
        """See LLMStage."""
        prompt = sum(len(message.content) for message in request.messages) / CHARACTERS_PER_TOKEN
        wanted = ModelUsage(request.model, prompt, request.options.max_tokens or DEFAULT_ANSWER_TOKENS)
        async with self.meter.using(wanted) as use, aclosing(self.stage.chat(request)) as events:
            async for event in events:
                if isinstance(event, ChatFinished):
                    use.add(ModelUsage(request.model, event.usage.prompt_tokens, event.usage.completion_tokens))
                yield event


@dataclass(frozen=True, slots=True)
class MeteredTTS:
    """A TTSStage."""

    stage: TTSStage
    meter: Meter

    async def speak(self, request: SpeakRequest) -> AsyncGenerator[SpeechEvent, None]:
        """See TTSStage."""
        wanted = ModelUsage(request.model, characters=len(request.text))
        async with self.meter.using(wanted) as use, aclosing(self.stage.speak(request)) as events:
            async for event in events:
                if isinstance(event, SpeechFinished):
                    use.add(ModelUsage(request.model, audio_output_s=event.duration_s, characters=event.characters))
                yield event
