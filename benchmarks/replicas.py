"""A long text spoken by a platform with two TTS replicas and by one with one, a thread each.

Must not know how replicas share a text. Each platform is started here, alone, on ports of its own.
"""

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.client import Gateway
from benchmarks.measure import Goal, Row, Sample, figure, ratio_row, value_row
from benchmarks.servers.started import fake_configuration, start_platform, write_configuration
from benchmarks.tune.knobs import with_setting
from smartlite.config import load_settings
from smartlite.errors import Unavailable
from smartlite.models.catalog_file import load_catalog

LONG_TEXT: Final = " ".join(
    (
        "The lighthouse stands at the end of a narrow road that winds along the cliffs.",
        "It was built of grey stone more than two hundred years ago.",
        "Every evening the keeper climbed the stairs and lit the lamp.",
        "Ships far out at sea looked for its beam in the dark.",
        "On stormy nights the waves reached almost as high as the windows.",
        "The keeper's family lived in a small white house beside the tower.",
        "They kept goats, grew potatoes, and mended the nets of the fishermen.",
        "In winter no boat could land on the island for weeks.",
        "Then they read aloud to each other by the fire.",
        "Today the lamp is electric and nobody has to climb the stairs.",
        "Visitors come in summer to see the view from the gallery.",
        "On a clear day they can count eleven islands on the horizon.",
    )
)
_FASTER_GOAL: Final = Goal("at least", 1.5)
_FIRST_PORT: Final = 29_000
_READY_S: Final = 120.0
_POLL_S: Final = 0.5
_AHEAD: Final = 2
_LOOK_ROUND_S: Final = 8.0
"""Replicas look every five seconds how many they are, at a health check."""


def speech_rows(config: Path, runs: int) -> list[Row]:
    """Seconds of the long text with one replica and with two, one platform after the other."""
    one, two = (_measure(config, replicas, runs) for replicas in (1, 2))
    first_one, first_two = (Sample(tuple(first for first, _ in rounds), "s") for rounds in (one, two))
    whole_one, whole_two = (Sample(tuple(whole for _, whole in rounds), "s") for rounds in (one, two))
    faster = whole_one.median / whole_two.median
    return [
        Row(
            f"TTS, {len(LONG_TEXT)} characters, two replicas against one",
            str(whole_one),
            str(whole_two),
            f"{figure(faster)}x faster",
            str(_FASTER_GOAL),
            _FASTER_GOAL.is_met(faster),
        ),
        ratio_row("TTS, the same text, first audio, two replicas against one", first_one, first_two),
        value_row("TTS, the same text, first audio, two replicas", first_two),
    ]


def only_speech(document: dict[str, Any], replicas: int) -> dict[str, Any]:
    """The configuration with so many TTS replicas of a thread each; the other stages compute nothing."""
    changed = with_setting(
        document,
        (
            ("deployments.tts.num_replicas", replicas),
            ("args.tts.models.0.options.threads", 1),
            ("args.tts.sentences_ahead", _AHEAD),
        ),
    )
    application, fakes = changed["applications"][0], fake_configuration()["applications"][0]["args"]
    application["args"] = {"tts": application["args"]["tts"], "asr": fakes["asr"], "llm": fakes["llm"]}
    return changed


def _measure(config: Path, replicas: int, runs: int) -> list[tuple[float, float]]:
    from graphs.config import read_serve_config  # noqa: PLC0415 - imports Ray, which takes seconds

    document = read_serve_config(config, load_catalog(load_settings().catalog))
    with tempfile.TemporaryDirectory(prefix="smartlite-replicas-") as folder:
        path = write_configuration(Path(folder) / "serve_config.yaml", only_speech(document, replicas))
        with start_platform(path, Path(folder) / "data", "off", _FIRST_PORT) as platform:
            _wait_for_replicas(platform.url, replicas)
            with Gateway(platform.url) as gateway:
                gateway.speak(LONG_TEXT, "pcm")  # unrecorded
                spoken = [gateway.speak(LONG_TEXT, "pcm") for _ in range(runs)]
    return [(speech.first_audio_s, speech.total_s) for speech in spoken]


def _wait_for_replicas(url: str, replicas: int) -> None:
    deadline = time.perf_counter() + _READY_S
    while time.perf_counter() < deadline:
        stages = httpx.get(f"{url}/readyz", timeout=10.0, trust_env=False).json().get("stages", {})
        if stages.get("tts", {}).get("replicas_ready") == replicas:
            time.sleep(_LOOK_ROUND_S)
            return
        time.sleep(_POLL_S)
    raise Unavailable(f"The platform had no {replicas} TTS replicas after {_READY_S:g} s.")
