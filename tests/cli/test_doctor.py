"""``smartlite doctor``: what it finds, the command that mends it, and an exit code that says whether to go on."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from smartlite.cli.checks import engines, stores
from smartlite.cli.checks.configuration import check_settings
from smartlite.cli.checks.engines import check_engines
from smartlite.cli.checks.machine import check_machine
from smartlite.cli.checks.platform import check_ports
from smartlite.cli.checks.redis import check_redis
from smartlite.config import Settings, load_settings
from tests.cli.conftest import Run
from tests.storage.seaweedfs import Seaweed

CONFIG = Path(__file__).parents[2] / "serve_config.yaml"


@pytest.fixture(autouse=True)
def _own_stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMARTLITE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SMARTLITE_MODEL_CACHE_DIR", str(tmp_path / "cache"))


@pytest.fixture
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    server = Seaweed(tmp_path_factory.mktemp("seaweed"))
    server.start()
    yield server
    server.kill()


def by_name(output: str) -> Mapping[str, dict[str, str]]:
    return {finding["name"]: finding for finding in json.loads(output)["findings"]}


def test_a_running_platform_is_told_with_its_stages(run: Run) -> None:
    result = run("doctor", "--config", str(CONFIG), "--json")
    found = by_name(result.stdout)
    assert found["http://127.0.0.1:8000"]["message"] == "ready: asr 1/1, llm 1/1, tts 1/1, pipeline 1/1"
    assert found["ports"]["state"] == "ok"


def test_a_served_model_that_is_not_pulled_comes_with_the_command(run: Run) -> None:
    found = by_name(run("doctor", "--config", str(CONFIG), "--json").stdout)
    model = found["smollm2-135m-instruct"]
    assert (model["state"], model["mend"]) == ("warning", "smartlite models pull smollm2-135m-instruct")


def test_settings_that_differ_are_told(run: Run, tmp_path: Path) -> None:
    found = by_name(run("doctor", "--config", str(CONFIG), "--json").stdout)
    assert found["SMARTLITE_DATA_DIR"]["message"] == str(tmp_path / "data")


@pytest.mark.parametrize(
    ("settings", "state"),
    [
        ({"SMARTLITE_AUTH": "off"}, "ok"),
        ({"SMARTLITE_AUTH": "required"}, "ok"),
        ({"SMARTLITE_AUTH": "required", "SMARTLITE_REDIS_URL": "unix:///nowhere/redis.sock"}, "warning"),
        (
            {
                "SMARTLITE_AUTH": "required",
                "SMARTLITE_REDIS_URL": "unix:///nowhere/redis.sock",
                "SMARTLITE_LIMITS_WITHOUT_REDIS": "closed",
            },
            "problem",
        ),
    ],
)
def test_a_redis_that_is_away_is_a_problem_where_nobody_gets_anything_without_it(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], state: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert check_redis(load_settings()).state == state


def test_a_misspelt_configuration_is_a_problem_that_names_the_key(run: Run, tmp_path: Path) -> None:
    wrong = tmp_path / "serve_config.yaml"
    wrong.write_text(CONFIG.read_text().replace("num_replicas: 2 ", "num_replicsa: 2 "))
    result = run("doctor", "--config", str(wrong))
    assert result.exit_code == 1
    assert "num_replicsa" in result.stdout
    assert "num_replicas" in result.stdout


def test_a_configuration_that_is_not_there_is_a_problem(run: Run, tmp_path: Path) -> None:
    result = run("doctor", "--config", str(tmp_path / "none.yaml"), "--json")
    assert (result.exit_code, json.loads(result.stdout)["ok"]) == (1, False)
    assert "--config" in by_name(result.stdout)["serve config"]["mend"]


def test_an_engine_that_is_needed_and_lacks_a_program_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/no-such-folder")
    found = {finding.name: finding for finding in check_engines({"onnx_vits"}, has_gpu=False)}
    assert found["onnx_vits"].state == "problem"
    assert found["onnx_vits"].mend == "apt-get install espeak-ng"


def test_an_engine_that_nobody_needs_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/no-such-folder")
    assert {finding.state for finding in check_engines((), has_gpu=False)} == {"ok"}


def test_a_library_that_does_not_see_the_gpu_is_told() -> None:
    needs = engines.Requirements(
        packages=(engines.Package("pytest", "pytest"),), install="", sees_gpu=lambda: False, gpu_hint="get another"
    )
    finding = engines._check_engine("mine", "asr", needs, True, True)
    assert (finding.state, finding.mend) == ("warning", "get another")


def test_the_machine_is_looked_at_without_a_problem_that_is_none(settings: Settings) -> None:
    found = {finding.name: finding for finding in check_machine(settings)}
    assert set(found) == {"python", "cores", "memory", "disk", "shared memory", "gpu", "profile"}
    assert found["python"].state == "ok"
    assert str(settings.data_dir) in found["disk"].message


@pytest.mark.parametrize(("says", "profile"), [("GPU 0: H100 (UUID: GPU-1)", "torch"), ("No devices", "cpu")])
def test_the_profile_is_the_one_that_make_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, says: str, profile: str
) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    script = CONFIG.parent / "ops" / "profile.sh"
    chosen = subprocess.run([script], capture_output=True, text=True, check=True, timeout=30).stdout.strip()
    found = {finding.name: finding for finding in check_machine(settings)}["profile"]
    assert f"`make run` takes {chosen}" in found.message
    if not Path("/dev/nvidia0").exists():
        assert chosen == profile


def test_no_setting_that_ships_is_told_as_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SMARTLITE_DATA_DIR", "SMARTLITE_MODEL_CACHE_DIR"):
        monkeypatch.delenv(name)
    assert [finding.name for finding in check_settings(load_settings())] == ["settings"]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://key:secret@host/bucket?token=x", "s3://host/bucket"),
        ("file:///var/lib/objects", "file:///var/lib/objects"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
    ],
)
def test_a_secret_in_the_stores_address_is_not_told(url: str, shown: str) -> None:
    assert stores.without_secrets(url) == shown


def test_the_object_store_is_written_to_and_left_as_it_was(run: Run, tmp_path: Path) -> None:
    found = by_name(run("doctor", "--config", str(CONFIG), "--json").stdout)["object store"]
    assert found["state"] == "ok"
    assert found["message"] == f"{(tmp_path / 'data' / 'objects').as_uri()}: can be written"
    assert [path for path in (tmp_path / "data" / "objects").rglob("*") if path.is_file()] == []


def test_an_object_store_that_cannot_be_written_is_a_problem(run: Run, tmp_path: Path) -> None:
    (tmp_path / "data" / "objects").mkdir(parents=True)
    (tmp_path / "data" / "objects" / "doctor").write_text("a file where a folder should be")
    found = by_name(run("doctor", "--config", str(CONFIG), "--json").stdout)["object store"]
    assert (found["state"], "read-only" in found["message"]) == ("problem", True)


@pytest.mark.integration
@pytest.mark.enable_socket
def test_a_store_on_s3_is_told_with_its_address_and_without_its_secret(
    run: Run, monkeypatch: pytest.MonkeyPatch, seaweed: Seaweed
) -> None:
    settings = seaweed.settings()
    monkeypatch.setenv("SMARTLITE_OBJECT_STORE_URL", settings.object_store_url)
    monkeypatch.setenv("SMARTLITE_S3_ENDPOINT_URL", settings.s3_endpoint_url)
    monkeypatch.setenv("SMARTLITE_S3_ACCESS_KEY_ID", settings.s3_access_key_id)
    monkeypatch.setenv("SMARTLITE_S3_SECRET_ACCESS_KEY", settings.s3_secret_access_key.get_secret_value())
    result = run("doctor", "--config", str(CONFIG), "--json")
    found = by_name(result.stdout)["object store"]
    assert (found["state"], found["message"]) == (
        "ok",
        f"{settings.object_store_url} at {settings.s3_endpoint_url}: can be written",
    )
    assert settings.s3_secret_access_key.get_secret_value() not in result.output


@pytest.mark.integration
@pytest.mark.enable_socket
def test_a_taken_port_comes_with_the_setting_that_moves_it(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (finding,) = check_ports(settings, {"SMARTLITE_PORT": port}, is_running=False)
    assert finding.state == "problem"
    assert f"(process {os.getpid()})" in finding.message
    assert finding.mend.startswith("export SMARTLITE_PORT=")


@pytest.mark.integration
@pytest.mark.enable_socket
def test_stages_that_sleep_or_wake_are_named(run: Run) -> None:
    stages = {
        name: {"state": state, "replicas_ready": ready, "replicas_wanted": ready}
        for name, state, ready in (("asr", "ready", 1), ("llm", "asleep", 0), ("tts", "waking", 0))
    }
    platform = httpx.MockTransport(lambda _: httpx.Response(200, json={"status": "ready", "stages": stages}))
    found = by_name(run("doctor", "--config", str(CONFIG), "--json", transport=platform).stdout)
    assert found["http://127.0.0.1:8000"]["message"] == "ready: asr 1/1, llm asleep, tts waking"


@pytest.mark.integration
@pytest.mark.enable_socket
def test_another_server_on_the_port_is_not_taken_for_the_platform(run: Run) -> None:
    other = httpx.MockTransport(lambda _: httpx.Response(404, text="<html>"))
    found = by_name(run("doctor", "--config", str(CONFIG), "--json", transport=other).stdout)
    assert "http://127.0.0.1:8000" not in found


@pytest.mark.integration
@pytest.mark.enable_socket
@pytest.mark.parametrize("auth", ["off", "required"])
def test_the_database_is_asked_and_no_password_is_told(run: Run, monkeypatch: pytest.MonkeyPatch, auth: str) -> None:
    def finding() -> dict[str, str]:
        return by_name(run("doctor", "--config", str(CONFIG), "--json").stdout)["database"]

    monkeypatch.setenv("SMARTLITE_AUTH", auth)
    assert (finding()["state"], "smartlite.db" in finding()["message"]) == ("ok", True)
    monkeypatch.setenv("SMARTLITE_DATABASE_URL", "mysql://me:secret@127.0.0.1:9/smartlite")
    found = finding()
    assert (found["state"], "SMARTLITE_DATABASE_URL" in found["mend"]) == ("problem", True)
    assert "secret" not in str(found)
