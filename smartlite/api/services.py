"""Everything a route may use, in one frozen object. Must not know who builds it: an ingress replica or a test."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from smartlite.auth.accounts import Accounts
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.identity import Identity
from smartlite.auth.rate_limit import Limits
from smartlite.config import Settings
from smartlite.domain.models import ModelDirectory
from smartlite.domain.stages import ASRStage, EmbeddingStage, LLMStage, PipelineStage, StatusBoard, TTSStage


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
    limits: Limits | None = None
    """What each key may take; None where nothing is limited."""

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


async def get_accounts(request: Request) -> Accounts:
    """Find passwords and sessions; only routes that are served with them ask."""
    accounts = (await get_services(request)).accounts
    assert accounts is not None  # noqa: S101 - create_app serves such routes only then
    return accounts


AccountsDep = Annotated[Accounts, Depends(get_accounts)]
IdentityDep = Annotated[Identity, Depends(get_identity)]
ServicesDep = Annotated[Services, Depends(get_services)]
