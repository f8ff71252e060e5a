"""Fractions of a GPU on a cluster of its own, whose one GPU Ray only counts: who shares it, who waits, who says why."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml

from tests.platform.running import ROOT, SMARTLITE, STOP_TIMEOUT_S, choose_ports, environment, eventually

pytestmark = [pytest.mark.serve, pytest.mark.enable_socket, pytest.mark.timeout(240)]

_SHARES = {"asr": 0.25, "tts": 0.25, "llm": 0.5, "tts-more": 0.25}
_VOICES = [{"id": "fake", "name": "A sine tone", "language": "en-US"}]


def configuration() -> dict[str, Any]:
    """Fake engines in four deployments that want five quarters of a GPU."""
    replica = {"num_replicas": 1, "health_check_period_s": 2}
    named = [{"name": name, **replica, "ray_actor_options": {"num_cpus": 0.1}} for name in ("ingress", "pipeline")]
    shared = [
        {"name": name, **replica, "ray_actor_options": {"num_cpus": 0.1, "num_gpus": share}}
        for name, share in _SHARES.items()
    ]
    args = {
        "asr": {"models": [{"model": "a", "engine": "fake"}]},
        "llm": {"models": [{"model": "b", "engine": "fake"}]},
        "tts": {
            "models": [
                {"model": "c", "engine": "fake"},
                {"model": "d", "engine": "fake", "voices": _VOICES, "deployment": "tts-more"},
            ]
        },
    }
    application = {
        "name": "smartlite",
        "route_prefix": "/",
        "import_path": "graphs.platform:build_app",
        "args": args,
        "deployments": [*named, *shared],
    }
    return {"proxy_location": "HeadOnly", "applications": [application]}


def _check_voices_that_the_model_told(url: str) -> None:
    """The configuration names no voice of the model "c"; its replica does."""
    listed = httpx.get(f"{url}/v1/audio/voices", params={"model": "c"}, trust_env=False, timeout=10).json()["data"]
    assert [(voice["id"], len(voice["aliases"])) for voice in listed] == [("fake", 13)]
    asked = {"model": "c", "voice": "shimmer", "input": "Hello."}
    answer = httpx.post(f"{url}/v1/audio/speech", json=asked, trust_env=False, timeout=10)
    assert (answer.status_code, answer.headers["x-smartlite-voice"]) == (200, "fake")


def test_three_deployments_share_a_gpu_a_fourth_waits_and_doctor_says_why(tmp_path: Path) -> None:
    config, log = tmp_path / "serve_config.yaml", tmp_path / "serve.log"
    config.write_text(yaml.safe_dump(configuration()))
    ports = choose_ports()
    more = {"SMARTLITE_AUTH": "off", "SMARTLITE_LOGICAL_GPUS": "1", "SMARTLITE_DATA_DIR": str(tmp_path / "data")}
    settings = environment(ports | more)
    url = f"http://127.0.0.1:{ports['SMARTLITE_PORT']}"

    def ready_stages() -> set[str]:
        assert process.poll() is None, log.read_text()
        try:
            stages = httpx.get(f"{url}/readyz", trust_env=False, timeout=10).json().get("stages", {})
        except (httpx.TransportError, ValueError):
            return set()
        return {name for name, stage in stages.items() if stage["state"] == "ready"}

    def doctor() -> dict[str, dict[str, str]]:
        said = subprocess.run(
            [SMARTLITE, "doctor", "--config", str(config), "--url", url, "--json"],
            cwd=ROOT,
            env=settings,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert said.returncode == 1, said.stderr
        findings = json.loads(said.stdout)["findings"]
        return {each["message"]: each for each in findings if each["area"] == "placement" and each["name"] == waits}

    with log.open("wb") as output:
        process = subprocess.Popen(
            [SMARTLITE, "serve", "--config", str(config)],
            cwd=ROOT,
            env=settings,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    tree: list[psutil.Process] = []
    try:
        # Which three are placed first is Ray's to choose; any three of these leave less than the fourth wants.
        everyone = {"ingress", "pipeline", *_SHARES}
        eventually(lambda: len(ready_stages()) == len(everyone) - 1, 150, "all but one stage ready")
        (waits,) = everyone - ready_stages()
        assert waits in _SHARES
        before, now = doctor().values() if waits == "tts-more" else (None, *doctor().values())
        assert before is None or "it would wait for ever" in before["message"]
        assert now["state"] == "problem"
        assert f"1 replica without a place: each wants {_SHARES[waits]:g} GPU, there is 1 and" in now["message"]
        for name, share in _SHARES.items():
            assert (f"{name} {share:g}" in now["message"]) == (name != waits)
        assert "num_gpus" in now["mend"]
        if waits != "tts":
            _check_voices_that_the_model_told(url)
        tree = psutil.Process(process.pid).children(recursive=True)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(2 * STOP_TIMEOUT_S)
        finally:
            process.kill()
    _, left = psutil.wait_procs(tree, timeout=STOP_TIMEOUT_S)
    assert left == []
