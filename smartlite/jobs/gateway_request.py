"""``gateway.request``: has the gateway answer a kept request, and keeps the answer. Must not know who answers.

The answer is kept as it is, byte for byte; one that is an error too, beside its status, since a step that failed has no
output.
"""

import json
from collections.abc import AsyncGenerator, Mapping
from http import HTTPStatus
from typing import Final

from smartlite.domain.pipelines import JSON, MediaRef, Run, RunError
from smartlite.errors import IdempotencyInProgress
from smartlite.jobs.gateway_calls import Caller, GatewayCalls, StoredAnswer, StoredRequest
from smartlite.jobs.request_answers import FAILURE
from smartlite.pipeline.execution.failures import StepFailed
from smartlite.pipeline.execution.kinds import StepContext, StepEvent, StepOutput
from smartlite.pipeline.execution.values import json_bytes, media_json, read_media

INLINE_BYTES: Final = 64 * 1024
"""Longest body that is in the outputs too."""
_UNKNOWN: Final = "application/octet-stream"
_AGAIN: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
_MOST_CHARACTERS: Final = 2000


class GatewayRequest:
    """Runs the kind.

    Args:
        gateway: Answers.
    """

    def __init__(self, gateway: GatewayCalls) -> None:
        self._gateway = gateway

    async def request(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        """A StepRunner. Every attempt has the same ``Idempotency-Key``: an answer that was kept is given again."""
        body = await context.objects.get(read_media(fields["body"], "body").key)
        headers = {"content-type": fields["content_type"], "idempotency-key": context.idempotency_key}
        asked = StoredRequest(fields["method"], fields["path"], headers, body)
        answer = await self._gateway.call(asked, _caller(context.run), context.run.id)
        content_type = answer.headers.get("content-type", _UNKNOWN)
        if answer.status >= HTTPStatus.BAD_REQUEST:
            kept = {"status": answer.status, "content_type": content_type, "body": _text(answer.body)}
            await context.objects.put(context.media_key(FAILURE), json_bytes(kept))
            raise StepFailed(_error(answer, context.step_id))
        key = context.media_key("answer")
        await context.objects.put(key, answer.body)
        media = media_json(MediaRef(key, content_type, len(answer.body)))
        yield StepOutput(
            {
                "status": answer.status,
                "content_type": content_type,
                "body": _shown(answer.body, content_type, media),
                "answer": media,
            }
        )


def _error(answer: StoredAnswer, step_id: str) -> RunError:
    try:
        said = json.loads(answer.body)["error"]
        code, message = str(said["code"]), str(said["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "internal_error", f"The answer was {answer.status}."
    is_busy = answer.status in _AGAIN or code == IdempotencyInProgress.code
    is_final = not is_busy or answer.headers.get("x-should-retry") == "false"
    return RunError(code[:64], message[:_MOST_CHARACTERS], step_id, is_final)


def _shown(body: bytes, content_type: str, media: JSON) -> JSON:
    """A body as people read it: JSON, text, or where its bytes are."""
    kind = content_type.partition(";")[0].strip().lower()
    is_json, is_text = kind == "application/json", kind.startswith("text/") or kind == "application/x-subrip"
    if len(body) > INLINE_BYTES or not (is_json or is_text):
        return media
    return json.loads(body) if is_json else _text(body)


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _caller(run: Run) -> Caller:
    return Caller(run.user_id, run.organization_id, run.key_id, run.scopes)
