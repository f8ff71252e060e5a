"""``http.request``: asks a service that the operator allows. Must not know how requests are sent or checked."""

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Final

from smartlite.domain.pipelines import JSON
from smartlite.errors import HTTPRequestFailed, HTTPRequestRefused, InvalidType
from smartlite.pipeline.execution.kinds import StepContext, StepEvent, StepOutput
from smartlite.pipeline.execution.values import json_bytes
from smartlite.pipeline.steps.ports import HTTPAnswer, HTTPClient, HTTPRequest

_TIMEOUT_S: Final = 30.0
_SHOWN: Final = 200
_SAFE: Final = frozenset({"GET", "HEAD"})
_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "upgrade", "te", "trailer"})
"""Headers that say how the request is sent."""


class HTTP:
    """Runs the kind.

    Args:
        client: Sends.
    """

    def __init__(self, client: HTTPClient) -> None:
        self._client = client

    async def request(self, context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        """A StepRunner. What changes something carries an ``Idempotency-Key``, the same for every attempt."""
        method = fields.get("method", "GET")
        headers = _headers(fields.get("headers", {}))
        body = b""
        if "json" in fields:
            body = json_bytes(fields["json"])
            headers.setdefault("content-type", "application/json")
        elif "text" in fields:
            body = fields["text"].encode("utf-8", "replace")
            headers.setdefault("content-type", "text/plain; charset=utf-8")
        if method not in _SAFE:
            headers.setdefault("idempotency-key", context.idempotency_key)
        timeout_s = float(fields.get("timeout_s", _TIMEOUT_S))
        answer = await self._client.send(HTTPRequest(method, fields["url"], headers, body, timeout_s))
        _check(answer)
        text = answer.body.decode("utf-8", "replace")
        yield StepOutput(
            {"status": answer.status, "headers": dict(answer.headers), "text": text, "json": _parsed(answer, text)}
        )


def _headers(given: Mapping[str, JSON]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in given.items():
        if not isinstance(value, str | int | float):
            raise InvalidType(f"The header '{name[:64]}' is no text.", "headers")
        if name.lower() in _OURS:
            raise InvalidType(f"The header '{name[:64]}' cannot be set.", "headers")
        headers[name.lower()] = str(value)
    return headers


def _check(answer: HTTPAnswer) -> None:
    if answer.status < 400:
        return
    said = " ".join(answer.body[:_SHOWN].decode("utf-8", "replace").split())
    message = f"The service answered {answer.status}: {said}" if said else f"The service answered {answer.status}."
    if answer.status >= 500 or answer.status in {408, 425, 429}:
        raise HTTPRequestFailed(message)
    raise HTTPRequestRefused(message)


def _parsed(answer: HTTPAnswer, text: str) -> JSON:
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
