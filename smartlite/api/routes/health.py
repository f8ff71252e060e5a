"""``/healthz`` (does this process answer?) and ``/readyz`` (does every stage?). Must not know how this is found out."""

import asyncio
from typing import Final

from fastapi import APIRouter, Response
from starlette.responses import JSONResponse

from smartlite.api.errors import error_response
from smartlite.api.openapi import error_responses
from smartlite.api.schemas.errors import ErrorBody
from smartlite.api.schemas.health import Health, NotReady, Readiness, StageHealth
from smartlite.api.services import ServicesDep
from smartlite.domain.stages import StageStatus
from smartlite.errors import Unavailable

router = APIRouter(tags=["Health"])

INSTANCE_HEADER: Final = "x-smartlite-instance"
_STATUS_TIMEOUT_S: Final = 5.0


@router.get("/healthz", summary="Is the process up?", responses=error_responses(405))
async def healthz(services: ServicesDep, response: Response) -> Health:
    """Answers from memory: no stage, store or network is asked."""
    if services.settings.instance:
        response.headers[INSTANCE_HEADER] = services.settings.instance
    return Health()


@router.get(
    "/readyz",
    summary="Is every stage ready?",
    response_model=Readiness,
    responses={**error_responses(405), 503: {"model": NotReady, "description": "Some stage is not ready."}},
)
async def readyz(services: ServicesDep) -> Response:
    """The state of every stage, at most a second old."""
    try:
        async with asyncio.timeout(_STATUS_TIMEOUT_S):
            statuses = await services.status.stages()
    except TimeoutError:
        raise Unavailable(f"The state of the stages is not known: no answer in {_STATUS_TIMEOUT_S:.0f} s.") from None
    stages = {status.name: _stage_health(status) for status in statuses}
    waiting = [status for status in statuses if not status.takes_requests]
    if statuses and not waiting:
        return JSONResponse(Readiness(stages=stages).model_dump())
    reasons = "; ".join(f"{status.name} is {status.state}: {status.message}" for status in waiting)
    error = Unavailable(f"Not ready: {reasons or 'no stage has been started'}.")
    body = ErrorBody(message=error.message, type=error.type, param=None, code=error.code)
    headers = error_response(error).headers
    return JSONResponse(
        NotReady(stages=stages, error=body).model_dump(),
        status_code=error.status_code,
        headers={name: headers[name] for name in ("retry-after", "x-should-retry")},
    )


def _stage_health(status: StageStatus) -> StageHealth:
    return StageHealth(
        state=status.state,
        message=status.message,
        replicas_ready=status.replicas_ready,
        replicas_wanted=status.replicas_wanted,
    )
