"""The gateway on a pipeline replica: it answers requests that became runs, and nobody else. Must not know runs."""

from collections.abc import AsyncGenerator, Mapping
from typing import Final

from deployments.metering import ReplicaMetering
from deployments.offers import Offers
from deployments.remote_models import RemoteASR, RemoteEmbedding, RemoteLLM, RemoteTTS, Route
from deployments.results import open_results
from smartlite.api.app import create_app
from smartlite.api.in_process import InProcessGateway
from smartlite.api.services import Services
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.found_key import FoundKey
from smartlite.auth.idempotency import IdempotencyKeeper
from smartlite.auth.rate_limit import Limits
from smartlite.auth.returning import find_again
from smartlite.config import Settings
from smartlite.domain.models import ModelDirectory
from smartlite.domain.pipeline import TurnEvent, VoiceTurnRequest
from smartlite.domain.principal import Principal
from smartlite.domain.stages import StatusBoard
from smartlite.errors import Unavailable
from smartlite.jobs.conversations import Conversations
from smartlite.jobs.gateway_calls import Caller
from smartlite.jobs.prompts import Prompts
from smartlite.storage.blobs import BlobStore
from smartlite.storage.database import Database

_ANY: Final = "*"


def open_gateway(
    settings: Settings,
    models: ModelDirectory,
    routes: Mapping[str, Route],
    board: StatusBoard,
    database: Database,
    blobs: BlobStore,
    metering: ReplicaMetering | None,
    limits: Limits | None,
    prompts: Prompts,
    conversations: Conversations,
) -> InProcessGateway:
    """The same app as on an ingress replica, without what belongs to sessions, pipelines and runs.

    Args:
        settings: Of the platform.
        models: Every served model.
        routes: The way to each.
        board: Tells of them.
        database: Where users are.
        blobs: Where answers are kept by their Idempotency-Key.
        metering: Of this replica; None where authentication is off.
        limits: Likewise.
        prompts: What requests may name.
        conversations: Likewise.
    """
    has_embedding = any(model.task == "embedding" for model in models.models)
    app = create_app(
        Services(
            settings=settings,
            models=models,
            asr=RemoteASR(routes, Offers()),
            llm=RemoteLLM(routes),
            tts=RemoteTTS(routes),
            pipeline=_NoTurns(),
            status=board,
            embedding=RemoteEmbedding(routes) if has_embedding else None,
            authenticator=None if metering is None else Authenticator(_no_key),
            metering=None if metering is None else metering.metering,
            limits=limits,
            idempotency=IdempotencyKeeper(database, blobs),
            prompts=prompts,
            conversations=conversations,
            results=open_results(settings, database, blobs),
        )
    )

    async def find(caller: Caller) -> Principal | None:
        if metering is None:
            return None
        return await find_again(database, caller.user_id, caller.organization_id, caller.key_id, caller.scopes)

    return InProcessGateway(app, find, next((host for host in settings.allowed_hosts if host != _ANY), "localhost"))


class _NoTurns:
    """A PipelineStage: a turn is answered while somebody listens, or not at all."""

    async def run_turn(self, request: VoiceTurnRequest) -> AsyncGenerator[TurnEvent, None]:
        """See PipelineStage."""
        raise Unavailable("Voice turns are not answered later.")
        yield


async def _no_key(_: str) -> FoundKey | None:
    """Nobody comes in by a key: who asks is known already."""
    return None
