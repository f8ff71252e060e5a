"""The ingress replica: the gateway's app over handles to the stages. Must not know routes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle

from deployments.idempotency import ReplicaIdempotency
from deployments.identity import ReplicaIdentity
from deployments.limits import open_limits
from deployments.loopback import bind_to_loopback
from deployments.metering import ReplicaMetering
from deployments.offers import Offers
from deployments.own_http import answer_directly
from deployments.pipelines import ReplicaPipelines
from deployments.remote_models import (
    RemoteASR,
    RemoteEmbedding,
    RemoteLLM,
    RemotePipeline,
    RemoteTTS,
    open_routes,
    open_stages,
)
from deployments.results import open_results
from deployments.schema import migrate_when_possible
from deployments.status import ServeStatusBoard
from smartlite.api.app import create_app
from smartlite.api.middleware.request_id import LEFT_TO_SERVE
from smartlite.api.services import Services
from smartlite.auth.changes import UNWATCHED
from smartlite.auth.quota_book import QuotaBook
from smartlite.config import Settings, load_settings
from smartlite.domain.models import ModelDirectory
from smartlite.logging import configure_logging
from smartlite.storage.database import Database
from smartlite.storage.encryption import Cipher

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]


class IngressDeployment:
    """Builds the app once, on the replica, from its handles.

    Args:
        handles: The deployments that run models, by name.
        pipeline: The pipeline.
        models: Every served model, with the deployment that runs it.
    """

    def __init__(
        self, handles: Mapping[str, DeploymentHandle], pipeline: DeploymentHandle, models: ModelDirectory
    ) -> None:
        bind_to_loopback()
        answer_directly(lambda: self._app)
        settings = load_settings()
        configure_logging(settings.log_level)
        # Serve makes a record of every request before it asks whether its own access log is off.
        logging.getLogger("ray.serve").setLevel(logging.WARNING)
        stages = open_stages(handles, settings)
        routes = open_routes(stages, models, settings)
        self._database = database = Database(settings.sql_url)
        self._migrating: asyncio.Task[None] | None = None
        is_guarded = settings.auth == "required"
        cipher = Cipher(database, settings.encryption_key_ring)
        self._users = users = ReplicaIdentity(settings, database, cipher) if is_guarded else None
        self._idempotency = ReplicaIdempotency(settings, database, cipher)
        quotas = QuotaBook(database, changes=users.changes if users else UNWATCHED)
        self._metering = ReplicaMetering(settings, database, cipher) if is_guarded else None
        works = ReplicaPipelines(settings, database, cipher, models)
        offers = Offers()
        has_embedding = any(model.task == "embedding" for model in models.models)
        self._services = Services(
            settings=settings,
            models=models,
            asr=RemoteASR(routes, offers),
            llm=RemoteLLM(routes),
            tts=RemoteTTS(routes),
            pipeline=RemotePipeline(pipeline, "pipeline", *_pipeline_waits(models, settings), offers),
            status=ServeStatusBoard(serve.get_replica_context().app_name, models, stages),
            embedding=RemoteEmbedding(routes) if has_embedding else None,
            authenticator=users.authenticator if users else None,
            identity=users.identity if users else None,
            accounts=users.accounts if users else None,
            metering=self._metering.metering if self._metering else None,
            quotas=quotas if is_guarded else None,
            limits=open_limits(settings, self._metering, quotas) if self._metering else None,
            idempotency=self._idempotency.keeper,
            pipelines=works.pipelines,
            runs=works.runs,
            media=works.media,
            files=works.files,
            batches=works.batches,
            retention=works.retention,
            prompts=works.prompts,
            conversations=works.conversations,
            results=open_results(settings, database, works.media),
            webhooks=works.webhooks,
        )

    def __serve_build_asgi_app__(self) -> _App:
        self._app = app = self._begun(create_app(self._services))
        return leave_request_id_to_serve(app)

    def _begun(self, app: _App) -> _App:
        """The same app, whose first request (the edge's question after its health) begins what runs beside it."""

        async def wrapped(scope: _Message, receive: _Receive, send: _Send) -> None:
            if self._migrating is None:
                self._migrating = asyncio.create_task(migrate_when_possible(self._database))
                self._idempotency.begin()
                if self._users is not None:
                    self._users.begin()
                if self._metering is not None:
                    self._metering.begin()
            await app(scope, receive, send)

        return wrapped


def _pipeline_waits(models: ModelDirectory, settings: Settings) -> tuple[float, float]:
    """Longest waits for the first and for every further event of a turn, any of which may load a model."""
    load_s = settings.model_load_timeout_s if any(model.load == "on_demand" for model in models.models) else 0.0
    return settings.first_event_timeout_s + load_s, settings.next_event_timeout_s + load_s


def leave_request_id_to_serve(app: _App) -> _App:
    """Have the app put no request id on its answers: Serve adds it to every one, and twice is once too often."""

    async def wrapped(scope: _Message, receive: _Receive, send: _Send) -> None:
        scope[LEFT_TO_SERVE] = True
        await app(scope, receive, send)

    return wrapped
