"""A FastAPI app that does nothing: what the gateway is held against, on Ray Serve and on a bare uvicorn.

Must not import SmartLite's code. It answers what the edge's health checks and the start of a platform ask for.
"""

import os
from typing import Any

from fastapi import FastAPI, Response
from ray import serve
from ray.serve import Application

app = FastAPI()


@app.get("/v1/models")
async def list_nothing() -> dict[str, bool]:
    """The route that is measured."""
    return {"ok": True}


@app.get("/healthz")
async def tell_health(response: Response) -> dict[str, str]:
    """The edge takes only replicas that carry its platform's mark."""
    response.headers["X-SmartLite-Instance"] = os.environ.get("SMARTLITE_INSTANCE", "")
    return {"status": "ok"}


@app.get("/readyz")
async def tell_ready() -> dict[str, str]:
    """What waits for a platform asks this."""
    return {"status": "ok"}


class Ingress:
    """Serve's own way to put a FastAPI app on replicas."""


def build_app(args: dict[str, Any]) -> Application:
    """Bind it; replicas and limits stand in the configuration."""
    deployment = serve.deployment(serve.ingress(app)(Ingress), name="ingress")
    bound: Application = deployment.bind()
    return bound
