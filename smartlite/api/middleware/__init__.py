"""What surrounds every route, as plain ASGI, and its one order. Must not know any route's format."""

from starlette.middleware import Middleware

from smartlite.api.middleware.admission import AdmissionMiddleware
from smartlite.api.middleware.body_limit import BodyLimitMiddleware
from smartlite.api.middleware.cors import cors
from smartlite.api.middleware.failures import FailuresMiddleware
from smartlite.api.middleware.headers import HeadersMiddleware
from smartlite.api.middleware.observation import ObservationMiddleware
from smartlite.api.middleware.request_id import RequestIDMiddleware
from smartlite.config import Settings


def middleware_stack(settings: Settings) -> list[Middleware]:
    """Every middleware, the outermost first.

    The request id comes first, so that every answer and log line has it; observation sees the final status; headers
    and CORS are put on errors too; failures turns whatever is raised further in into an answer; what refuses requests
    comes last and only raises.
    """
    return [
        Middleware(RequestIDMiddleware),
        Middleware(ObservationMiddleware),
        Middleware(HeadersMiddleware),
        *cors(settings.cors_origins),
        Middleware(FailuresMiddleware),
        Middleware(AdmissionMiddleware, max_concurrent_requests=settings.max_concurrent_requests),
        Middleware(
            BodyLimitMiddleware, max_json_bytes=settings.max_json_bytes, max_upload_bytes=settings.max_upload_bytes
        ),
    ]
