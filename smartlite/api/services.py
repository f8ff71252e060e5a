"""Everything a route may use, in one frozen object. Must not know who builds it: an ingress replica or a test."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

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
from smartlite.metering import Metering
from smartlite.metering.history import History


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

    async def directory(self) -> ModelDirectory:
        """Every served model with its voices, those included that only the model itself could tell."""
        if not self.models.untold:
            return self.models
        return self.models.with_voices(await self.status.voices())


async def get_services(request: Request) -> Services:
    """Find the services of the app that handles this request."""
    services = request.app.state.services
    assert isinstance(services, Services)  # noqa: S101 - create_app put it there
    return services


async def get_identity(request: Request) -> Identity:
    """Find users and keys; only routes that are served with them ask."""
    identity = (await get_services(request)).identity
    assert identity is not None  # noqa: S101 - create_app serves such routes only then
    return identity


async def get_organizations(request: Request) -> Organizations:
    """Find organisations; only routes that are served with users ask."""
    return (await get_identity(request)).organizations


async def get_accounts(request: Request) -> Accounts:
    """Find passwords and sessions; only routes that are served with them ask."""
    accounts = (await get_services(request)).accounts
    assert accounts is not None  # noqa: S101 - create_app serves such routes only then
    return accounts


async def get_history(request: Request) -> History:
    """Find what was used; only routes that are served with it ask."""
    metering = (await get_services(request)).metering
    assert metering is not None  # noqa: S101 - create_app serves such routes only then
    return metering.history


async def get_quotas(request: Request) -> QuotaBook:
    """Find the limits that were set; only routes that are served with them ask."""
    quotas = (await get_services(request)).quotas
    assert quotas is not None  # noqa: S101 - create_app serves such routes only then
    return quotas


async def get_limits(request: Request) -> Limits:
    """Find what is limited; only routes that are served with it ask."""
    limits = (await get_services(request)).limits
    assert limits is not None  # noqa: S101 - create_app serves such routes only then
    return limits


AccountsDep = Annotated[Accounts, Depends(get_accounts)]
HistoryDep = Annotated[History, Depends(get_history)]
QuotasDep = Annotated[QuotaBook, Depends(get_quotas)]
LimitsDep = Annotated[Limits, Depends(get_limits)]
IdentityDep = Annotated[Identity, Depends(get_identity)]
OrganizationsDep = Annotated[Organizations, Depends(get_organizations)]
ServicesDep = Annotated[Services, Depends(get_services)]
