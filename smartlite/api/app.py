"""The gateway's app, put together: routers by API version, middleware, error handlers, documentation.

Must not know who runs it: an ingress replica or a test.
"""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version
from typing import Final

from fastapi import APIRouter, FastAPI
from starlette.types import Receive, Scope, Send

from smartlite.api.docs import add_docs
from smartlite.api.document import Surroundings
from smartlite.api.errors import exception_handlers
from smartlite.api.flat import flat_routes
from smartlite.api.middleware import HEALTH_PATHS, PUBLIC_PATHS, access_log, fast_lane, middleware_stack
from smartlite.api.middleware.deferral import DEFERRED_PATHS
from smartlite.api.middleware.fast_lane import FastLane
from smartlite.api.routes import (
    auth,
    batches,
    cache,
    chat,
    contents,
    conversation_items,
    conversations,
    embeddings,
    files,
    health,
    identity,
    key_rotation,
    limits,
    models,
    oauth,
    oauth_clients,
    oidc,
    organizations,
    pipeline_runs,
    pipeline_versions,
    pipelines,
    prompt_versions,
    prompts,
    quotas,
    responses,
    run_data,
    run_results,
    runs,
    shares,
    speech,
    transcriptions,
    usage,
    voice,
    voices,
    webhooks,
)
from smartlite.api.services import Services
from smartlite.jobs.request_runs import RequestRuns

ROUTERS: Final[dict[str, tuple[APIRouter, ...]]] = {
    "": (health.router,),
    "/v1": (
        models.router,
        chat.router,
        embeddings.router,
        responses.router,
        transcriptions.router,
        speech.router,
        voices.router,
        voice.router,
    ),
}
"""Prefix to routers; another version of the API is another line."""
ROUTERS_OF: Final[dict[str, dict[str, tuple[APIRouter, ...]]]] = {
    "identity": {"/v1": (identity.router, key_rotation.router, organizations.router, shares.router)},
    "limits": {"/v1": (limits.router,)},
    "quotas": {"/v1": (quotas.router,)},
    "metering": {"/v1": (usage.router, contents.router)},
    "accounts": {
        "": (auth.well_known, oauth.well_known),
        "/v1": (auth.router, oauth.pages, oauth.router, oauth_clients.router, oauth_clients.grants, oidc.router),
    },
    "pipelines": {"/v1": (pipelines.router, pipeline_versions.router)},
    "prompts": {"/v1": (prompts.router, prompt_versions.router)},
    "conversations": {"/v1": (conversations.router, conversation_items.router)},
    "runs": {"/v1": (pipeline_runs.router, runs.router, run_data.router, run_results.router)},
    "files": {"/v1": (files.router,)},
    "batches": {"/v1": (batches.router,)},
    "results": {"/v1": (cache.router,)},
    "webhooks": {"/v1": (webhooks.router,)},
}
"""Likewise, by the field of ``Services`` without which they are not served."""


class _Gateway(FastAPI):
    """FastAPI, with what is answered before it is asked."""

    lane: FastLane

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self
        if not await self.lane.answer(scope, receive, send):
            await super().__call__(scope, receive, send)


def create_app(services: Services) -> FastAPI:
    """Build the gateway around ``services``; routes find them in ``app.state.services``."""
    flat, log = flat_routes(ROUTERS), access_log(services.settings, tuple(ROUTERS))
    app = _Gateway(
        title="SmartLite",
        version=version("smartlite"),
        description=(
            "Speech recognition, language models, speech synthesis and voice turns behind one gateway that speaks "
            "OpenAI's wire format: point any OpenAI client's `base_url` at `/v1`. Query parameters that an operation "
            "does not know are ignored."
        ),
        docs_url=None,
        redoc_url=None,
        # A redirect would repeat the client's Host header, and no official client needs one.
        redirect_slashes=False,
        lifespan=_lifespan(services),
        middleware=middleware_stack(
            services.settings,
            tuple(ROUTERS),
            log,
            services.authenticator,
            services.limits,
            services.idempotency,
            services.metering,
            _requests(services),
            flat,
        ),
        exception_handlers=exception_handlers(),
    )
    app.state.services = services
    app.lane = fast_lane(
        services.settings, tuple(ROUTERS), log, services.authenticator, services.limits, services.metering, flat
    )
    _include(app, ROUTERS)
    for name, routers in ROUTERS_OF.items():
        if getattr(services, name) is not None:
            _include(app, routers)
    add_docs(app, services.models, _surroundings(services))
    return app


def _requests(services: Services) -> RequestRuns | None:
    return RequestRuns(services.runs, services.media) if services.runs and services.media else None


def _surroundings(services: Services) -> Surroundings:
    return Surroundings(
        prefixes=tuple(ROUTERS),
        public=PUBLIC_PATHS,
        health=HEALTH_PATHS,
        is_guarded=services.authenticator is not None,
        is_limited=services.limits is not None,
        is_idempotent=services.idempotency is not None,
        deferred=DEFERRED_PATHS if _requests(services) else frozenset(),
    )


def _include(app: FastAPI, by_prefix: Mapping[str, tuple[APIRouter, ...]]) -> None:
    for prefix, routers in by_prefix.items():
        for router in routers:
            app.include_router(router, prefix=prefix)


def _lifespan(services: Services) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What is done once the last request has ended."""

    @asynccontextmanager
    async def running(_app: FastAPI) -> AsyncGenerator[None, None]:
        yield
        if services.limits is not None:
            await services.limits.close()

    return running
