"""Finds the steps that installed packages offer (entry points of the group ``smartlite.steps``).

Must not know what they do. A package that cannot be imported spoils nothing but its own steps: they cannot be saved any
more, and fail where they are run.
"""

import logging
import re
from collections.abc import AsyncGenerator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from smartlite.domain.pipelines import JSON
from smartlite.errors import PythonStepFailed
from smartlite.pipeline.execution.kinds import StepContext, StepEvent, StepRunner
from smartlite.pipeline.spec.fields import Field
from smartlite.pipeline.spec.kinds import KINDS, Kind
from smartlite.pipeline.steps.python import THREADS, PythonRunner, PythonStep

GROUP: Final = "smartlite.steps"
PREFIX: Final = "python."
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,54}", re.ASCII)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Installed:
    """Every kind of step that there is, and what runs those of packages."""

    kinds: Mapping[str, Kind]
    """Those that come with the platform too."""
    runners: Mapping[str, StepRunner]


def find_installed(found: Iterable[EntryPoint] | None = None) -> Installed:
    """Import every package that offers steps.

    Args:
        found: The entry points; None: those of this environment.
    """
    threads = ThreadPoolExecutor(THREADS, "python-steps")
    kinds: dict[str, Kind] = {}
    runners: dict[str, StepRunner] = {}
    for point in entry_points(group=GROUP) if found is None else found:
        name, told = f"{PREFIX}{point.name}", {"entry_point": f"{point.name} = {point.value}"}
        if not _NAME.fullmatch(point.name):
            _logger.error("a step of an installed package cannot be called so", extra=told)
        elif name in kinds:
            _logger.error("two installed packages offer a step of one name; the first one is taken", extra=told)
        else:
            kinds[name], runners[name] = _loaded(name, point, threads)
    return Installed({**KINDS, **kinds}, runners)


def _loaded(name: str, point: EntryPoint, threads: ThreadPoolExecutor) -> tuple[Kind, StepRunner]:
    try:
        step = point.load()
        if not isinstance(step, PythonStep):
            msg = f"{point.value} is no PythonStep"
            raise TypeError(msg)
        if not all(isinstance(each, Field) for each in step.fields.values()):
            msg = "a field is no Field"
            raise TypeError(msg)
    except (Exception, SystemExit) as error:
        _logger.exception("a step of an installed package cannot be loaded", extra={"kind": name})
        reason = f"{type(error).__name__} while its package was loaded."
        return Kind(name, reason, {}, {}, open=True, broken=reason), _broken(name, reason)
    kind = Kind(name, step.description, dict(step.fields), dict(step.output))
    return kind, PythonRunner(name, step, threads).run


def _broken(name: str, reason: str) -> StepRunner:
    async def run(context: StepContext, fields: Mapping[str, JSON]) -> AsyncGenerator[StepEvent, None]:
        raise PythonStepFailed(f"'{name}' cannot be run: {reason}")
        yield  # which makes it a generator

    return run
