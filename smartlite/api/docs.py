"""The page at ``/docs`` and the OpenAPI document behind it; nothing of it is fetched from the internet.

Must not know any route.
"""

from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.openapi.utils import get_openapi
from starlette.responses import RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from smartlite.api.document import Surroundings, complete
from smartlite.api.openapi import SERVED_LLM
from smartlite.domain.models import ModelDirectory

_ASSETS_PATH: Final = "/swagger"
_PAGE_PATH: Final = "/docs"
_FASTAPI_SCHEMAS: Final = ("HTTPValidationError", "ValidationError")
"""FastAPI documents its own 422 for every route with parameters; our errors look otherwise."""


def add_docs(app: FastAPI, models: ModelDirectory, around: Surroundings) -> None:
    """Serve Swagger UI at ``/docs`` from the files of the package ``fastapi_swagger``, and send ``/`` there.

    The package's own ``patch_fastapi`` is not used: it reads 1.7 MB from disk in the event loop for every view, by a
    function that Python 3.11 deprecates, and builds the addresses of its scripts from the client's Host header.

    Args:
        app: With all its routes.
        models: Whose names the examples use, so that they work as they stand.
        around: What stands around the routes.
    """
    app.mount(_ASSETS_PATH, StaticFiles(packages=[("fastapi_swagger", "resources")]), name="swagger")

    async def page(request: Request) -> Response:
        root = request.scope.get("root_path", "").rstrip("/")
        return get_swagger_ui_html(
            openapi_url=root + str(app.openapi_url),
            title=f"{app.title} API",
            swagger_js_url=f"{root}{_ASSETS_PATH}/swagger-ui-bundle.js",
            swagger_css_url=f"{root}{_ASSETS_PATH}/swagger-ui.css",
            swagger_favicon_url=f"{root}{_ASSETS_PATH}/favicon-32x32.png",
            swagger_ui_parameters={"tryItOutEnabled": True, "displayRequestDuration": True},
        )

    async def home(request: Request) -> Response:
        return RedirectResponse(request.scope.get("root_path", "").rstrip("/") + _PAGE_PATH)

    app.add_api_route(_PAGE_PATH, page, include_in_schema=False)
    app.add_api_route("/", home, include_in_schema=False)

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = _tidied(
                get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            )
            app.openapi_schema = complete(_with_served_models(document, models), around)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI documents


def _with_served_models(document: dict[str, Any], models: ModelDirectory) -> dict[str, Any]:
    served = next((model.id for model in models.models if model.task == "llm"), None)
    for path in document["paths"].values():
        for operation in path.values():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                for example in content.get("examples", {}).values():
                    if served is not None and example["value"].get("model") == SERVED_LLM:
                        example["value"]["model"] = served
    return document


def _tidied(document: dict[str, Any]) -> dict[str, Any]:
    """Move the definitions of request bodies to where their references point, and drop FastAPI's own 422."""
    components = document.setdefault("components", {}).setdefault("schemas", {})
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    for operation in operations:
        for content in operation.get("requestBody", {}).get("content", {}).values():
            components.update(content.get("schema", {}).pop("$defs", {}))
        unprocessable = operation["responses"].get("422", {})
        if any(name in str(unprocessable) for name in _FASTAPI_SCHEMAS):
            del operation["responses"]["422"]
    for name in _FASTAPI_SCHEMAS:
        components.pop(name, None)
    return document
