"""What surrounds every route, as plain ASGI, and its one order. Must not know any route's format."""

from collections.abc import Mapping, Sequence
from typing import Final

from starlette.middleware import Middleware

from smartlite.api.flat import FlatMiddleware, FlatRoute
from smartlite.api.middleware.admission import AdmissionMiddleware
from smartlite.api.middleware.body_limit import BodyLimitMiddleware
from smartlite.api.middleware.callers import CallersMiddleware
from smartlite.api.middleware.cors import cors
from smartlite.api.middleware.deferral import DeferralMiddleware
from smartlite.api.middleware.failures import FailuresMiddleware
from smartlite.api.middleware.fast_lane import FastLane
from smartlite.api.middleware.headers import HeadersMiddleware
from smartlite.api.middleware.idempotency import IdempotencyMiddleware
from smartlite.api.middleware.identity import IdentityMiddleware
from smartlite.api.middleware.limits import LimitsMiddleware
from smartlite.api.middleware.metering import MeteringMiddleware, RequestRecords
from smartlite.api.middleware.observation import AccessLog, ObservationMiddleware
from smartlite.api.middleware.request_id import RequestIDMiddleware
from smartlite.api.middleware.spools import SpoolsMiddleware
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.idempotency import IdempotencyKeeper
from smartlite.auth.rate_limit import Limits
from smartlite.config import Settings
from smartlite.jobs.request_runs import RequestRuns
from smartlite.metering import Metering

HEALTH_PATHS: Final = frozenset({"/healthz", "/readyz"})
"""Asked twice a second by every edge: never refused for being busy (a busy replica is a healthy one, and without it
the others would be busier still), and logged at DEBUG only."""


PUBLIC_PATHS: Final = frozenset(
    {
        "/v1/auth/login",
        "/v1/auth/refresh",
        "/v1/auth/oidc",
        "/v1/auth/oidc/{provider_id}/login",
        "/v1/auth/oidc/{provider_id}/callback",
        "/v1/oauth/authorize",
        "/v1/oauth/token",
        "/v1/oauth/revoke",
        "/v1/oauth/introspect",
    }
)
"""What is answered without a credential although it is part of a version of the API."""

NO_FLAT_ROUTES: Final[Mapping[tuple[str, str], FlatRoute]] = {}


STREAMED_PATHS: Final = frozenset({"/v1/files"})
"""Where uploads are stored while they come, so that they may be larger than what is held."""
FORM_BYTES: Final = 64 * 1024
"""What a form has beside its file."""


def access_log(settings: Settings, prefixes: Sequence[str]) -> AccessLog:
    """The one of this process: so many lines a second, whoever writes them."""
    return AccessLog(prefixes, HEALTH_PATHS, settings.access_log_per_second)


def fast_lane(
    settings: Settings,
    prefixes: Sequence[str],
    log: AccessLog,
    authenticator: Authenticator | None,
    limits: Limits | None,
    metering: Metering | None,
    flat: Mapping[tuple[str, str], FlatRoute],
) -> FastLane:
    """What answers flat routes before the stack is asked, by the same parts."""
    records = None if metering is None else RequestRecords(metering.recorder, prefixes)
    return FastLane(flat, settings.allowed_hosts, log, authenticator, limits, records)


def middleware_stack(
    settings: Settings,
    prefixes: Sequence[str],
    log: AccessLog,
    authenticator: Authenticator | None = None,
    limits: Limits | None = None,
    keeper: IdempotencyKeeper | None = None,
    metering: Metering | None = None,
    requests: RequestRuns | None = None,
    flat: Mapping[tuple[str, str], FlatRoute] = NO_FLAT_ROUTES,
) -> list[Middleware]:
    """Every middleware, the outermost first; ``prefixes`` are those of the API's versions.

    The request id comes first, so that every answer and log line has it; observation and metering see the final
    status; headers and CORS are put on errors too; failures turns whatever is raised further in into an answer;
    what refuses requests comes last and only raises. Who asks is found out after admission, which so bounds how
    many ask the database, and before anything of the body is read; limits stand around that, to count who is
    refused. Without an authenticator nobody is asked who they are, and without limits nobody counts. What is spooled
    of a body is closed behind everybody who reads it. Further in is who answers a request again that was sent before
    with the same Idempotency-Key: by then it is known whose key that is, and the body is bounded. Then comes who makes
    a run of a request that is to be answered later, and innermost what answers the few routes that are not left to
    FastAPI.
    """
    return [
        Middleware(RequestIDMiddleware),
        Middleware(ObservationMiddleware, log=log),
        *([] if metering is None else [Middleware(MeteringMiddleware, metering=metering, prefixes=prefixes)]),
        Middleware(HeadersMiddleware),
        *cors(settings.cors_origins),
        Middleware(FailuresMiddleware),
        Middleware(
            CallersMiddleware,
            hosts=settings.allowed_hosts,
            origins=settings.cors_origins,
            exempt_paths=HEALTH_PATHS,
        ),
        Middleware(
            AdmissionMiddleware,
            limit=settings.max_concurrent_requests,
            limit_bytes=settings.max_held_bytes,
            exempt_paths=HEALTH_PATHS,
            streamed_paths=STREAMED_PATHS,
        ),
        *([] if limits is None else [Middleware(LimitsMiddleware, limits=limits, has_own_edge=settings.edge == "own")]),
        *_identity(prefixes, authenticator),
        Middleware(
            BodyLimitMiddleware,
            max_json_bytes=settings.max_json_bytes,
            max_upload_bytes=settings.max_upload_bytes,
            max_file_bytes=settings.file_max_bytes + FORM_BYTES,
            streamed_paths=STREAMED_PATHS,
        ),
        Middleware(SpoolsMiddleware),
        *([] if keeper is None else [Middleware(IdempotencyMiddleware, keeper=keeper, prefixes=prefixes)]),
        *([] if requests is None else [Middleware(DeferralMiddleware, requests=requests)]),
        Middleware(FlatMiddleware, routes=flat),
    ]


def _identity(prefixes: Sequence[str], authenticator: Authenticator | None) -> list[Middleware]:
    if authenticator is None:
        return []
    authenticate = authenticator.authenticate
    return [Middleware(IdentityMiddleware, authenticate=authenticate, prefixes=prefixes, exempt_paths=PUBLIC_PATHS)]
