"""What starting a run answers: the run at once, or once it has ended. Must not know any route."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from smartlite.api.observation import observe
from smartlite.api.prefer import preference_of
from smartlite.api.run_stream import run_object
from smartlite.api.schemas.runs import RunObject
from smartlite.api.streaming import stopped_when_client_leaves
from smartlite.domain.pipelines import ENDED, Run
from smartlite.jobs.runs import Runs
from smartlite.pipeline.waterfall import waterfall_of

_HEADERS: Final[dict[str, Any]] = {
    "location": {"description": "The run's address.", "schema": {"type": "string"}},
    "preference-applied": {"description": "How long was waited for the result.", "schema": {"type": "string"}},
}
ACCEPTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "model": RunObject,
        "description": "The run, which has ended; or its events as they happen.",
        "content": {"application/json": {}, "text/event-stream": {"schema": {"type": "string"}}},
        "headers": _HEADERS,
    },
    202: {"model": RunObject, "description": "The run, which goes on.", "headers": _HEADERS},
}
"""What starting a run answers when it goes well."""
PREFER: Final[dict[str, Any]] = {
    "name": "Prefer",
    "in": "header",
    "description": "`wait=N`: the answer waits up to N seconds (at most 300) for the run's end; `respond-async`, or "
    "nothing: it does not wait (RFC 7240).",
    "schema": {"type": "string", "maxLength": 256},
    "example": "wait=30",
}


async def answer_with(request: Request, runs: Runs, run: Run) -> Response:
    """The run once it has ended, 200, or as it is when the client has waited enough, 202; it goes on either way."""
    preference = preference_of(request)
    if preference.wait_s:
        async with stopped_when_client_leaves(request.scope, request.receive):
            run = await runs.wait(run.id, preference.wait_s)
        found = waterfall_of(run, await runs.steps(run.id), await runs.attempts(run.id))
        observation = observe(request)
        for name, seconds in found.summary().items():
            observation.record(name, seconds)
    return JSONResponse(
        run_object(run).model_dump(mode="json"),
        status_code=200 if run.state in ENDED else 202,
        headers={"location": f"/v1/runs/{run.id}", **preference.applied},
    )
