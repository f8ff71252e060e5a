"""What a figure was measured on: machine, code, libraries, date. Must not know what is measured."""

import os
import platform
import shlex
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final

_LIBRARIES: Final = ("ray", "faster-whisper", "ctranslate2", "onnxruntime", "xllamacpp")


def describe_run(command: Sequence[str]) -> str:
    """The lines above a table, in Markdown."""
    memory_gb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    load = ", ".join(f"{value:.2f}" for value in os.getloadavg())
    libraries = ", ".join(f"{name} {_version(name)}" for name in _LIBRARIES)
    return "\n".join(
        (
            f"- Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC. Commit: {_commit()}. Command: `{shlex.join(command)}`",
            f"- Machine: {_cpu_model()}, {len(os.sched_getaffinity(0))} cores, {memory_gb:.1f} GB, "
            f"{platform.system()} {platform.release()}; load of the last 1, 5, 15 minutes at the start: {load}",
            f"- Python {platform.python_version()}, {libraries}",
        )
    )


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    def git(*arguments: str) -> str:
        return subprocess.run(
            ("git", *arguments), cwd=Path(__file__).parent, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "..")
        return git("rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "absent"
