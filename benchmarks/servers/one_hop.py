"""A FastAPI app with one plain call to another deployment: what one-hop routes are held against.

Must not import SmartLite's code. Serve's own ways and defaults; the callee computes nothing.
"""

from typing import Any

from fastapi import FastAPI
from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle

from benchmarks.servers.noop import list_nothing, tell_health, tell_ready

app = FastAPI()
app.get("/v1/models")(list_nothing)
app.get("/healthz")(tell_health)
app.get("/readyz")(tell_ready)


class Callee:
    """Answers at once."""

    async def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """A short answer."""
        return {"model": body.get("model"), "ok": True}


@serve.ingress(app)
class Ingress:
    """Serve's own way to put a FastAPI app on replicas, over a handle."""

    def __init__(self, callee: DeploymentHandle) -> None:
        self._callee = callee

    @app.post("/v1/embeddings")
    async def embed(self, body: dict[str, Any]) -> dict[str, Any]:
        """One of the routes that are measured."""
        answer: dict[str, Any] = await self._callee.answer.remote(body)
        return answer

    @app.post("/v1/chat/completions")
    async def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        """The other."""
        answer: dict[str, Any] = await self._callee.answer.remote(body)
        return answer


def build_app(args: dict[str, Any]) -> Application:
    """Bind it; replicas and limits stand in the configuration."""
    callee = serve.deployment(Callee, name="callee").bind()
    bound: Application = serve.deployment(Ingress, name="ingress").bind(callee)
    return bound
