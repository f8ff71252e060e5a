"""The gateway with keys and limits, over fakes. Must not know any test."""

import dataclasses
from typing import Final

import httpx
import httpx2
import openai
from fastapi import FastAPI

from smartlite.api.app import create_app
from smartlite.api.services import Services
from smartlite.auth.allowances import Allowances
from smartlite.auth.authenticator import Authenticator
from smartlite.auth.local_limiter import LocalLimiter
from smartlite.auth.rate_limit import Limits
from smartlite.auth.scopes import BUILT_IN_ROLES
from smartlite.domain.limits import LimitKind
from smartlite.domain.principal import Principal
from tests.auth.keyring import Clock, Keyring, bearer

PLENTY: Final = Allowances(1000, 10_000, 1000, 10_000, 10, 3)


class Harness:
    """A gateway with limits that a clock of the test's own gives back."""

    def __init__(self, services: Services, **allowances: int) -> None:
        self.now_s = 1000.0
        self.keyring = Keyring()
        self.key = self.keyring.add(role_scopes=BUILT_IN_ROLES["user"])
        local = LocalLimiter(lambda: self.now_s, replicas=1)
        self.limits = Limits(dataclasses.replace(PLENTY, **allowances), None, local)
        authenticator = Authenticator(self.keyring.find, Clock())
        self.app: FastAPI = create_app(dataclasses.replace(services, authenticator=authenticator, limits=self.limits))

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, client=("192.0.2.1", 1)),
            base_url="http://gateway",
            headers={"Authorization": bearer(self.key)},
        )

    def official(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(
            base_url="http://gateway/v1",
            api_key=self.key.text,
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app)),
            _strict_response_validation=True,
        )

    async def left(self, kind: LimitKind) -> int:
        """What the key may still take."""
        principal = Principal("user_1", "key_0", (), frozenset(), "Ada")
        standings = (await self.limits.look(principal)).answer.standings
        return next(standing.remaining for standing in standings if standing.ask.kind is kind)
