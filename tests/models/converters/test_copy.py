"""The same files under another model's name."""

from pathlib import Path

from smartlite.models.converters import CONVERTERS


def test_files_are_stored_once_and_stamps_stay_behind(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "a.gguf").write_bytes(b"weights")
    (source / "a.gguf.verified").write_text("stamp")
    (source / "folder").mkdir()
    CONVERTERS["copy"](source, target)
    assert [path.name for path in target.iterdir()] == ["a.gguf"]
    assert (target / "a.gguf").samefile(source / "a.gguf")
