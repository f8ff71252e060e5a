"""Runs as spans: what a collector is sent, and what becomes of a run where it takes nothing."""

import base64
import json
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from smartlite.domain.pipelines import RunState
from smartlite.errors import EngineFailed
from smartlite.jobs.spans import SpanExporter
from smartlite.jobs.worker import Worker
from smartlite.pipeline.execution.executor import Executor
from tests.jobs.world import FAST, Office, asked, read
from tests.pipeline.execution.world import SCRIPTED


async def exported(office: Office, status: int = 200) -> tuple[RunState, list[Any]]:
    """How a run ended, and what a collector was sent of it."""
    sent: list[Any] = []

    async def take(request: httpx.Request) -> httpx.Response:
        assert request.url == "http://collector:4318/v1/traces"
        sent.append(json.loads(request.content))
        return httpx.Response(status)

    exporter = SpanExporter(office.database, "http://collector:4318/", httpx.MockTransport(take))
    executor = Executor({"python": office.script.run}, cancel_check_s=0.02, specs=SCRIPTED)
    worker = Worker(office.database, executor, read, office._open, 4, FAST, live=office.live, on_end=exporter.ended)
    run = await office.runs().submit(asked("chain", items=[1, 2]))
    worker.begin()
    ended = await office.runs().wait(run.id, 20)
    await worker.close()
    await exporter.close()
    return ended.state, sent


async def test_a_run_is_a_trace_of_its_steps_items_and_attempts(office: Office) -> None:
    for name in ("a", "b", "each"):
        office.script.on(name, name)
    state, [sent] = await exported(office)
    assert state == RunState.SUCCEEDED
    message = ParseDict(_with_base64_ids(sent), ExportTraceServiceRequest())
    spans = {span.span_id: span for span in message.resource_spans[0].scope_spans[0].spans}
    assert len({span.trace_id for span in spans.values()}) == 1

    def path(span: Any) -> list[str]:
        return [*(path(spans[span.parent_span_id]) if span.parent_span_id else []), span.name]

    assert ["run test", "step each", "step each.1", "attempt 1"] in [path(span) for span in spans.values()]
    assert len(spans) == 1 + 3 + 2 + 4
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in spans.values())


async def test_a_failed_step_has_its_code_and_nothing_that_was_said(office: Office) -> None:
    office.script.on("a", EngineFailed("secret words"))
    state, [sent] = await exported(office)
    failed = [span["status"] for span in sent["resourceSpans"][0]["scopeSpans"][0]["spans"] if "status" in span]
    assert (state, failed) == (RunState.FAILED, [{"code": 2, "message": "engine_failed"}] * 3)
    assert "secret" not in json.dumps(sent)


@pytest.mark.parametrize("status", [400, 503])
async def test_a_collector_that_takes_nothing_changes_nothing(office: Office, status: int) -> None:
    for name in ("a", "b", "each"):
        office.script.on(name, name)
    assert (await exported(office, status))[0] == RunState.SUCCEEDED


def _with_base64_ids(sent: Any) -> Any:
    """Of bytes protobuf's own JSON has base64, and OTLP's has hexadecimal (its section JSON Protobuf Encoding)."""

    def convert(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: convert(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [convert(inner) for inner in value]
        if name in {"traceId", "spanId", "parentSpanId"}:
            return base64.b64encode(bytes.fromhex(value)).decode()
        return value

    return convert(sent)
