"""Requests that are runs: which answers are tried again, and what is kept of them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from smartlite.domain.pipelines import MediaRef, Run, RunError, RunState
from smartlite.jobs.gateway_calls import Caller, StoredAnswer, StoredRequest
from smartlite.jobs.gateway_request import INLINE_BYTES, GatewayRequest
from smartlite.jobs.media import TenantMedia
from smartlite.jobs.request_answers import answer_of
from smartlite.jobs.request_document import STEP
from smartlite.pipeline.execution.failures import StepFailed
from smartlite.pipeline.execution.kinds import StepContext, StepOutput
from smartlite.pipeline.execution.values import media_json
from smartlite.storage.blobs import BlobStore
from smartlite.storage.objects import FsspecObjectStore
from tests.storage.rows import NOON

BODY = "media/runs/run_1/inputs/body"
FIELDS = {"method": "POST", "path": "/v1/x", "content_type": "a/b", "body": media_json(MediaRef(BODY, "a/b", 1))}
RUN = Run("run_1", "p", "p", 1, "user_1", "org_1", {}, RunState.RUNNING, NOON, key_id="key_1", scopes=frozenset({"a"}))


class Answering:
    """A GatewayCalls that answers as it was told."""

    def __init__(self, status: int, body: bytes, **headers: str) -> None:
        self.answer = StoredAnswer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)
        self.asked: list[tuple[StoredRequest, Caller, str]] = []

    async def call(self, request: StoredRequest, caller: Caller, run_id: str) -> StoredAnswer:
        self.asked.append((request, caller, run_id))
        return self.answer


class Desk:
    """A step of a run."""

    def __init__(self, folder: Path) -> None:
        self.objects = TenantMedia(BlobStore(FsspecObjectStore(folder.as_uri())), "user_1")

    async def run(self, gateway: Answering, attempt: int = 1) -> Mapping[str, object]:
        context = StepContext(RUN, STEP, -1, attempt, 1, self.objects, 0, run_nested)
        async for event in GatewayRequest(gateway).request(context, FIELDS):
            assert isinstance(event, StepOutput)
            return event.value  # type: ignore[no-any-return]  # JSON
        raise AssertionError

    async def fail(self, gateway: Answering, attempt: int = 1) -> RunError:
        with pytest.raises(StepFailed) as failed:
            await self.run(gateway, attempt)
        return failed.value.error


async def run_nested(*_: object) -> Mapping[str, object]:
    raise AssertionError


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    await desk.objects.put(BODY, b"asked")
    return desk


async def test_the_request_is_asked_for_whoever_sent_it(desk: Desk) -> None:
    gateway = Answering(200, b"{}", content_type="application/json")
    await desk.run(gateway)
    request, caller, run_id = gateway.asked[0]
    assert (request.method, request.path, request.body) == ("POST", "/v1/x", b"asked")
    assert request.headers == {"content-type": "a/b", "idempotency-key": "run_1/request/-1"}
    assert (caller, run_id) == (Caller("user_1", "org_1", "key_1", frozenset({"a"})), "run_1")


@pytest.mark.parametrize(
    ("content_type", "body", "shown"),
    [
        ("application/json", b'{"a": 1.0}', {"a": 1.0}),
        ("text/vtt; charset=utf-8", "WEBVTT é".encode(), "WEBVTT é"),
        ("audio/wav", b"RIFF", None),
        ("application/json", b'"' + b"x" * INLINE_BYTES + b'"', None),
    ],
)
async def test_json_and_text_are_shown_and_all_is_kept_as_it_came(
    desk: Desk, content_type: str, body: bytes, shown: object
) -> None:
    output = await desk.run(Answering(200, body, content_type=content_type))
    assert output["body"] == (output["answer"] if shown is None else shown)
    ended = replace(RUN, outputs=output)
    assert await answer_of(ended, desk.objects) == StoredAnswer(200, {"content-type": content_type}, body)


@pytest.mark.parametrize(
    ("status", "code", "headers", "is_final"),
    [
        (429, "rate_limit_exceeded", {}, False),
        (429, "insufficient_quota", {"x_should_retry": "false"}, True),
        (503, "service_unavailable", {"x_should_retry": "true"}, False),
        (409, "idempotency_in_progress", {"x_should_retry": "true"}, False),
        (504, "deadline_exceeded", {}, True),
        (400, "invalid_request", {}, True),
        (401, "invalid_api_key", {}, True),
    ],
)
async def test_only_what_is_busy_is_tried_again(
    desk: Desk, status: int, code: str, headers: dict[str, str], is_final: bool
) -> None:
    body = f'{{"error": {{"code": "{code}", "message": "No."}}}}'.encode()
    error = await desk.fail(Answering(status, body, content_type="application/json", **headers))
    assert error == RunError(code, "No.", STEP, is_final)


async def test_the_last_error_is_the_answer(desk: Desk) -> None:
    assert await answer_of(RUN, desk.objects) is None
    for attempt, text in ((9, b"busy"), (10, b"No.")):
        await desk.fail(Answering(429, text, content_type="text/plain"), attempt)
    assert await answer_of(RUN, desk.objects) == StoredAnswer(429, {"content-type": "text/plain"}, b"No.")
