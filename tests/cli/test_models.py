"""``smartlite models``, as a person and as a program use it."""

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from smartlite.cli import models
from smartlite.config import load_settings
from smartlite.errors import ConfigurationError, ModelNotFound, SourceUnavailable
from smartlite.models.catalog_file import load_catalog

CONTENT = b"weights"


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog whose one new model, ``mine``, lies in a folder; stores in a temporary place."""
    (tmp_path / "origin").mkdir()
    (tmp_path / "origin" / "model.bin").write_bytes(CONTENT)
    (tmp_path / "catalog.yaml").write_text(f"""models:
  - {{id: mine, task: asr, engine: fake, created: 1, owned_by: me, licence: MIT, aliases: [my-own],
     files: [{{name: model.bin, size_bytes: 7, sha256: {hashlib.sha256(CONTENT).hexdigest()}}}],
     sources: [{{kind: path, directory: origin}}]}}
""")
    monkeypatch.setenv("SMARTLITE_CATALOG", str(tmp_path / "catalog.yaml"))
    monkeypatch.setenv("SMARTLITE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SMARTLITE_MODEL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "origin"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(models.app, arguments)


def test_list_shows_every_model_with_its_state(origin: Path) -> None:
    run("pull", "mine")
    result = run("list", "--json")
    states = {model["id"]: model["state"] for model in json.loads(result.stdout)["models"]}
    # Nothing has to be pulled for a model without files.
    shipped = {entry.id: "not pulled" if entry.files else "ready" for entry in load_catalog().models}
    assert len(shipped) >= 4
    assert states == {"mine": "ready"} | shipped


def test_the_table_names_ids_aliases_and_an_unclear_licence(origin: Path) -> None:
    result = run("list")
    assert result.exit_code == 0
    for word in ("mine", "my-own", "whisper-base *", "147.9 MB", "not pulled", "lessac"):
        assert word in result.stdout
    for entry in load_catalog().models:
        assert entry.id in result.stdout  # on a terminal of 80 columns


def test_pull_takes_an_alias_and_says_where_the_model_is(origin: Path, tmp_path: Path) -> None:
    result = run("pull", "my-own")
    assert result.exit_code == 0
    assert f"mine: ready, 0.0 MB in {tmp_path / 'cache' / 'mine'}" in result.stderr
    assert (tmp_path / "cache" / "mine" / "model.bin").read_bytes() == CONTENT


def test_a_program_gets_json_and_nothing_else(origin: Path, tmp_path: Path) -> None:
    result = run("pull", "mine", "--json")
    assert json.loads(result.stdout) == {
        "models": [{"id": "mine", "ok": True, "directory": str(tmp_path / "cache" / "mine")}]
    }
    assert result.stderr == ""


def test_a_failed_pull_ends_with_1_and_the_reason(origin: Path) -> None:
    (origin / "model.bin").unlink()
    result = run("pull", "mine")
    assert result.exit_code == 1
    assert "there is no file" in result.stderr
    (model,) = json.loads(run("pull", "mine", "--json").stdout)["models"]
    assert (model["ok"], model["error"]["code"]) == (False, "source_unavailable")


def test_verify_notices_a_changed_byte_and_pull_mends_it(origin: Path, tmp_path: Path) -> None:
    run("pull", "mine")
    (tmp_path / "cache" / "mine" / "model.bin").write_bytes(b"Weights")
    result = run("verify", "mine")
    assert result.exit_code == 1
    assert "model.bin: damaged in the cache" in result.stdout
    assert "smartlite models pull mine" in result.stderr
    assert run("pull", "mine").exit_code == 0
    assert run("verify", "mine").exit_code == 0


def test_verify_of_what_was_never_pulled_ends_with_1(origin: Path) -> None:
    result = run("verify", "mine", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["models"] == [
        {
            "id": "mine",
            "ok": False,
            "state": "not pulled",
            "files": [{"name": "model.bin", "size_bytes": 7, "cached": "missing", "stored": "missing"}],
        }
    ]


@pytest.mark.parametrize("command", ["pull", "verify"])
def test_names_and_all_together_are_wrong_usage(origin: Path, command: str) -> None:
    assert run(command, "mine", "--all").exit_code == 2


def test_an_unknown_model_reaches_the_main_command_as_our_error(origin: Path) -> None:
    assert isinstance(run("pull", "mien").exception, ModelNotFound)


def test_a_wrong_catalog_reaches_the_main_command_as_our_error(origin: Path, tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").write_text("model: []")
    assert isinstance(run("list").exception, ConfigurationError)


def test_serve_pulls_what_is_missing_and_says_nothing_the_second_time(
    origin: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = load_settings()
    catalog = load_catalog(settings.catalog)
    models.pull_missing(catalog, ["my-own"], settings)
    assert (tmp_path / "cache" / "mine" / "model.bin").exists()
    assert "model.bin" in capsys.readouterr().err
    models.pull_missing(catalog, ["my-own"], settings)
    assert capsys.readouterr().err == ""


def test_serve_stops_when_a_model_cannot_be_had(origin: Path) -> None:
    (origin / "model.bin").unlink()
    settings = load_settings()
    with pytest.raises(SourceUnavailable):
        models.pull_missing(load_catalog(settings.catalog), ["mine"], settings)


@pytest.mark.parametrize("output", ["out.pt", "out.bin"])
def test_only_a_whisper_of_torch_is_converted_and_only_to_its_own_format(origin: Path, output: str) -> None:
    model = "mine" if output == "out.pt" else "whisper-tiny.en-torch"
    result = run("convert", model, "-o", output)
    assert result.exit_code == 2
    assert "whisper-base-torch" in " ".join(result.stderr.split())


@pytest.mark.models
def test_a_converted_model_is_what_the_library_reads(tmp_path: Path) -> None:
    import whisper

    result = run("convert", "whisper-tiny.en-torch", "-o", str(tmp_path / "tiny.pt"))
    assert result.exit_code == 0, result.stderr
    assert whisper.load_model(str(tmp_path / "tiny.pt"), device="cpu").dims.n_text_layer == 4
    missing = run("convert", "whisper-tiny.en-torch", "-o", str(tmp_path / "nowhere" / "tiny.pt"))
    assert isinstance(missing.exception, ConfigurationError)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.pt"]
