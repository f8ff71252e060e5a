"""Reads ``serve_config.yaml`` strictly: Serve itself drops unknown keys without a word. Must not deploy anything."""

from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError
from ray.serve.schema import ServeDeploySchema

from graphs.args import PlatformArgs
from graphs.plan import FIXED, Plan, make_plan
from smartlite.errors import ConfigurationError
from smartlite.models.catalog import Catalog
from smartlite.strict import describe, dotted, nearest, nested_model

BUILD_APP: Final = "graphs.platform:build_app"


def read_serve_config(path: Path, catalog: Catalog) -> dict[str, Any]:
    """Read and check a configuration.

    Returns:
        The document, which ``ServeDeploySchema`` accepts.

    Raises:
        ConfigurationError: The file cannot be read or is not YAML (with the line), a key is unknown (the nearest right
            one is told), a value is not allowed, a model, engine or deployment does not exist.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: cannot be read ({error}).", str(path)) from error
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: not YAML: {error}", str(path)) from error
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: must be a mapping with the key 'applications'.", str(path))
    _refuse_unknown(document, ServeDeploySchema, (), path)
    try:
        schema = ServeDeploySchema.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(f"{path}: {describe(error, ServeDeploySchema)[1]}", str(path)) from error
    for index, application in enumerate(schema.applications):
        if application.import_path == BUILD_APP:
            _check_application(application, index, catalog, path)
    return document


def platform_args(document: dict[str, Any]) -> PlatformArgs | None:
    """The typed arguments of the platform's application in a checked document, if it is there."""
    for application in document["applications"]:
        if application["import_path"] == BUILD_APP:
            return PlatformArgs.model_validate(application.get("args", {}))
    return None


def platform_plan(document: dict[str, Any], catalog: Catalog) -> Plan | None:
    """Which deployment runs which models, if the platform's application is in a checked document."""
    args = platform_args(document)
    return None if args is None else make_plan(args, catalog)


def _refuse_unknown(value: object, model: type[BaseModel], location: tuple[int | str, ...], path: Path) -> None:
    if isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_unknown(item, model, (*location, index), path)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        here = (*location, key)
        field = model.model_fields.get(key)
        if field is None:
            raise ConfigurationError(
                f"{path}: unknown key '{dotted(here)}'.{nearest(str(key), model.model_fields)}", dotted(here)
            )
        if (inner := nested_model(field.annotation)) is not None:
            _refuse_unknown(item, inner, here, path)


def _check_application(application: Any, index: int, catalog: Catalog, path: Path) -> None:
    try:
        plan = make_plan(PlatformArgs.model_validate(application.args), catalog)
    except ValidationError as error:
        key, sentence = describe(error, PlatformArgs)
        raise ConfigurationError(f"{path}: applications[{index}].args: {sentence}", key) from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: applications[{index}].args: {error.message}", error.param) from error
    known = (*FIXED, *(deployment.name for deployment in plan.deployments))
    for number, deployment in enumerate(application.deployments):
        if deployment.name not in known:
            raise ConfigurationError(
                f"{path}: applications[{index}].deployments[{number}].name: there is no deployment '{deployment.name}'."
                f"{nearest(deployment.name, known)} Deployments: {', '.join(known)}.",
                deployment.name,
            )
    described = {deployment.name for deployment in application.deployments}
    for planned in plan.deployments:
        # Serve's own numbers (a whole processor, no thread of its own for engines) would fit no model.
        if described and planned.name not in described:
            raise ConfigurationError(
                f"{path}: applications[{index}].args: the model '{planned.models[0].entry.id}' names the deployment "
                f"'{planned.name}', which has no entry under applications[{index}].deployments.",
                planned.name,
            )
