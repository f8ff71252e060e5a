"""How far a request would get: its route checks everything, and stops where a model would begin. Must not know routes.

Whoever probes calls the app with stages that do nothing but say that they were reached. So what a request that is
answered later is refused for at once is what it would be refused for otherwise: there is no second check of anything.
"""

from collections.abc import AsyncGenerator
from typing import Any, Final

from starlette.types import Scope

from smartlite.errors import Unavailable

_KEY: Final = "probe"


class Reached(Unavailable):
    """The request got as far as a model; nobody is told."""

    code = "model_reached"


class Probe:
    """Every stage, none of which works."""

    def __init__(self) -> None:
        self.is_reached = False
        """Whether a model would have begun."""

    def transcribe(self, _: object) -> AsyncGenerator[Any, None]:
        """An ASRStage."""
        return self._reach()

    def chat(self, _: object) -> AsyncGenerator[Any, None]:
        """An LLMStage."""
        return self._reach()

    def speak(self, _: object) -> AsyncGenerator[Any, None]:
        """A TTSStage."""
        return self._reach()

    def embed(self, _: object) -> AsyncGenerator[Any, None]:
        """An EmbeddingStage."""
        return self._reach()

    async def _reach(self) -> AsyncGenerator[Any, None]:
        self.is_reached = True
        raise Reached("Nothing is done yet.")
        yield  # which makes it a generator


def begin_probe(scope: Scope) -> Probe:
    """Have the request that has this ASGI scope go no further than to a model."""
    probe = Probe()
    scope.setdefault("state", {})[_KEY] = probe
    return probe


def kept_probe(scope: Scope) -> Probe | None:
    """The probe of the request that has this ASGI scope, if it is one."""
    found = scope.get("state", {}).get(_KEY)
    return found if isinstance(found, Probe) else None
