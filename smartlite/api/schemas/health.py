"""The wire format of ``/healthz`` and ``/readyz``. Must not know how states are found out."""

from typing import Literal

from pydantic import BaseModel

from smartlite.api.schemas.errors import ErrorBody
from smartlite.domain.stages import StageState


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class StageHealth(BaseModel):
    """One stage of the platform."""

    state: StageState
    message: str
    replicas_ready: int
    replicas_wanted: int


class Readiness(BaseModel):
    """Every stage takes requests."""

    status: Literal["ready"] = "ready"
    stages: dict[str, StageHealth]


class NotReady(BaseModel):
    """Some stage does not: which, and why; with the error object that every route answers."""

    status: Literal["not_ready"] = "not_ready"
    stages: dict[str, StageHealth]
    error: ErrorBody
