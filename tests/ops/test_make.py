"""What `make` and `ops/setup.sh` do for each profile; nothing is installed here."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.integration]


def planned(*arguments: str, gpu: str = "", folder: Path) -> str:
    """The commands of `make` on a machine whose nvidia-smi lists ``gpu``, also where `make test` runs the tests."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\necho '{gpu}'\n")
    program.chmod(0o755)
    # What an outer make leaves for inner ones: with these it also says which folder it enters.
    outer = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    done = subprocess.run(
        ["make", "-n", *arguments],
        cwd=ROOT,
        env={**outer, "PATH": f"{folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("arguments", "gpu", "extras", "config"),
    [
        (("PROFILE=cpu",), "", "cpu", "serve_config.yaml"),
        (("PROFILE=cpu",), "GPU 0: H100", "cpu", "serve_config.yaml"),
        ((), "GPU 0: H100", "cpu,torch", "serve_config.gpu.yaml"),
        (("PROFILE=torch",), "GPU 0: H100", "cpu,torch", "serve_config.gpu.yaml"),
        (("PROFILE=cpu", "CONFIG=mine.yaml"), "", "cpu", "mine.yaml"),
    ],
)
def test_a_profile_brings_its_extras_and_its_configuration(
    tmp_path: Path, arguments: tuple[str, ...], gpu: str, extras: str, config: str
) -> None:
    commands = planned("run", *arguments, gpu=gpu, folder=tmp_path).splitlines()
    assert commands[0].endswith(f"ops/setup.sh {extras}")
    assert commands[1].endswith(f"smartlite serve --config {config}")
    assert config == "mine.yaml" or (ROOT / config).is_file()


@pytest.mark.parametrize(
    ("arguments", "config"), [((), "serve_config.yaml"), (("PROFILE=torch",), "serve_config.torch.yaml")]
)
def test_without_a_gpu_the_engines_of_cpus_are_taken_unless_torch_is_asked_for(
    tmp_path: Path, arguments: tuple[str, ...], config: str
) -> None:
    assert f"--config {config}\n" in planned("run", "GPU_PROFILE=cpu", *arguments, folder=tmp_path)


def test_a_profile_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    assert "PROFILE=gpu: must be cpu or torch" in planned("run", "PROFILE=gpu", folder=tmp_path)


def test_tests_have_every_extra_and_every_model(tmp_path: Path) -> None:
    commands = planned("test", folder=tmp_path)
    assert "ops/setup.sh cpu,torch,dev" in commands
    assert "smartlite models pull --all" in commands


def test_setting_up_asks_for_the_programs_that_are_missing_and_for_no_others(tmp_path: Path) -> None:
    """On a machine with Python alone, whose package manager notes what it is told and fails."""
    for name in ("bash", "dirname", "id", "env", "timeout"):
        (tmp_path / name).symlink_to(shutil.which(name) or name)
    for name, does in {"python3": "exit 0", "sudo": 'exec "$@"', "apt-get": 'echo "$@" >>"$NOTED"; exit 1'}.items():
        (tmp_path / name).write_text(f"#!{shutil.which('sh')}\n{does}\n")
        (tmp_path / name).chmod(0o755)
    for extras, wanted in {"cpu": "espeak-ng", "cpu,dev": "espeak-ng mariadb-server-core"}.items():
        noted = tmp_path / extras
        done = subprocess.run(
            [ROOT / "ops" / "setup.sh", extras],
            env={"PATH": str(tmp_path), "NOTED": str(noted), "VENV": str(tmp_path / "venv")},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 1
        assert noted.read_text().splitlines()[-1].endswith(f"--no-install-recommends {wanted}")
        assert f"run 'sudo apt-get install {wanted}'" in done.stdout
    assert not (tmp_path / "venv").exists()
