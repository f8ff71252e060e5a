"""``python -m benchmarks waking``: how long the first request waits for a model that sleeps, with real models.

Starts a platform of its own with ``serve_config.cluster.yaml``, whose sleepers fall asleep sooner. Must not know how a
replica starts.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from benchmarks.machine import describe_run
from benchmarks.measure import Row, Sample, markdown_table, ratio_row
from benchmarks.servers.started import start_platform, write_configuration
from smartlite.errors import Unavailable

_CONFIG: Final = Path(__file__).resolve().parents[1] / "serve_config.cluster.yaml"
_FIRST_PORT: Final = 21_000
_ASLEEP_AFTER_S: Final = 5.0
_ASLEEP_TIMEOUT_S: Final = 120.0
_ANSWER_TIMEOUT_S: Final = 330.0
_AWAKE: Final = 3
"""Requests to a model that is awake, of which the middle one counts."""
_TEXT: Final = "What is the largest ocean on Earth?"


def sleeping_configuration() -> dict[str, Any]:
    """The configuration for several machines, whose sleepers need not be waited for so long."""
    document: dict[str, Any] = yaml.safe_load(_CONFIG.read_text(encoding="utf-8"))
    for deployment in document["applications"][0]["deployments"]:
        scaling = deployment.get("autoscaling_config", {})
        if scaling.get("min_replicas") == 0:
            scaling["downscale_to_zero_delay_s"] = _ASLEEP_AFTER_S
            scaling["look_back_period_s"] = 12  # callers tell every 10 s
    return document


def measure(client: httpx.Client, rounds: int) -> list[Row]:
    """Ask each sleeper in turns: once asleep, then awake."""
    recording = _speak(client, "tts-1", "wav")
    asked: dict[str, tuple[str, Callable[[], object]]] = {
        "whisper-tiny.en": ("asr-english", partial(_transcribe, client, "whisper-tiny.en", recording)),
        "kokoro-82m": ("tts-languages", partial(_speak, client, "kokoro-82m", "pcm")),
    }
    asleep: dict[str, list[float]] = {model: [] for model in asked}
    awake: dict[str, list[float]] = {model: [] for model in asked}
    for _ in range(rounds):
        for model, (deployment, ask) in asked.items():
            _wait_asleep(client, deployment)
            asleep[model].append(_seconds(ask))
            awake[model].append(sorted(_seconds(ask) for _ in range(_AWAKE))[_AWAKE // 2])
    return [
        ratio_row(
            f"{model}: first request, against one when it is awake",
            Sample(tuple(awake[model]), "s"),
            Sample(tuple(asleep[model]), "s"),
        )
        for model in asked
    ]


def _wait_asleep(client: httpx.Client, deployment: str) -> None:
    deadline = time.monotonic() + _ASLEEP_TIMEOUT_S
    while client.get("/readyz").json()["stages"][deployment]["state"] != "asleep":
        if time.monotonic() > deadline:
            raise Unavailable(f"{deployment} was not asleep after {_ASLEEP_TIMEOUT_S:g} s.")
        time.sleep(0.5)


def _speak(client: httpx.Client, model: str, audio_format: str) -> bytes:
    asked = {"model": model, "voice": "alloy", "input": _TEXT, "response_format": audio_format}
    return client.post("/v1/audio/speech", json=asked).raise_for_status().content


def _transcribe(client: httpx.Client, model: str, recording: bytes) -> None:
    files = {"file": ("question.wav", recording)}
    client.post("/v1/audio/transcriptions", files=files, data={"model": model}).raise_for_status()


def _seconds(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


def main(arguments: Sequence[str]) -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks waking", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        config = write_configuration(Path(folder) / "serve_config.yaml", sleeping_configuration())
        with (
            start_platform(config, Path(folder) / "data", "off", _FIRST_PORT) as platform,
            httpx.Client(base_url=platform.url, trust_env=False, timeout=_ANSWER_TIMEOUT_S) as client,
        ):
            rows = measure(client, asked.rounds)
    print(describe_run(["python", "-m", "benchmarks", "waking", *arguments]))
    print(f"\n{markdown_table(rows)}")
    return 0
