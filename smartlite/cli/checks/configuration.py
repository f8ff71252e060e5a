"""The operator's files and variables: is ``serve_config.yaml`` right, which settings are not the default ones.

Must not know machines. Importing ``graphs`` imports Ray, so that happens inside the check.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from smartlite.cli.checks.finding import Finding
from smartlite.cli.checks.placement import Ask, gpu_asks
from smartlite.cli.checks.stores import without_secrets
from smartlite.config import Settings
from smartlite.errors import ConfigurationError
from smartlite.models.catalog import Catalog

_AREA: Final = "configuration"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the platform is to serve."""

    models: tuple[str, ...]
    engines: tuple[str, ...]
    gpus: tuple[Ask, ...] = ()
    """What its replicas want of GPUs."""


def check_config(path: Path, catalog: Catalog, settings: Settings) -> tuple[Finding, Wanted]:
    """Read the configuration as ``smartlite serve`` does.

    Returns:
        What was found, and what it asks for; where it cannot be read, the catalog's default set stands for it.
    """
    from graphs.config import platform_plan, read_serve_config  # noqa: PLC0415 - it imports Ray, which takes a second
    from graphs.scaling import check_scaling  # noqa: PLC0415 - likewise

    default = Wanted(
        tuple(entry.id for entry in catalog.default), tuple({entry.engine: None for entry in catalog.default})
    )
    try:
        document = read_serve_config(path, catalog)
        check_scaling(document, settings)
        plan = platform_plan(document, catalog)
    except ConfigurationError as error:
        if path.exists():
            return Finding(_AREA, "serve config", "problem", error.message, f"mend {path}"), default
        mend = "run in the folder that holds serve_config.yaml, or name one with --config"
        return Finding(_AREA, "serve config", "problem", f"{path}: there is no such file", mend), default
    if plan is None:
        return Finding(_AREA, "serve config", "warning", f"{path} does not deploy the platform"), default
    wanted = Wanted(
        tuple(model.entry.id for model in plan.models),
        tuple({model.engine: None for model in plan.models}),
        gpu_asks(document),
    )
    return Finding(_AREA, "serve config", "ok", f"{path}: {', '.join(wanted.models)}"), wanted


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Name every setting that is not as it ships."""
    changed = 0
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        if value != field.get_default(call_default_factory=True):
            changed += 1
            text = value.get_secret_value() if isinstance(value, SecretStr) else value
            shown = without_secrets(text) if name.endswith("_url") else value
            yield Finding(_AREA, f"SMARTLITE_{name.upper()}", "ok", str(shown))
    if not changed:
        yield Finding(_AREA, "settings", "ok", "all as they ship")
