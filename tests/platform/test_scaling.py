"""Replicas that come and go with the load, on a real cluster of fake engines: none to one, one to two, and back."""

import io
import json
import subprocess
import sys
import wave
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any, Final

import httpx
import pytest
import yaml

from tests.platform.running import RunningPlatform, environment, eventually, running_platform

pytestmark = [pytest.mark.serve, pytest.mark.enable_socket, pytest.mark.timeout(240)]

_SOON: Final = {
    "metrics_interval_s": 0.5,
    "look_back_period_s": 1,
    "upscale_delay_s": 0,
    "downscale_delay_s": 1,
    "target_ongoing_requests": 2,
}
"""Scaling within seconds; in earnest the delays are tens of seconds, see docs/deployment.md."""
_BY_REQUESTS: Final = {**_SOON, "policy": {"policy_function": "deployments.scaling:follow_requests"}}
_DEPLOYMENTS: Final[dict[str, dict[str, Any]]] = {
    "ingress": {"autoscaling_config": {**_SOON, "min_replicas": 2, "max_replicas": 3, "target_ongoing_requests": 3}},
    "pipeline": {"num_replicas": 1},
    "asr": {
        "autoscaling_config": {**_BY_REQUESTS, "min_replicas": 0, "max_replicas": 1, "downscale_to_zero_delay_s": 3}
    },
    "llm": {"autoscaling_config": {**_BY_REQUESTS, "min_replicas": 1, "max_replicas": 2}},
    "tts": {"num_replicas": 2},
}
_ASK: Final = """
import json, sys, ray
from ray import serve
ray.init(sys.argv[1], log_to_driver=False, logging_level="ERROR")
told = serve.get_deployment_handle("tts", "smartlite").broadcast("model_states").results(timeout_s=20)
print(json.dumps(told))
"""
_CHAT: Final[dict[str, Any]] = {"model": "fake-llm", "messages": [{"role": "user", "content": "Hello."}]}


def configuration() -> dict[str, Any]:
    """``asr`` may sleep, ``llm`` may have two replicas, ``tts`` has two that load voices when they are asked for."""
    voices = [
        {
            "model": f"voice-{name}",
            "engine": "fake",
            "load": "on_demand",
            "voices": [{"id": name, "name": name, "language": "en-US"}],
        }
        for name in "ab"
    ]
    application = {
        "name": "smartlite",
        "route_prefix": "/",
        "import_path": "graphs.platform:build_app",
        "args": {
            "asr": {"models": [{"model": "fake-asr", "engine": "fake"}]},
            "llm": {"models": [{"model": "fake-llm", "engine": "fake", "options": {"latency_s": 0.5}}]},
            "tts": {"models": [{"model": "fake-tts", "engine": "fake"}, *voices], "max_loaded": 2},
        },
        "deployments": [
            {"name": name, "health_check_period_s": 2, "ray_actor_options": {"num_cpus": 0.1}, **numbers}
            for name, numbers in _DEPLOYMENTS.items()
        ],
    }
    return {"proxy_location": "HeadOnly", "applications": [application]}


@pytest.fixture(scope="module")
def elastic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPlatform]:
    """Started once for these tests."""
    folder = tmp_path_factory.mktemp("elastic")
    config = folder / "serve_config.yaml"
    config.write_text(yaml.safe_dump(configuration()))
    with running_platform(folder / "serve.log", config, {"SMARTLITE_DATA_DIR": str(folder / "data")}) as platform:
        yield platform


@pytest.fixture
def client(elastic: RunningPlatform) -> Iterator[httpx.Client]:
    """A client that repeats nothing by itself."""
    with httpx.Client(base_url=elastic.url, trust_env=False, timeout=60) as client:
        yield client


def recording() -> bytes:
    """Two seconds of noise in a WAV."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(range(1, 251)) * 256)
    return out.getvalue()


def stage(platform: RunningPlatform, name: str) -> dict[str, Any]:
    """What ``/readyz`` says of it, with the status of the answer."""
    status, body = platform.readiness()
    found: dict[str, Any] = body.get("stages", {}).get(name, {})
    return {**found, "status": status}


def state(client: httpx.Client, model: str) -> str:
    return str(client.get(f"/v1/models/{model}").raise_for_status().json()["state"])


def is_asleep(platform: RunningPlatform) -> bool:
    return stage(platform, "asr").get("state") == "asleep"


def loaded_voices(platform: RunningPlatform) -> list[list[str]]:
    """The voices on demand that each replica of ``tts`` has loaded, asked of the replicas: no route tells."""
    arguments = [part for process in platform.processes() for part in process.cmdline()]
    (address,) = {part.partition("=")[2] for part in arguments if part.startswith("--gcs-address=")}
    asked = [sys.executable, "-c", _ASK, address]
    settings = environment({"RAY_AUTH_MODE": "disabled", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"})
    said = subprocess.run(asked, env=settings, capture_output=True, text=True, timeout=60, check=True)
    states: list[dict[str, str]] = json.loads(said.stdout.splitlines()[-1])
    return [
        [model for model, state in sorted(of.items()) if model.startswith("voice-") and state == "loaded"]
        for of in states
    ]


def test_a_model_that_sleeps_wakes_for_its_first_request_and_goes_to_sleep_again(
    elastic: RunningPlatform, client: httpx.Client
) -> None:
    eventually(lambda: is_asleep(elastic), 30, "asr asleep")
    assert (stage(elastic, "asr")["status"], state(client, "fake-asr")) == (200, "available")
    seen: list[str] = []
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(
            httpx.post,
            f"{elastic.url}/v1/audio/transcriptions",
            files={"file": ("a.wav", recording())},
            data={"model": "fake-asr"},
            trust_env=False,
            timeout=60,
        )

        def is_answered() -> bool:
            readiness = stage(elastic, "asr")
            assert readiness["status"] == 200
            seen.append(readiness["state"])
            return answer.done()

        eventually(is_answered, 60, "an answer")
        assert answer.result().status_code == 200, answer.result().text
    assert set(seen) <= {"asleep", "waking", "ready"}
    assert "waking" in seen
    eventually(lambda: is_asleep(elastic), 30, "asr asleep again")
    eventually(lambda: state(client, "fake-asr") == "available", 10, "its model available again")


@contextmanager
def chats(platform: RunningPlatform, count: int) -> Iterator[None]:
    """So many at once, one after the other, each over a connection of its own; all are answered."""
    is_over = Event()

    def chat() -> set[int]:
        statuses = set()
        while not is_over.is_set():
            answer = httpx.post(f"{platform.url}/v1/chat/completions", json=_CHAT, trust_env=False, timeout=60)
            statuses.add(answer.status_code)
        return statuses

    with ThreadPoolExecutor(count) as pool:
        asked = [pool.submit(chat) for _ in range(count)]
        try:
            yield
        finally:
            is_over.set()
        assert [each.result() for each in asked] == [{200}] * count


def replicas_at_the_edge(platform: RunningPlatform) -> int:
    """Ingress replicas that requests may go to."""
    return int(httpx.get(f"{platform.stats_url}/replicas", trust_env=False, timeout=5).text)


def test_a_second_replica_comes_with_the_load_and_goes_with_it(elastic: RunningPlatform) -> None:
    with chats(elastic, 4):
        eventually(lambda: stage(elastic, "llm").get("replicas_ready") == 2, 30, "two replicas of llm")
    eventually(lambda: stage(elastic, "llm").get("replicas_ready") == 1, 30, "one replica of llm")


def test_a_further_gateway_is_found_by_the_edge_and_leaves_without_a_failure(elastic: RunningPlatform) -> None:
    with chats(elastic, 10):
        eventually(lambda: replicas_at_the_edge(elastic) == 3, 40, "three ingress replicas")
    with chats(elastic, 1):
        eventually(lambda: replicas_at_the_edge(elastic) == 2, 40, "two ingress replicas")


def test_two_voices_asked_for_in_turns_are_each_loaded_by_one_replica(
    elastic: RunningPlatform, client: httpx.Client
) -> None:
    def speak(voice: str) -> None:
        asked = {"model": f"voice-{voice}", "voice": voice, "input": "Hello.", "response_format": "pcm"}
        client.post("/v1/audio/speech", json=asked).raise_for_status()

    speak("a")
    assert sorted(loaded_voices(elastic)) == [[], ["voice-a"]]
    # Serve has told the callers meanwhile. A request within some tenths of a second might have gone to either replica.
    for _ in range(15):
        speak("b")
        speak("a")
    assert sorted(loaded_voices(elastic)) == [["voice-a"], ["voice-b"]]
