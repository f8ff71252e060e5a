"""Which engines can run here, and on what. Must not know models; loads a library only where there is a GPU."""

import importlib.util
import shutil
from collections.abc import Collection, Iterator
from importlib import metadata
from typing import Final

from smartlite.cli.checks.finding import Finding
from smartlite.cli.checks.machine import run_program
from smartlite.engines.registry import ENGINES
from smartlite.engines.requirements import REQUIREMENTS, Package, Program, Requirements

_AREA: Final = "engines"


def check_engines(needed: Collection[str], has_gpu: bool) -> Iterator[Finding]:
    """Look for what every engine of the registry needs.

    Args:
        needed: Names of the engines that the configuration uses: what these lack is a problem, what others lack is
            only told.
        has_gpu: Whether engines could compute on a GPU.
    """
    tasks: dict[str, list[str]] = {}
    for task, engines in ENGINES.items():
        for engine in engines:
            tasks.setdefault(engine, []).append(task)
    for engine, does in tasks.items():
        yield _check_engine(engine, "/".join(does), REQUIREMENTS[engine], engine in needed, has_gpu)


def _check_engine(engine: str, tasks: str, requirements: Requirements, is_needed: bool, has_gpu: bool) -> Finding:
    lacking: list[str] = []
    mends: list[str] = []
    has: list[str] = []
    for package in requirements.packages:
        version = _version(package)
        if version is None:
            lacking.append(package.distribution)
            mends.append(requirements.install)
        else:
            has.append(f"{package.distribution} {version}")
    for program in requirements.programs:
        if shutil.which(program.name) is None:
            lacking.append(f"the program {program.name}")
            mends.append(program.install)
        else:
            has.append(_program_version(program))
    if lacking:
        message = f"{tasks}: {' and '.join(lacking)} not installed"
        if not is_needed:
            return Finding(_AREA, engine, "ok", f"{message}; the configuration does not use it", "")
        return Finding(_AREA, engine, "problem", message, "; ".join(dict.fromkeys(mends)))
    message = f"{tasks}: {', '.join(has) or 'needs nothing'}"
    if not has_gpu or not requirements.packages:
        return Finding(_AREA, engine, "ok", message)
    return _check_gpu_use(engine, message, requirements)


def _check_gpu_use(engine: str, message: str, requirements: Requirements) -> Finding:
    if requirements.sees_gpu is None:
        return Finding(_AREA, engine, "ok", f"{message}; on CPUs only")
    try:
        sees = requirements.sees_gpu()
    except (ImportError, OSError) as error:
        return Finding(_AREA, engine, "problem", f"{message}; cannot be loaded: {error}", requirements.install)
    if sees:
        return Finding(_AREA, engine, "ok", f"{message}; can use the GPU")
    return Finding(_AREA, engine, "warning", f"{message}; does not see the GPU", requirements.gpu_hint)


def _version(package: Package) -> str | None:
    if importlib.util.find_spec(package.module) is None:
        return None
    try:
        return metadata.version(package.distribution)
    except metadata.PackageNotFoundError:
        # The same module may come from another package, as onnxruntime does from onnxruntime-gpu.
        return "from another package"


def _program_version(program: Program) -> str:
    said = (run_program(program.name, "--version") or "").partition("  ")[0].partition("\n")[0]
    return f"{program.name} ({said})" if said else program.name
