"""Runs that have ended as OpenTelemetry spans, for the collector that the operator names. Must not know who works.

OTLP 1.x over HTTP in its JSON form (opentelemetry.io/docs/specs/otlp): a run, in it its steps and their items, in these
their attempts. Ids are made from the run's, so that a run that is told twice is the same trace. Spans tell what ran,
when and how it ended, and nothing of what was said.
"""

import asyncio
import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx

from smartlite.domain.pipelines import JSON, Run, RunError, RunState, StepAttempt, StepRun, StepState
from smartlite.errors import SmartLiteError
from smartlite.storage import run_steps, runs
from smartlite.storage.database import Database

MOST_WAITING: Final = 64
"""Runs that ended and are not told yet; further ones are left out."""
MOST_SPANS: Final = 1000
"""Of steps of one run, and of attempts."""
_TIMEOUT_S: Final = 5.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FAILED: Final = {"code": 2}
_logger = logging.getLogger(__name__)


class SpanExporter:
    """Sends spans, one run after the other. Used in one event loop.

    Args:
        database: Where the runs are.
        endpoint: Of the collector, without ``/v1/traces``.
        transport: Sends; None: over the network.
    """

    def __init__(self, database: Database, endpoint: str, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._database = database
        self._url = f"{endpoint.rstrip('/')}/v1/traces"
        self._transport = transport
        self._waiting: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        self._sending: asyncio.Task[None] | None = None

    def ended(self, run_id: str) -> None:
        """Have a run told, soon; left out where too many wait."""
        if self._waiting.full():
            _logger.warning("a run's spans are left out: too many wait", extra={"run": run_id})
            return
        self._waiting.put_nowait(run_id)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send_all())

    async def close(self) -> None:
        """Tell what waits, for at most some seconds."""
        if self._sending is not None:
            await asyncio.wait({self._sending}, timeout=_TIMEOUT_S)
            self._sending.cancel()

    async def _send_all(self) -> None:
        async with httpx.AsyncClient(transport=self._transport, timeout=_TIMEOUT_S, trust_env=False) as client:
            while not self._waiting.empty():
                run_id = self._waiting.get_nowait()
                try:
                    answer = await client.post(self._url, json=await self._told(run_id))
                    answer.raise_for_status()
                except (SmartLiteError, httpx.HTTPError) as error:
                    _logger.warning("a run's spans were not taken", extra={"run": run_id, "reason": str(error)})

    async def _told(self, run_id: str) -> JSON:
        async with self._database.reading() as session:
            run = await runs.get(session, run_id)
            steps = await run_steps.of_run(session, run_id, limit=MOST_SPANS)
            attempts = await run_steps.attempts_of_run(session, run_id, MOST_SPANS)
        return trace_of(run, steps, attempts) if run is not None else {"resourceSpans": []}


def trace_of(run: Run, steps: Sequence[StepRun], attempts: Sequence[StepAttempt]) -> JSON:
    """The body of a request to a collector."""
    resource = {"attributes": _attributes({"service.name": "smartlite"})}
    spans = [_run_span(run), *_step_spans(run, steps), *(_attempt_span(run, attempt) for attempt in attempts)]
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "smartlite"}, "spans": spans}]}]}


def _run_span(run: Run) -> JSON:
    more = {
        "smartlite.run.id": run.id,
        "smartlite.pipeline": run.pipeline_name,
        "smartlite.pipeline.version": run.version,
        "smartlite.run.state": str(run.state),
    }
    begun = [_event("begun", run.started_at)] if run.started_at else []
    span = _span(run, "", None, f"run {run.pipeline_name}", run.created_at, run.finished_at, more)
    return {**span, "events": begun, **_status(run.error, run.state == RunState.FAILED)}


def _step_spans(run: Run, steps: Sequence[StepRun]) -> Iterator[JSON]:
    for step in steps:
        if step.started_at is None:
            continue
        place = _place(step.step_id, step.item)
        more: dict[str, JSON] = {"smartlite.step": step.step_id, "smartlite.step.state": str(step.state)}
        more |= {"smartlite.step.cached": step.is_cached, "smartlite.step.attempts": step.attempts}
        if step.item >= 0:
            more["smartlite.step.item"] = step.item
        for used in step.usage[:1]:
            more["smartlite.model"] = used.model
        more["smartlite.cost_micros"] = sum(used.cost_micros for used in step.usage)
        span = _span(run, place, _around(step), f"step {place}", step.started_at, step.finished_at, more)
        yield {**span, **_status(step.error, step.state == StepState.FAILED)}


def _attempt_span(run: Run, attempt: StepAttempt) -> JSON:
    around = _place(attempt.step_id, attempt.item)
    events = [
        _event(name, at)
        for name, at in (("first text", attempt.first_text_at), ("first audio", attempt.first_audio_at))
        if at is not None
    ]
    more = {"smartlite.step": attempt.step_id, "smartlite.attempt": attempt.number}
    place, name = f"{around}#{attempt.number}", f"attempt {attempt.number}"
    span = _span(run, place, around, name, attempt.started_at, attempt.finished_at, more)
    return {**span, "events": events, **_status(attempt.error, attempt.error is not None)}


def _span(
    run: Run,
    place: str,
    around: str | None,
    name: str,
    begin: datetime,
    end: datetime | None,
    attributes: Mapping[str, JSON],
) -> dict[str, JSON]:
    parent = {} if around is None else {"parentSpanId": _id(run, around, 8)}
    return {
        "traceId": _id(run, "trace", 16),
        "spanId": _id(run, place, 8),
        **parent,
        "name": name,
        "kind": 1,
        "startTimeUnixNano": _nanoseconds(begin),
        "endTimeUnixNano": _nanoseconds(end or run.finished_at or begin),
        "attributes": _attributes(attributes),
    }


def _place(step_id: str, item: int) -> str:
    return step_id if item < 0 else f"{step_id}.{item}"


def _around(step: StepRun) -> str:
    """The place of what a step is in; of one of the run's own steps the run's, which is empty."""
    return step.step_id if step.item >= 0 else step.step_id.rpartition("/")[0]


def _status(error: RunError | None, has_failed: bool) -> dict[str, JSON]:
    return {"status": {**_FAILED, "message": "" if error is None else error.code}} if has_failed else {}


def _event(name: str, at: datetime) -> JSON:
    return {"name": name, "timeUnixNano": _nanoseconds(at)}


def _attributes(values: Mapping[str, JSON]) -> JSON:
    return [{"key": key, "value": _value(value)} for key, value in values.items()]


def _value(value: JSON) -> JSON:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"intValue": str(value)} if isinstance(value, int) else {"stringValue": str(value)}


def _nanoseconds(at: datetime) -> str:
    return str((at - _EPOCH) // timedelta(microseconds=1) * 1000)


def _id(run: Run, place: str, size_bytes: int) -> str:
    return hashlib.sha256(f"{run.id}/{place}".encode()).digest()[:size_bytes].hex()
