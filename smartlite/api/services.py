"""Everything a route may use, in one frozen object. Must not know who builds it: an ingress replica or a test."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Annotated, TypeVar

from fastapi import Depends, Request

from smartlite.api.probing import kept_probe
from smartlite.auth.accounts import Accounts
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.idempotency import IdempotencyKeeper
from smartlite.auth.identity import Identity
from smartlite.auth.organizations import Organizations
from smartlite.auth.quota_book import QuotaBook
from smartlite.auth.rate_limit import Limits
from smartlite.config import Settings
from smartlite.domain.models import ModelDirectory
from smartlite.domain.stages import ASRStage, EmbeddingStage, LLMStage, PipelineStage, StatusBoard, TTSStage
from smartlite.jobs.batches import Batches
from smartlite.jobs.conversations import Conversations
from smartlite.jobs.files import Files
from smartlite.jobs.pipelines import Pipelines
from smartlite.jobs.prompts import Prompts
from smartlite.jobs.results import Results
from smartlite.jobs.run_retention import RunRetention
from smartlite.jobs.runs import Runs
from smartlite.jobs.webhooks import Webhooks
from smartlite.metering import Metering
from smartlite.metering.history import History
from smartlite.storage.blobs import BlobStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Services:
    """What routes work with; ``create_app`` keeps it in ``app.state.services``."""

    settings: Settings
    models: ModelDirectory
    asr: ASRStage
    llm: LLMStage
    tts: TTSStage
    pipeline: PipelineStage
    status: StatusBoard
    embedding: EmbeddingStage | None = None
    """None where no embedding model is served."""
    authenticator: Authenticator | None = None
    """None where authentication is off: everybody may do everything."""
    identity: Identity | None = None
    """Users and keys; None where authentication is off."""
    accounts: Accounts | None = None
    """Passwords and sessions; None where authentication is off."""
    metering: Metering | None = None
    """What is used and what happened; None where authentication is off: nobody used it."""
    quotas: QuotaBook | None = None
    """Limits that administrators set; None where nothing is limited."""
    limits: Limits | None = None
    """What each key may take; None where nothing is limited."""
    idempotency: IdempotencyKeeper | None = None
    """Answers by Idempotency-Key; None: the header is ignored."""
    pipelines: Pipelines | None = None
    """Pipelines that are kept; None: there are none."""
    runs: Runs | None = None
    """Runs of them; None: nothing is run."""
    prompts: Prompts | None = None
    """Prompts that are kept; None: there are none."""
    conversations: Conversations | None = None
    """Conversations that are kept; None: there are none."""
    media: BlobStore | None = None
    """Where the media of runs are; there wherever runs are."""
    files: Files | None = None
    """Files that users keep; None: there are none."""
    batches: Batches | None = None
    """Batches of requests; there only where files are."""
    retention: RunRetention | None = None
    """What removes runs; likewise."""

    results: Results | None = None
    """What is given again for the same request; None: nothing is."""
    webhooks: Webhooks | None = None
    """Who is told of what happens; None: nobody is."""

    async def directory(self) -> ModelDirectory:
        """Every served model with its voices, those included that only the model itself could tell."""
        if not self.models.untold:
            return self.models
        return self.models.with_voices(await self.status.voices())


async def get_services(request: Request) -> Services:
    """Find the services of the app that handles this request."""
    services = request.app.state.services
    assert isinstance(services, Services)  # noqa: S101 - create_app put it there
    probe = kept_probe(request.scope)
    if probe is None:
        return services
    embedding = None if services.embedding is None else probe
    return replace(services, asr=probe, llm=probe, tts=probe, embedding=embedding)


def _served(find: Callable[[Services], T | None]) -> Callable[[Request], Awaitable[T]]:
    """A dependency on something that is not always there; only routes that are served with it ask."""

    async def get(request: Request) -> T:
        found = find(await get_services(request))
        assert found is not None  # noqa: S101 - create_app serves such routes only then
        return found

    return get


AccountsDep = Annotated[Accounts, Depends(_served(lambda services: services.accounts))]
HistoryDep = Annotated[History, Depends(_served(lambda services: services.metering and services.metering.history))]
QuotasDep = Annotated[QuotaBook, Depends(_served(lambda services: services.quotas))]
LimitsDep = Annotated[Limits, Depends(_served(lambda services: services.limits))]
IdentityDep = Annotated[Identity, Depends(_served(lambda services: services.identity))]
OrganizationsDep = Annotated[
    Organizations, Depends(_served(lambda services: services.identity and services.identity.organizations))
]
PipelinesDep = Annotated[Pipelines, Depends(_served(lambda services: services.pipelines))]
RunsDep = Annotated[Runs, Depends(_served(lambda services: services.runs))]
FilesDep = Annotated[Files, Depends(_served(lambda services: services.files))]
BatchesDep = Annotated[Batches, Depends(_served(lambda services: services.batches))]
RetentionDep = Annotated[RunRetention, Depends(_served(lambda services: services.retention))]
PromptsDep = Annotated[Prompts, Depends(_served(lambda services: services.prompts))]
ConversationsDep = Annotated[Conversations, Depends(_served(lambda services: services.conversations))]
ResultsDep = Annotated[Results, Depends(_served(lambda services: services.results))]
WebhooksDep = Annotated[Webhooks, Depends(_served(lambda services: services.webhooks))]
MediaDep = Annotated[BlobStore, Depends(_served(lambda services: services.media))]
ServicesDep = Annotated[Services, Depends(get_services)]
