"""Models that the platform loads when they are first asked for, seen from outside."""

import threading
import time

import httpx
import pytest

from tests.platform.running import RunningPlatform, eventually

pytestmark = [pytest.mark.serve, pytest.mark.models, pytest.mark.enable_socket, pytest.mark.timeout(300)]

ON_DEMAND = "kokoro-82m"


def state(client: httpx.Client, model: str) -> str:
    return str(client.get(f"/v1/models/{model}").raise_for_status().json()["state"])


def is_available(platform: RunningPlatform) -> bool:
    """Whether every ingress replica says that a request would load the model: each has an answer of its own, 3 s old at
    most."""
    for _ in range(6):  # a connection each, which the edge spreads over them
        with httpx.Client(base_url=platform.url, trust_env=False, timeout=60) as client:
            if state(client, ON_DEMAND) != "available":
                return False
    return True


def speech(model: str) -> dict[str, str]:
    return {"model": model, "voice": "alloy", "input": "One moment, please.", "response_format": "pcm"}


def test_a_model_on_demand_is_loaded_by_its_first_request_while_others_answer(
    platform: RunningPlatform, client: httpx.Client
) -> None:
    platform.wait_whole()
    if state(client, ON_DEMAND) == "loaded":  # some other test has asked for it: a new replica has not
        platform.replicas("tts")[0].kill()
        eventually(lambda: is_available(platform), 60, "the new replica without the model")
        platform.wait_whole()
    seen: list[str] = []
    answers: list[tuple[str, int]] = []
    is_over = threading.Event()

    def watch() -> None:
        with httpx.Client(base_url=platform.url, trust_env=False, timeout=60) as watcher:
            while "loaded" not in seen[-1:] and not is_over.is_set():
                seen.append(state(watcher, ON_DEMAND))
                answer = watcher.post("/v1/audio/speech", json=speech("tts-1"))
                answers.append(("tts-1", answer.status_code))
                answers.append(("readyz", watcher.get("/readyz").status_code))
                time.sleep(0.05)

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        eventually(lambda: seen, 30, "a first state")
        assert seen[0] in {"available", "loading"}
        first = client.post("/v1/audio/speech", json=speech(ON_DEMAND))
        watching.join(60)
    finally:
        is_over.set()
    assert (first.status_code, len(first.content) > 24_000) == (200, True)
    assert seen[-1] == "loaded"
    assert set(answers) == {("tts-1", 200), ("readyz", 200)}


def test_every_name_tells_its_state(client: httpx.Client) -> None:
    def settled() -> dict[str, str]:
        states = {model["id"]: model["state"] for model in client.get("/v1/models").json()["data"]}
        return states if set(states.values()) <= {"loaded", "available"} else {}

    states = eventually(settled, 30, "no model between two states")
    assert states["whisper-1"] == states["tts-1"] == states["smollm2-135m-instruct"] == "loaded"
