"""What this machine has: Python, processors, memory, disk, shared memory, GPUs. Must not know models or engines."""

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from smartlite.cli.checks.finding import Finding, megabytes
from smartlite.config import Settings

_AREA: Final = "machine"
_PROGRAM_TIMEOUT_S: Final = 3.0
_NEEDED_BYTES: Final = 3_500_000_000
"""The idle platform with its default models, resident."""
_DISK_BYTES: Final = 2_000_000_000
"""Room for the default models (about 0.5 GB) while they are fetched, for logs and for Ray's session."""
_MIN_PYTHON: Final = (3, 11)
_DEVICE: Final = Path("/dev/nvidia0")


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Look at the machine as this process may use it."""
    version = platform.python_version()
    if sys.version_info[:2] < _MIN_PYTHON:
        yield Finding(_AREA, "python", "problem", f"{version} is too old", "install Python 3.11 or newer")
    else:
        yield Finding(_AREA, "python", "ok", f"{version} in {sys.prefix}")
    yield _check_cores()
    yield _check_memory()
    yield _check_disk(settings.data_dir)
    yield _check_shared_memory(settings.object_store_memory_mb)
    yield _check_gpu()
    yield _check_profile()


def chosen_profile() -> tuple[str, str, str]:
    """What `make run` takes on this machine: the profile, its configuration, and why.

    The rule of ops/profile.sh, which `make run` asks before anything is installed.
    """
    if _DEVICE.exists():
        return "torch", "serve_config.gpu.yaml", f"{_DEVICE} is there"
    if "GPU " in (run_program("nvidia-smi", "-L") or ""):
        return "torch", "serve_config.gpu.yaml", "nvidia-smi lists a GPU"
    return "cpu", "serve_config.yaml", f"there is no {_DEVICE} and nvidia-smi lists no GPU"


def gpus() -> list[str]:
    """Names of the GPUs that NVIDIA's driver sees, with their memory; empty without driver or GPU."""
    if shutil.which("nvidia-smi") is None:
        return []
    said = run_program("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    return [line.strip() for line in (said or "").splitlines() if line.strip()]


def run_program(*command: str) -> str | None:
    """What a program writes, or None where it fails or takes too long."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PROGRAM_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()


def _check_cores() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    allowed = _allowed_cores()
    count = min(cores, allowed) if allowed else cores
    message = f"{count:g} ({platform.machine()})"
    if count < 2:
        return Finding(
            _AREA, "cores", "warning", f"{message}: stages that overlap wait for each other", "use 2 or more"
        )
    return Finding(_AREA, "cores", "ok", message)


def _allowed_cores() -> float | None:
    """What a container may use; its processes still see every core of the machine."""
    said = _read("/sys/fs/cgroup/cpu.max").split()
    if len(said) == 2 and said[0].isdecimal():
        return int(said[0]) / int(said[1])
    return None


def _check_memory() -> Finding:
    rows = dict(row.split(":", 1) for row in _read("/proc/meminfo").splitlines() if ":" in row)
    if "MemAvailable" not in rows:
        return Finding(_AREA, "memory", "warning", "how much is free cannot be read on this system")
    total_bytes = int(rows["MemTotal"].split()[0]) * 1024
    free_bytes = int(rows["MemAvailable"].split()[0]) * 1024
    limit, used = _read("/sys/fs/cgroup/memory.max").strip(), _read("/sys/fs/cgroup/memory.current").strip()
    if limit.isdecimal() and used.isdecimal():
        total_bytes, free_bytes = min(total_bytes, int(limit)), min(free_bytes, int(limit) - int(used))
    message = f"{megabytes(free_bytes)} free of {megabytes(total_bytes)}"
    if total_bytes < _NEEDED_BYTES:
        needed = f"the platform with its default models takes {megabytes(_NEEDED_BYTES)}"
        return Finding(_AREA, "memory", "problem", f"{message}; {needed}", "use a machine with more memory")
    if free_bytes < _NEEDED_BYTES:
        return Finding(_AREA, "memory", "warning", f"{message}; starting takes {megabytes(_NEEDED_BYTES)}", "free some")
    return Finding(_AREA, "memory", "ok", message)


def _check_disk(data_dir: Path) -> Finding:
    place = next(folder for folder in (data_dir.absolute(), *data_dir.absolute().parents) if folder.exists())
    free_bytes = shutil.disk_usage(place).free
    message = f"{megabytes(free_bytes)} free for {data_dir}"
    if not os.access(place, os.W_OK):
        mend = "export SMARTLITE_DATA_DIR=/a/folder/that/can/be/written"
        return Finding(_AREA, "disk", "problem", f"{place} cannot be written", mend)
    if free_bytes < _DISK_BYTES:
        mend = "free some, or: export SMARTLITE_DATA_DIR=/a/folder/with/more"
        return Finding(_AREA, "disk", "warning", f"{message}; {megabytes(_DISK_BYTES)} is good to have", mend)
    return Finding(_AREA, "disk", "ok", message)


def _check_shared_memory(wanted_mb: int) -> Finding:
    try:
        usage = shutil.disk_usage("/dev/shm")  # noqa: S108 - where Linux has its shared memory
    except OSError:
        return Finding(_AREA, "shared memory", "ok", "not a file system here; Ray finds another place")
    message = f"{megabytes(usage.free)} free of {megabytes(usage.total)} in /dev/shm"
    if usage.free < wanted_mb * 1_000_000:
        mend = "docker run --shm-size=1g, or a lower SMARTLITE_OBJECT_STORE_MEMORY_MB"
        told = f"{message}; Ray's object store wants {wanted_mb} MB and would go to the disk"
        return Finding(_AREA, "shared memory", "warning", told, mend)
    return Finding(_AREA, "shared memory", "ok", message)


def _check_gpu() -> Finding:
    found = gpus()
    if found:
        return Finding(_AREA, "gpu", "ok", "; ".join(found))
    if shutil.which("nvidia-smi") is not None:
        return Finding(_AREA, "gpu", "warning", "nvidia-smi is there and finds no GPU", "nvidia-smi")
    return Finding(_AREA, "gpu", "ok", "none; the engines of the extra 'cpu' need none")


def _check_profile() -> Finding:
    profile, config, why = chosen_profile()
    return Finding(_AREA, "profile", "ok", f"`make run` takes {profile}, with {config}: {why}")


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError:
        return ""
