"""The whole gateway in an event loop of its own, for tests that are no coroutines. Must not know any test."""

import asyncio
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
from fastapi.routing import APIRoute

from smartlite.api import app
from smartlite.config import Settings
from tests.api.whole import Resident, Whole, a_whole_gateway
from tests.api.wire import send
from tests.conftest import make_services

_ROUTERS: Final = (app.ROUTERS, *app.ROUTERS_OF.values())
OPERATIONS: Final = [
    f"{method} {prefix}{route.path_format}"
    for by_prefix in _ROUTERS
    for prefix, routers in by_prefix.items()
    for router in routers
    for route in router.routes
    if isinstance(route, APIRoute) and route.include_in_schema
    for method in sorted(route.methods)
]
"""Of the document, such as ``GET /v1/models/{model}``."""


@dataclasses.dataclass(frozen=True)
class Running:
    """The gateway, and the loop that it runs in."""

    whole: Whole
    runner: asyncio.Runner
    document: dict[str, Any]

    def add(self) -> Resident:
        """Somebody new, with one of everything."""
        return self.runner.run(self.whole.add())

    def access_token(self, email: str) -> str:
        """Of somebody who has just signed in."""
        return self.runner.run(self.whole.access_token(email))

    def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: Sequence[bytes] = (),
    ) -> httpx.Response:
        """See ``tests.api.wire``."""
        return self.runner.run(send(self.whole.app, method, target, headers, body))

    def operation(self, label: str) -> dict[str, Any]:
        """What the document says of it."""
        method, _, path = label.partition(" ")
        found: dict[str, Any] = self.document["paths"][path][method.lower()]
        return found


@contextmanager
def a_running_gateway(folder: Path) -> Iterator[Running]:
    """A gateway on a new database."""
    settings = Settings(data_dir=folder, model_cache_dir=folder / "models", allowed_hosts=("*",))
    opened = a_whole_gateway(make_services(settings, {}), folder)
    with asyncio.Runner() as runner:
        whole = runner.run(opened.__aenter__())
        try:
            yield Running(whole, runner, whole.app.openapi())
        finally:
            runner.run(opened.__aexit__(None, None, None))
